"""Order requests that go wrong: eaten, rejected, crossed by a fill, answered late or falsely."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Literal
from zlib import crc32

from apps.simulator.exchange import refusals
from apps.simulator.exchange.orders import Order, Status
from apps.simulator.faults.board import FaultSwitches
from apps.simulator.faults.port import Asked
from apps.simulator.faults.states import CancelFill, Refusal, Rejection, spend
from apps.simulator.faults.verbs import Chance, Code, Count, Seconds, verbs
from apps.simulator.protocol.order_messages import order_status

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

_REASONS = {
    105: "Order being modified does not match original order.",
    110: "The price does not conform to the minimum price variation for this contract.",
    133: "Submit new order failed.",
    134: "Modify order failed.",
    135: "Can't find order with ID = ",
    136: "This order cannot be cancelled.",
    161: "Cancel attempted when order is not in a cancellable state. Order permId =",
    201: "Order rejected - reason:We are unable to accept your order. Your available funds are insufficient.",
    399: "Order Message:\nWarning: your order will not be placed at the exchange until the open",
    404: "Order held while securities are located.",
    2102: "Unable to modify this order as it is still being processed.",
    2109: "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored.",
    10147: "OrderId {} that needs to be cancelled is not found.",
    10148: "OrderId {} that needs to be cancelled cannot be cancelled, state: Filled.",
    10349: "Order TIF was set to DAY based on order preset.",
}


def eat_order(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Let the next `count` placeOrder vanish: nothing of them ever reaches the venue."""
    faults.orders.eat_order = count


def eat_cancel(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Let the next `count` cancels vanish."""
    faults.orders.eat_cancel = count


def hold_fills(faults: FaultSwitches, *, on: bool = True) -> None:
    """Let orders work but not fill."""
    faults.orders.hold_fills = on


def release_fills(faults: FaultSwitches) -> None:
    """Let fills held back happen now."""
    faults.orders.hold_fills = False
    faults.port.pulse()


def reject_orders(
    faults: FaultSwitches,
    *,
    code: Code = 201,
    text: str = "",
    told: Literal["error", "error_then_status", "status_then_error"] = "status_then_error",
    chance: Chance = 1.0,
    seed: int = 1,
    count: Count = 1_000_000,
) -> None:
    """Reject the next `count` new orders, each with a chance that depends on seed, client and order id only.

    `told`: an error alone before anything else, or an Inactive status with the error before or after it.
    """
    faults.orders.reject_orders = Rejection(code, text or _reason(code, 0), told, chance, seed, count)


def reject_modify(faults: FaultSwitches, *, code: Code = 105, count: Count = 1) -> None:
    """Refuse the next `count` changes of working orders (105, 110, 201 …); the orders work on unchanged."""
    faults.orders.reject_modify = Refusal(code, _reason(code, 0), count)


def order_notice(faults: FaultSwitches, *, code: Code = 399, text: str = "", count: Count = 1) -> None:
    """Send a notice (399, 404, 2109, 10349 …) about the next `count` orders, which live."""
    faults.orders.order_notice = Refusal(code, text or _reason(code, 0), count)


def delay_cancel(faults: FaultSwitches, *, seconds: Seconds = 5) -> None:
    """Answer cancels with PendingCancel and carry them out later; until then the order may fill."""
    faults.orders.delay_cancel = seconds


def fill_on_cancel(
    faults: FaultSwitches, *, seconds: Seconds = 0, share: Chance = 1.0, count: Count = 1
) -> None:
    """Let the next `count` cancels meet a fill: PendingCancel, `share` of the rest fills, then the cancel."""
    faults.orders.fill_on_cancel = CancelFill(seconds, share, count)


def late_fill(faults: FaultSwitches, *, seconds: Seconds = 1, share: Chance = 1.0, count: Count = 1) -> None:
    """Let the next `count` cancelled orders fill after their Cancelled, `share` of what remained."""
    faults.orders.late_fill = CancelFill(seconds, share, count)


def answer_cancel(faults: FaultSwitches, *, code: Code = 10147, count: Count = 1) -> None:
    """Answer the next `count` cancels with an error (10147, 10148, 161, 135, 136); the orders work on."""
    faults.orders.answer_cancel = Refusal(code, _reason(code, 0), count)


def twin_order(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Let the next `count` changes of working orders be taken for new orders too: two, of one orderRef."""
    faults.orders.twin_order = count


def _reason(code: int, order_id: int) -> str:
    return _REASONS.get(code, f"Error {code}").replace("{}", str(order_id or "{}"))


def _order_of(faults: FaultSwitches, session: ClientSession, asked: Asked) -> Order | None:
    """Return the working order a request is about."""
    order = faults.port.venue.state.book.find(session.client_id, asked.request_id)
    return None if order is None or order.is_done else order


def _eat(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    name = "eat_order" if asked.is_order else "eat_cancel" if asked.is_cancel else ""
    return bool(name and spend(faults.orders, name))


def _reject(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    """Refuse a change, or a new order with an error alone."""
    if not asked.is_order:
        return False
    if _order_of(faults, session, asked) is not None:
        refusal = spend(faults.orders, "reject_modify")
        if refusal is not None:
            session.send_error(asked.request_id, refusal.code, refusal.text)
        return refusal is not None
    if _rejects(faults, session, asked, told="error"):
        rejection = spend(faults.orders, "reject_orders")
        session.venue.state.use_order_id(session.client_id, asked.request_id)
        session.send_error(asked.request_id, rejection.code, rejection.text)
        return True
    return False


def _rejects(faults: FaultSwitches, session: ClientSession, asked: Asked, *, told: str = "") -> bool:
    rejection = faults.orders.reject_orders
    if rejection is None or (rejection.told == "error") != (told == "error"):
        return False
    dice = crc32(f"{rejection.seed}:{session.client_id}:{asked.request_id}".encode()) / 2**32
    return dice < rejection.chance


def _hold_the_rejected(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    """Keep an order that is about to be rejected from filling on its way in."""
    key = (session.client_id, asked.request_id)
    is_new = asked.is_order and session.venue.state.book.find(*key) is None
    if is_new and not faults.orders.hold_fills and _rejects(faults, session, asked):
        faults.memory.setdefault("reject_orders", {})[key] = True
        faults.orders.hold_fills = True
    return False


def _reject_after(faults: FaultSwitches, session: ClientSession, asked: Asked) -> None:
    key = (session.client_id, asked.request_id)
    if not asked.is_order or not faults.memory.get("reject_orders", {}).pop(key, False):
        return
    faults.orders.hold_fills = False
    order = _order_of(faults, session, asked)
    rejection = spend(faults.orders, "reject_orders")
    if order is not None:
        is_error_first = rejection.told == "error_then_status"
        refusal = refusals.Refusal(rejection.code, rejection.text)
        faults.port.venue.exchange.reject_by_hand(order, refusal, is_error_first=is_error_first)


def _notify(faults: FaultSwitches, session: ClientSession, asked: Asked) -> None:
    if asked.is_order and _order_of(faults, session, asked) is not None:
        notice = spend(faults.orders, "order_notice")
        if notice is not None:
            session.send_error(asked.request_id, notice.code, notice.text)


def _cross_cancel(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    """Answer a cancel falsely, late, or after a fill."""
    if not asked.is_cancel:
        return False
    if refusal := spend(faults.orders, "answer_cancel"):
        text = refusal.text.replace("{}", str(asked.request_id))
        session.send_error(asked.request_id, refusal.code, text)
        return True
    order = _order_of(faults, session, asked)
    if order is None:
        return False
    exchange = faults.port.venue.exchange
    cancel = partial(exchange.cancel, session.client_id, order.order_id)
    if fill := spend(faults.orders, "fill_on_cancel"):
        _tell_pending(session, order)
        faults.later(fill.seconds, partial(_fill_then, faults, order, fill.share, cancel))
        return True
    if faults.orders.delay_cancel:
        _tell_pending(session, order)
        faults.later(faults.orders.delay_cancel, cancel)
        return True
    if fill := spend(faults.orders, "late_fill"):
        faults.later(fill.seconds, partial(_fill_then, faults, order, fill.share, None))
    return False


def _tell_pending(session: ClientSession, order: Order) -> None:
    status = order_status(order)
    session.send([*status[:2], "PendingCancel", *status[3:]])


def _fill_then(faults: FaultSwitches, order: Order, share: float, then: partial[None] | None) -> None:
    if order.status is not Status.FILLED:
        shares = max(1.0, order.remaining * share // 1)
        faults.port.venue.exchange.fill_by_hand(order, shares=min(shares, order.remaining))
    if then is not None:
        then()


def _remember_original(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    order = _order_of(faults, session, asked) if asked.is_order and faults.orders.twin_order else None
    if order is not None and order.status is not Status.API_PENDING:
        faults.memory.setdefault("twin_order", {})[order.key] = copy.deepcopy(order)
    return False


def _make_twin(faults: FaultSwitches, session: ClientSession, asked: Asked) -> None:
    key = (session.client_id, asked.request_id)
    original = faults.memory.get("twin_order", {}).pop(key, None) if asked.is_order else None
    if original is None or not spend(faults.orders, "twin_order"):
        return
    venue = faults.port.venue
    original.order_id = venue.state.book.next_order_id()
    original.status, original.parent_id, original.oca_group = Status.API_PENDING, 0, ""
    original.quantity, original.filled, original.filled_value = original.remaining, 0.0, 0.0
    venue.exchange.place(original)


VERBS = verbs(
    eat_order,
    eat_cancel,
    hold_fills,
    release_fills,
    reject_orders,
    reject_modify,
    order_notice,
    delay_cancel,
    fill_on_cancel,
    late_fill,
    answer_cancel,
    twin_order,
)
BEFORE = (_eat, _reject, _cross_cancel, _remember_original, _hold_the_rejected)
AFTER = (_reject_after, _notify, _make_twin)
