"""What it means that the broker's complete lists show no trace of an order.

Absence is weak evidence: a stopped IB Gateway executes late (spec/orders.md F2), so an order
in doubt is called NOT_PLACED only after several complete looks, and may come back even then.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from apps.domain.calendar import zone_of
from apps.domain.orders import IN_DOUBT, OPEN, OrderStatus

LOOKS_NEEDED = 3
LOOKS_SPAN = timedelta(seconds=60)
FIRST_LOOK_AFTER = timedelta(seconds=30)

#: Two looks that far apart make a position nobody explains an incident (R25).
MISMATCH_AFTER = timedelta(seconds=30)

#: IB Gateway shows executions since midnight; the customary zone of a US account.
_ACCOUNT_ZONE = "US/Eastern"


def window_start(now: datetime, gateway_zone: str = "") -> datetime:
    """Return the earliest instant that the broker's list of executions surely covers.

    That is midnight where IB Gateway runs, as far as it named its zone, or where US accounts
    live, whichever was later: what was written before may have traded unseen.
    """
    return max(_midnight(now, _ACCOUNT_ZONE), _midnight(now, gateway_zone or _ACCOUNT_ZONE))


def _midnight(now: datetime, zone: str) -> datetime:
    local = now.astimezone(zone_of(zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


class Absence(StrEnum):
    """What to do with an order that no list names."""

    WAIT = "WAIT"
    DOUBT = "DOUBT"
    COUNT = "COUNT"
    NOT_PLACED = "NOT_PLACED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class TracelessOrder:
    """An order of ours that the four complete lists do not name.

    `written_at` is the commit of IN_FLIGHT; `looks` counts earlier complete looks, the first
    of them at `first_look_at`. `rejected_in_session` says that IB sent a reject code for its
    id in this very broker session, before the lists were read. `was_seen` says that the broker
    has shown the order once: it exists, so it can be lost from view but was placed.
    """

    status: OrderStatus
    written_at: datetime
    looks: int
    first_look_at: datetime | None
    rejected_in_session: bool
    has_fills: bool
    was_seen: bool


def judge_absence(order: TracelessOrder, *, now: datetime, window_start: datetime) -> Absence:
    """Decide what a complete look without a trace means for one order.

    `window_start` is the earliest instant that the list of executions covers; an order
    written before it could have traded unseen and is never called NOT_PLACED.
    """
    if order.rejected_in_session and not order.has_fills:
        return Absence.REJECTED
    if order.status in OPEN:
        return Absence.DOUBT
    if order.status not in IN_DOUBT or now - order.written_at < FIRST_LOOK_AFTER:
        return Absence.WAIT
    if order.has_fills or order.was_seen or order.written_at < window_start:
        return Absence.WAIT
    first = order.first_look_at or now
    if order.looks + 1 >= LOOKS_NEEDED and now - first >= LOOKS_SPAN:
        return Absence.NOT_PLACED
    return Absence.COUNT
