"""Orders at the broker that we did not make: rows to look at, counted by the gates (ST10)."""

import logging
from decimal import Decimal

from django.utils import timezone

from apps.accounts.models import Account
from apps.domain.broker_words import status_from_word
from apps.domain.events import BrokerOrder
from apps.domain.identity import is_our_ref
from apps.domain.incidents import IncidentKind
from apps.domain.orders import (
    CLOSED,
    OrderStatus,
    Origin,
)
from apps.instruments.services import ensure_instrument
from apps.orders.models import Execution, Order
from apps.orders.services.transitions import note, record_step
from apps.safety.services.incidents import record_incident

logger = logging.getLogger(__name__)


def adopt_foreign(report: BrokerOrder, account: Account, *, cause: str) -> Order | None:
    """Store an order we did not make: EXTERNAL without our prefix, ORPHAN with it (ST10)."""
    origin = Origin.ORPHAN if is_our_ref(report.order_ref) else Origin.EXTERNAL
    filled = report.filled or Decimal(0)
    quantity = report.quantity or filled  # a completed order may state only what was filled
    if quantity <= 0:
        logger.warning("foreign order without a quantity", extra={"ib_perm_id": report.ib_perm_id})
        return None
    status = status_from_word(
        report.status,
        before=OrderStatus.WORKING,
        quantity=quantity,
        filled=filled,
        reject_code=None,
    )
    key = f"{origin.lower()}-{report.ib_perm_id}-{report.client_id}-{report.ib_order_id}"[:64]
    known = Order.objects.filter(account=account, client_order_id=key).first()
    if known is not None:  # several of them share their names while IB has given no perm id
        return known
    order = _store(report, account, key, origin=origin, quantity=quantity, status=status)
    _take_executions(order)
    if origin is Origin.ORPHAN:
        record_incident(
            IncidentKind.ORPHAN_ORDER,
            f"ref:{order.order_ref}",
            account=account,
            detail=f"{order}, {order.status}, under {order.order_ref}",
            evidence={"ib_perm_id": report.ib_perm_id, "broker_status": report.status, "from": cause},
        )
    record_step(order, before="", cause=f"found_{origin.lower()}", actor="broker", evidence={"from": cause})
    return order


def _store(
    report: BrokerOrder,
    account: Account,
    key: str,
    *,
    origin: Origin,
    quantity: Decimal,
    status: OrderStatus | None,
) -> Order:
    now = timezone.now()
    return Order.objects.create(
        account=account,
        instrument=ensure_instrument(
            ib_con_id=report.ib_con_id,
            symbol=report.symbol,
            sec_type=report.sec_type,
            exchange=report.exchange,
            currency=report.currency,
        ),
        client_order_id=key,
        fingerprint="",
        order_ref=report.order_ref[:64],
        side=report.side,
        order_type=report.order_type,
        quantity=quantity,
        limit_price=report.limit_price,
        stop_price=report.stop_price,
        time_in_force=report.time_in_force,
        origin=origin,
        status=status or OrderStatus.WORKING,
        broker_status=report.status,
        seq=1,
        ib_order_id=report.ib_order_id or None,
        ib_client_id=report.client_id,
        ib_perm_ids=[report.ib_perm_id] if report.ib_perm_id else [],
        ib_perm_id=report.ib_perm_id or None,
        filled_quantity=report.filled or Decimal(0),
        created_at=now,
        updated_at=now,
        closed_at=now if status in CLOSED else None,
    )


def _take_executions(order: Order) -> None:
    """Join the executions that came before the row, or later ones would seem to be all there were."""
    if order.ib_perm_id:
        rows = Execution.objects.filter(account=order.account, order=None, ib_perm_id=order.ib_perm_id)
        rows.update(order=order)


def refresh_foreign(order: Order, report: BrokerOrder) -> None:
    """Take over what somebody changed in TWS, so that the gates count what is there."""
    wanted = {
        "quantity": report.quantity or order.quantity,
        "limit_price": report.limit_price,
        "stop_price": report.stop_price,
    }
    if any(getattr(order, name) != value for name, value in wanted.items()):
        note(order, cause="changed_elsewhere", actor="broker", changes=wanted)
