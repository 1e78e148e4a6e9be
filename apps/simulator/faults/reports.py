"""What is told of orders: late, twice, in another order, under another number, or of somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from apps.simulator.exchange.events import CommissionCharged, Event, Executed, OrderChanged
from apps.simulator.exchange.orders import DONE, Order, Status
from apps.simulator.faults.board import FaultSwitches
from apps.simulator.faults.states import Copies, Shuffle, spend
from apps.simulator.faults.verbs import Answer, Bounds, Count, Seconds, Times, verbs
from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.protocol.messages import Message, Out
from apps.simulator.protocol.order_messages import completed_order, open_order, order_status

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

REPORTS = [3, 5, 11, 59]
Composer = Callable[[int], list[Message]]


def delay_acks(faults: FaultSwitches, *, seconds: Seconds = 1) -> None:
    """Tell everything about orders (openOrder, orderStatus, execDetails, commission) so much later."""
    faults.reports.delay_acks = seconds


def duplicate(
    faults: FaultSwitches,
    *,
    messages: list[int] = REPORTS,
    times: Times = 2,
) -> None:
    """Send each message of these kinds several times."""
    faults.reports.duplicate = Copies(tuple(messages), times)


def duplicate_status(faults: FaultSwitches, *, times: Times = 3) -> None:
    """Send each orderStatus several times."""
    faults.reports.duplicate_status = times


def duplicate_executions(faults: FaultSwitches, *, times: Times = 2) -> None:
    """Send each execDetails several times."""
    faults.reports.duplicate_executions = times


def out_of_order(faults: FaultSwitches, *, window: Annotated[int, Bounds(2, 100)] = 4, seed: int = 1) -> None:
    """Shuffle what is told of orders within a window of so many messages."""
    faults.reports.out_of_order = Shuffle(window, seed)


def filled_before_execution(faults: FaultSwitches, *, seconds: Seconds = 1) -> None:
    """Tell the status of a fill at once, its execution and commission so much later."""
    faults.reports.filled_before_execution = seconds


def execution_before_ack(faults: FaultSwitches, *, on: bool = True) -> None:
    """Tell executions before the first openOrder and orderStatus of their order."""
    faults.reports.execution_before_ack = on


def commission_first(faults: FaultSwitches, *, on: bool = True) -> None:
    """Tell each commission before its execution."""
    faults.reports.commission_first = on


def delay_commission(faults: FaultSwitches, *, seconds: Seconds = 30) -> None:
    """Tell commissions so much later."""
    faults.reports.delay_commission = seconds


def commission_on_request(faults: FaultSwitches, *, on: bool = True) -> None:
    """Never tell a commission by itself, only to those who ask for executions."""
    faults.reports.commission_on_request = on


def stale_status(faults: FaultSwitches, *, on: bool = True) -> None:
    """Repeat Submitted after the last status of each order."""
    faults.reports.stale_status = on


def two_perm_ids(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Tell the next `count` new orders with permId 0 first, then one, then another from a change on."""
    faults.reports.two_perm_ids = count


def unsolicited_completed(faults: FaultSwitches) -> Answer:
    """Send every client a completedOrder it did not ask for."""
    book = faults.port.venue.state.book
    order = next((one for one in reversed(list(book.all_orders())) if one.is_done), None)
    found = order or replace(_foreign(1, 0), status=Status.CANCELLED, completed_at=faults.clock.epoch())
    return _tell_all(faults, lambda version: [completed_order(version, found, parent_perm_id=None)])


def foreign_order(
    faults: FaultSwitches,
    *,
    order_id: Annotated[int, Bounds(-2_147_483_648, 2_147_483_647)] = 2_000_000_000,
    client_id: Annotated[int, Bounds(0, 2_147_483_647)] = 999,
) -> Answer:
    """Send every client an openOrder and a status of an order it never placed, with any order id."""
    order = _foreign(order_id, client_id)
    return _tell_all(faults, lambda version: [open_order(version, order), order_status(order)])


def _foreign(order_id: int, client_id: int) -> Order:
    return Order(
        perm_id=1_999_999_999,
        order_id=order_id,
        client_id=client_id,
        con_id=BY_SYMBOL["AAPL"].con_id,
        exchange="SMART",
        action="BUY",
        quantity=1.0,
        kind="LMT",
        limit_price=1.0,
        aux_price=None,
        tif="GTC",
        oca_group="",
        oca_type=0,
        parent_id=0,
        order_ref="somebody else's",
        transmit=True,
        account="",
        status=Status.SUBMITTED,
    )


def _tell_all(faults: FaultSwitches, compose: Composer) -> Answer:
    sessions = list(faults.port.sessions.values())
    for session in sessions:
        for message in compose(session.version):
            session.send(message)
    return {"clients": len(sessions)}


def _copy(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    reports = faults.reports
    times = 1
    if reports.duplicate is not None and message[0] in reports.duplicate.messages:
        times = reports.duplicate.times
    if message[0] == Out.ORDER_STATUS:
        times = max(times, reports.duplicate_status)
    if message[0] == Out.EXECUTION:
        times = max(times, reports.duplicate_executions)
    return [message] * times


def _part(faults: FaultSwitches, events: list[Event]) -> list[Event]:
    """Take executions or commissions out, to be told later or never."""
    reports = faults.reports
    if reports.filled_before_execution:
        events = _postpone(faults, events, (Executed, CommissionCharged), reports.filled_before_execution)
    if reports.commission_on_request:
        events = [one for one in events if not isinstance(one, CommissionCharged)]
    if reports.delay_commission:
        events = _postpone(faults, events, (CommissionCharged,), reports.delay_commission)
    return events


def _postpone(
    faults: FaultSwitches, events: list[Event], kinds: tuple[type[Event], ...], seconds: float
) -> list[Event]:
    late = [one for one in events if isinstance(one, kinds)]
    if late:
        faults.later(seconds, partial(faults.port.tell, late))
    return [one for one in events if not isinstance(one, kinds)]


def _rearrange(faults: FaultSwitches, events: list[Event]) -> list[Event]:
    if faults.reports.execution_before_ack:
        events = sorted(events, key=lambda one: not isinstance(one, Executed))
    if faults.reports.commission_first:
        charged = {one.fill.exec_id: one for one in events if isinstance(one, CommissionCharged)}
        told = [one for one in events if not isinstance(one, CommissionCharged)]
        events = [two for one in told for two in _with_commission_first(one, charged)] + list(
            charged.values()
        )
    return events


def _with_commission_first(event: Event, charged: dict[str, CommissionCharged]) -> list[Event]:
    first = charged.pop(event.fill.exec_id, None) if isinstance(event, Executed) else None
    return [first, event] if first else [event]


def _repeat_status(faults: FaultSwitches, events: list[Event]) -> list[Event]:
    if not faults.reports.stale_status:
        return events
    found: list[Event] = []
    for event in events:
        found.append(event)
        if isinstance(event, OrderChanged) and event.with_status and event.order.status in DONE:
            stale = replace(event.order, status=Status.SUBMITTED)
            found.append(OrderChanged(stale, with_terms=False))
    return found


def _renumber(faults: FaultSwitches, events: list[Event]) -> list[Event]:
    """Tell of a new order under 0, then of its permId, and give it another at its next change."""
    if not (faults.reports.two_perm_ids or faults.memory.get("two_perm_ids")):
        return events
    return [_renumbered(faults, event) for event in events]


def _renumbered(faults: FaultSwitches, event: Event) -> Event:
    seen = faults.memory.setdefault("two_perm_ids", {})
    match event:
        case OrderChanged():
            key, perm_id = event.order.key, event.order.perm_id
        case Executed() | CommissionCharged():
            key, perm_id = (event.fill.client_id, event.fill.order_id), event.fill.perm_id
        case _:
            return event
    if key not in seen:
        is_new = isinstance(event, OrderChanged) and event.order.filled == 0
        if not is_new or not spend(faults.reports, "two_perm_ids"):
            return event
        seen[key] = 0
    told = _next_perm_id(faults, key, perm_id, is_change=isinstance(event, OrderChanged))
    if isinstance(event, OrderChanged):
        return replace(event, order=replace(event.order, perm_id=told))
    return replace(event, fill=replace(event.fill, perm_id=told))


def _next_perm_id(faults: FaultSwitches, key: tuple[int, int], perm_id: int, *, is_change: bool) -> int:
    """Count what was told of an order: first 0, then its own number, from the third change on another."""
    seen = faults.memory["two_perm_ids"]
    seen[key] += is_change
    if seen[key] <= 1:
        return 0
    return perm_id if seen[key] == 2 else perm_id + 1_000_000


VERBS = verbs(
    delay_acks,
    duplicate,
    duplicate_status,
    duplicate_executions,
    out_of_order,
    filled_before_execution,
    execution_before_ack,
    commission_first,
    delay_commission,
    commission_on_request,
    stale_status,
    two_perm_ids,
    unsolicited_completed,
    foreign_order,
)
REWRITES = (_copy,)
RETELLS = (_renumber, _repeat_status, _rearrange, _part)
