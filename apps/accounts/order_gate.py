"""Whether a connection takes new orders at all, whatever their terms.

Three things close it: the broker session is not READY, web and gateway run different code, or
IB Gateway is about to restart. Cancels and the kill switch never ask here.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from apps.accounts.models import Connection, Phase
from apps.accounts.selectors import gateway_is_silent, is_ready
from apps.common.db import database_now
from apps.common.version import code_version
from apps.domain.restart import RestartSchedule

VERSION_MISMATCH = "VERSION_MISMATCH"
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class ClosedGate:
    """Why no new order is taken: the code of the answer, a narrower reason, and a sentence."""

    code: str
    reason: str
    sentence: str
    retry_after_s: int = RETRY_AFTER_S


def closed_gate(connection: Connection, *, now: datetime) -> ClosedGate | None:
    """Return why the connection takes no new order at `now`, the database's clock; None if it does."""
    restart = restart_ahead(connection, now=now)
    if restart is not None:
        sentence = f"IB Gateway restarts at {restart:%H:%M} UTC; new orders wait until it is READY again"
        seconds_to_it = int((restart - now).total_seconds())
        return ClosedGate("RESTART_WINDOW", "RESTART_WINDOW", sentence, max(RETRY_AFTER_S, seconds_to_it))
    if not is_ready(connection, now=now):
        phase = connection.phase
        return ClosedGate("BROKER_NOT_READY", phase, f"Not connected to IB Gateway ({phase})")
    if not runs_our_code(connection):
        sentence = "The gateway runs another version of the code; new orders wait until both are equal"
        return ClosedGate("BROKER_NOT_READY", VERSION_MISMATCH, sentence)
    return None


def runs_our_code(connection: Connection) -> bool:
    """Tell whether the gateway that holds the lease runs the code of this process."""
    return connection.code_version == code_version()


def restart_ahead(connection: Connection, *, now: datetime | None = None) -> datetime | None:
    """Return the scheduled restart that keeps the gate closed; None without one.

    `now` is the database's clock, read here if it is not given.
    """
    schedule: RestartSchedule | None = settings.JAXBROKER_RESTART
    if schedule is None:
        return None
    now = now or database_now()
    stands = connection.phase == Phase.READY and not gateway_is_silent(connection, now)
    return schedule.closed_for(now, signed_in_at=connection.connected_since if stands else None)
