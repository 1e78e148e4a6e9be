"""What happened to an order that was denied, rejected, in doubt, late or corrected, in three sentences."""

from collections.abc import Sequence
from datetime import datetime

from apps.common.figures import count
from apps.domain.ib_codes import ib_code
from apps.domain.orders import OrderStatus
from apps.orders.models import Execution, Order, OrderEvent
from apps.orders.story_words import SOURCES

_HOW = {"resolved_by_hand": "by hand"}


def doubt_of(events: Sequence[OrderEvent]) -> tuple[float, datetime | None]:
    """Return for how many seconds it was UNKNOWN, and since when it is, if it still is."""
    total, since = 0.0, None
    for event in events:
        if event.to_status == OrderStatus.UNKNOWN:
            since = since or event.at
        elif since is not None:
            total, since = total + (event.at - since).total_seconds(), None
    return total, since


def summary_of(
    order: Order, events: Sequence[OrderEvent], executions: Sequence[Execution], *, doubt_s: float
) -> list[str]:
    """Return up to three sentences if something unusual happened, else nothing."""
    said = [
        *_how_it_was_refused(order),
        *_how_doubt_ended(events, doubt_s=doubt_s),
        *(["The broker showed it after our books had ended it."] if order.late else []),
    ]
    replaced = sum(1 for one in executions if one.superseded)
    if replaced:
        said.append(f"The broker corrected or took back {count(replaced, 'report')} of its fills.")
    return said[:3]


def _how_it_was_refused(order: Order) -> list[str]:
    if order.status == OrderStatus.DENIED and order.refusals:
        return [f"Denied by us: {'; '.join(order.refusals)}. The broker never saw it."]
    if order.status == OrderStatus.REJECTED and order.ib_error_code:
        code = ib_code(order.ib_error_code)
        return [f"Rejected by the broker, {code.number}: {code.title}. {code.cause}. {code.fix}."]
    if order.status == OrderStatus.EXPIRED_UNSENT:
        return [f"Expired unsent: {', '.join(order.reason_codes)}. The broker never saw it."]
    return []


def _how_doubt_ended(events: Sequence[OrderEvent], *, doubt_s: float) -> list[str]:
    doubted = [event for event in events if event.to_status == OrderStatus.UNKNOWN]
    if not doubted:
        return []
    ended = next(
        (
            one
            for one in events
            if one.from_status == OrderStatus.UNKNOWN and one.to_status != one.from_status
        ),
        None,
    )
    if ended is None:
        return ["Nobody knows whether the broker has it. It will not be sent again."]
    heard = SOURCES.get(ended.cause)
    how = _HOW.get(ended.cause) or (f"heard in {heard}" if heard else "by our own looks")
    return [f"It was in doubt for {doubt_s:.1f} s and was not sent again; then {ended.to_status}, {how}."]
