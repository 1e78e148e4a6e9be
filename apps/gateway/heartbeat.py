"""Ask the broker the time and count what stays unanswered; bytes do not count, only answers do.

A half-open line looks alive to the socket. The first miss closes the order lane
(session_state), the second one ends the session.
"""

import asyncio
import logging

from apps.broker.port import BrokerTimeout
from apps.common.clock import boottime
from apps.gateway.endings import SessionOver
from apps.gateway.lease import LoopWatch
from apps.gateway.session_state import SessionState

logger = logging.getLogger(__name__)

EVERY_S = 10.0
#: Shorter than the period, so that two misses in a row are known 25 s after the last answer.
DEADLINE_S = 5.0
MISSES_ALLOWED = 2


async def run(state: SessionState, watch: LoopWatch) -> None:
    """Ask the time every 10 s until two answers in a row are missing; our own stalls are no miss."""
    while state.missed_beats < MISSES_ALLOWED:
        started = boottime()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await state.session.current_time()
        except (TimeoutError, BrokerTimeout):
            if not watch.has_stalled_since(started):
                state.missed_beats += 1
                logger.warning("heartbeat missed", extra={"missed": state.missed_beats})
        else:
            state.missed_beats = 0
        if state.missed_beats < MISSES_ALLOWED:
            await asyncio.sleep(max(0.0, started + EVERY_S - boottime()))
    raise SessionOver("IB Gateway did not answer two heartbeats")
