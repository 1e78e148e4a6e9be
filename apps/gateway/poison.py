"""A fact that cannot be booked must be seen by people and must not stop the facts behind it.

A bug or a message nobody expected would otherwise end the broker session, come again with the
next one, and end that too. So it is logged with its whole trace, trading goes to REDUCING, and
the lane moves on.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from apps.common.aio import in_db
from apps.domain.errors import DomainError
from apps.gateway.lease import STORE_TROUBLE
from apps.gateway.session_state import SessionState
from apps.safety.selectors import EVERYTHING
from apps.safety.services.states import reduce_trading

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_S = 0.5
DEADLINE_S = 5.0
REASON = "A fact of the broker could not be booked, see the log of the gateway"


async def book_fact(
    state: SessionState, service: Callable[..., T], *args: object, **kwargs: object
) -> T | None:
    """Call a facts service until the database has answered; None if the fact cannot be booked.

    The service gets `sender` of the session as a keyword.
    """
    return await insist(service, *args, sender=state.sender, **kwargs)


async def insist(service: Callable[..., T], *args: object, **kwargs: object) -> T | None:
    """Call a service on the facts lane until the database has answered; None if it raises."""
    while True:
        try:
            return await in_db(service, *args, lane="facts", deadline_s=DEADLINE_S, **kwargs)
        except STORE_TROUBLE:
            logger.warning("fact waits for the database", extra={"service": service.__name__})
            await asyncio.sleep(RETRY_S)
        except Exception:
            logger.exception("fact could not be booked", extra={"service": service.__name__})
            await _reduce()
            return None


async def _reduce() -> None:
    """Make trading stricter; a halt stays a halt."""
    try:
        await in_db(reduce_trading, scope=EVERYTHING, by="gateway", reason=REASON, lane="facts")
    except (DomainError, *STORE_TROUBLE):
        logger.exception("trading could not be reduced")
