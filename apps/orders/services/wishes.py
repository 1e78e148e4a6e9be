"""Wishes about orders that exist: cancel one, kill everything.

A cancel is a wish, never a promise: what was not sent ends here and now, what may be at the
broker ends when the broker says so. No control but authentication stands before a cancel.
"""

import logging
from collections.abc import Iterable

from django.db import OperationalError
from django.utils import timezone

from apps.common.bell import ring_on_commit
from apps.common.db import database_now, short_transaction
from apps.domain.errors import DomainError
from apps.domain.orders import CLOSED, IN_DOUBT, NOT_CLOSED, OPEN, UNSENT, OrderStatus
from apps.orders.models import KillReport, Order
from apps.orders.selectors import CANCEL_WISH_LIFE, OrderNotFound
from apps.orders.services.transitions import lock_orders, move, note
from apps.safety.selectors import EVERYTHING
from apps.safety.services.states import halt_trading

logger = logging.getLogger(__name__)


class OrderTerminal(DomainError):
    """The order has ended already."""

    code = "ORDER_TERMINAL"


class OrderNotOurs(DomainError):
    """The order was made outside of us and is read-only here."""

    code = "NOT_MODIFIABLE"


def request_cancel(order_id: int, *, by: str, request_id: str = "") -> Order:
    """Ask for the end of an order and of the legs that wait for it; asking twice is one wish.

    Unsent orders become CANCELLED_UNSENT at once. Raises OrderTerminal for one that ended some
    other way, OrderNotOurs, OrderNotFound.
    """
    with short_transaction():
        family = lock_orders(_family(order_id))
        order = next((row for row in family if row.pk == order_id), None)
        if order is None:
            raise OrderNotFound(f"Order {order_id} was not found")
        _refuse_ended(order)
        for row in family:
            if row.standing in NOT_CLOSED:
                _wish(row, by=by, request_id=request_id)
        ring_on_commit("orders")
    return order


def _family(order_id: int) -> list[int]:
    """Return an order and its legs: a leg never outlives a parent that was cancelled unsent."""
    legs = Order.objects.filter(parent_id=order_id, parent__status__in=UNSENT)
    return [order_id, *legs.values_list("pk", flat=True)]


def _refuse_ended(order: Order) -> None:
    if order.origin != "OWN":
        raise OrderNotOurs
    if order.standing in CLOSED - {OrderStatus.CANCELLED, OrderStatus.CANCELLED_UNSENT}:
        raise OrderTerminal(f"Order is already {order.status}", order_id=order.pk, order_uuid=str(order.uuid))


def _wish(order: Order, *, by: str, request_id: str) -> None:
    """Write the wish into a locked row that has not ended."""
    if order.standing in UNSENT:
        move(
            order,
            OrderStatus.CANCELLED_UNSENT,
            cause="cancelled_unsent",
            actor=by,
            evidence={"request_id": request_id},
            changes={"cancel_requested_at": database_now()},
        )
        return
    now = database_now()
    if order.cancel_requested_at is not None and order.cancel_requested_at > now - CANCEL_WISH_LIFE:
        return
    changes = {"cancel_requested_at": now, "cancel_sent_at": None, "cancel_attempts": 0}
    evidence = {"request_id": request_id}
    if order.standing in IN_DOUBT:
        note(order, cause="cancel_wished", actor=by, evidence=evidence, changes=changes)
    elif order.status == OrderStatus.PENDING_CANCEL:
        note(order, cause="cancel_requested", actor=by, evidence=evidence, changes=changes)
    else:
        move(
            order,
            OrderStatus.PENDING_CANCEL,
            cause="cancel_requested",
            actor=by,
            evidence=evidence,
            changes=changes,
        )


def kill(*, by: str, reason: str, request_id: str = "", cancel_open: bool = True) -> KillReport:
    """Halt everything and ask for the end of every order of ours; twice is harmless.

    The halt commits first and alone: from then on nothing becomes IN_FLIGHT, whatever happens
    to the rest. Reason: 5 to 200 characters. Raises what halt_trading raises.
    """
    state = halt_trading(scope=EVERYTHING, by=by, reason=reason, request_id=request_id)
    report = KillReport.objects.create(
        scope=EVERYTHING, actor=by, reason=reason, halt_epoch=state.halt_epoch, at=timezone.now()
    )
    if cancel_open:
        report.dropped_ids, report.order_ids = _cancel_all_insisting(by=by, request_id=request_id)
        report.save(update_fields=["dropped_ids", "order_ids"])
    return report


def _cancel_all_insisting(*, by: str, request_id: str) -> tuple[list[int], list[int]]:
    """Wish every cancel, once more if the database chose us to give way to somebody else."""
    try:
        return cancel_all(by=by, request_id=request_id)
    except OperationalError:
        logger.warning("cancels of a kill had to be asked for again")
        return cancel_all(by=by, request_id=request_id)


def cancel_all(*, by: str, request_id: str = "") -> tuple[list[int], list[int]]:
    """Wish the end of every order of ours; return the ids dropped unsent and those asked for."""
    with short_transaction():
        orders = lock_orders(_own_not_closed())
        unsent = [order.pk for order in orders if order.standing in UNSENT]
        for order in orders:
            _wish(order, by=by, request_id=request_id)
        ring_on_commit("orders")
    return unsent, [order.pk for order in orders if order.pk not in unsent]


def _own_not_closed() -> Iterable[int]:
    rows = Order.objects.filter(status__in=NOT_CLOSED, origin="OWN").order_by("pk")
    return rows.values_list("pk", flat=True)


def record_cancel_sent(order_id: int) -> bool:
    """Count a cancel frame that is about to be written; False if the order has ended meanwhile."""
    with short_transaction():
        locked = lock_orders([order_id])
        if not locked or locked[0].standing not in IN_DOUBT | OPEN:
            return False
        note(
            locked[0],
            cause="cancel_sent",
            evidence={"attempt": locked[0].cancel_attempts + 1},
            changes={
                "cancel_sent_at": database_now(),
                "cancel_attempts": locked[0].cancel_attempts + 1,
            },
        )
    return True
