"""Make trading stricter by itself, never looser: expiry, the HALT file, the signal, breakers.

Lives as long as the process and needs no broker session. The brake has stopped the order lane
before the database knows; here the halt becomes a row as soon as the database answers.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import NoReturn

from apps.common.aio import in_db
from apps.gateway.lease import STORE_TROUBLE
from apps.gateway.session_state import Brake
from apps.orders.services.flight import expire_unsent
from apps.orders.services.wishes import kill
from apps.safety.selectors import all_states, breaker_waits
from apps.safety.services.incidents import trip_breakers
from apps.safety.services.states import confirm_halts

logger = logging.getLogger(__name__)

RHYTHM_S = 0.25
KILL_DEADLINE_S = 5.0
HALTED = "HALTED"


async def run(brake: Brake) -> NoReturn:
    """Look four times a second; a database that does not answer is asked again."""
    latch = Latch(brake)
    while True:
        try:
            await latch.write_halt()
            await in_db(expire_unsent, lane="orders")
            await in_db(_trip_breakers, lane="orders")
            await in_db(_confirm_new_halts, datetime.now(UTC), lane="orders")
        except STORE_TROUBLE:
            logger.warning("sentinel waits for the database")
        await asyncio.sleep(RHYTHM_S)


class Latch:
    """Turns each pull of the brake into one committed halt.

    A file that stays holds the order lane as long as it lies there, but is written only once;
    taken away and put back it is a new halt.
    """

    def __init__(self, brake: Brake) -> None:
        self._brake = brake
        self._file_written = False

    async def write_halt(self) -> None:
        """Halt and cancel everything if the brake was pulled since the last time."""
        by_file = self._brake.halt_file.exists()
        if not by_file:
            self._file_written = False
        if not (self._brake.pulled or (by_file and not self._file_written)):
            return
        by = "HALT file" if by_file else "SIGUSR1"
        logger.critical("kill switch pulled", extra={"by": by})
        await in_db(
            kill,
            by=by,
            reason=f"{by} at the gateway",
            lane="orders",
            deadline_s=KILL_DEADLINE_S,
        )
        self._file_written = by_file
        self._brake.release()


def _trip_breakers() -> None:
    """Do what a process left out that died between an incident and its reduction."""
    if breaker_waits():
        trip_breakers()


def _confirm_new_halts(now: datetime) -> None:
    """Look before writing: four write transactions a second would stand in everybody's way."""
    if any(row.state == HALTED and row.confirmed_at is None for row in all_states()):
        confirm_halts(now)
