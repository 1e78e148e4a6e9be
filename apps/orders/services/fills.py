"""Executions into the books: each once, the newest revision counts, the order follows from the sum."""

import logging
from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.accounts.models import Account
from apps.domain.executions import ExecutionReport, average_price
from apps.domain.identity import plain
from apps.domain.orders import (
    OrderStatus,
    is_late_evidence,
    may_move,
)
from apps.instruments.services import ensure_instrument
from apps.orders.models import Execution, Order
from apps.orders.services.evidence import perm_changes
from apps.orders.services.transitions import move, note

logger = logging.getLogger(__name__)


def book(report: ExecutionReport, account: Account, order: Order | None) -> Execution | None:
    """Insert the execution unless this revision is known, and supersede lower revisions."""
    family = Execution.objects.filter(account=account, root=report.root)
    if family.filter(revision=report.revision).exists():
        _report_disagreement(family.get(revision=report.revision), report)
        return None
    newest = family.order_by("-revision").first()
    execution = Execution.objects.create(
        account=account,
        order=order,
        instrument=ensure_instrument(
            ib_con_id=report.ib_con_id,
            symbol=report.symbol,
            sec_type=report.sec_type,
            exchange="SMART",
            currency=report.currency,
        ),
        ib_exec_id=report.ib_exec_id,
        root=report.root,
        revision=report.revision,
        superseded=newest is not None and newest.revision > report.revision,
        side=report.side,
        quantity=report.quantity,
        price=report.price,
        exchange=report.exchange,
        order_ref=report.order_ref[:64],
        ib_perm_id=report.ib_perm_id,
        executed_at=report.executed_at,
        booked_at=timezone.now(),
    )
    family.filter(revision__lt=report.revision).update(superseded=True)
    return execution


def _report_disagreement(booked: Execution, report: ExecutionReport) -> None:
    if (booked.quantity, booked.price) != (report.quantity, report.price):
        logger.error("same execution with other numbers", extra={"ib_exec_id": report.ib_exec_id})


def recount(order: Order, execution: Execution) -> None:
    """Recompute quantity and average from the executions, and the status from the quantity."""
    rows = Execution.objects.filter(order=order, superseded=False)
    pairs = list(rows.values_list("quantity", "price"))
    filled = sum((quantity for quantity, _ in pairs), Decimal(0))
    changes: dict[str, Any] = {
        "filled_quantity": filled,
        "average_price": average_price(pairs),
        **perm_changes(order, execution.ib_perm_id),
    }
    evidence = {
        "ib_exec_id": execution.ib_exec_id,
        "quantity": plain(execution.quantity),
        "price": plain(execution.price),
    }
    if filled > order.quantity:
        logger.error("overfill", extra={"order": str(order.uuid), "filled": plain(filled)})
    after = status_after_fill(order, filled)
    if after is order.standing or not _is_possible(order, after):
        note(order, cause="execution", evidence=evidence, changes=changes)
    else:
        move(order, after, cause="execution", evidence=evidence, changes=changes)


def _is_possible(order: Order, after: OrderStatus) -> bool:
    """Tell whether a fill may move the order; one that may not is an incident, never a lost fact."""
    if may_move(order.standing, after) or is_late_evidence(order.standing, after):
        return True
    logger.error("fill of an order that was never sent", extra={"order": str(order.uuid)})
    return False


def status_after_fill(order: Order, filled: Decimal) -> OrderStatus:
    """Return the status that the sum of executions proves; a cancel under way stays one.

    A bust can take back what had filled an order: with nothing left it has ended, with a part
    left it is open again until the broker says more.
    """
    if filled >= order.largest_quantity:
        return OrderStatus.FILLED
    if order.standing is OrderStatus.FILLED:
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.CANCELLED
    if order.standing in {OrderStatus.PENDING_CANCEL, OrderStatus.CANCELLED} or not filled:
        return order.standing
    return OrderStatus.PARTIALLY_FILLED


def fill_data(execution: Execution, order: Order | None) -> dict[str, Any]:
    return {
        "uuid": str(execution.uuid),
        "order_uuid": str(order.uuid) if order else None,
        "ib_exec_id": execution.ib_exec_id,
        "side": execution.side,
        "quantity": plain(execution.quantity),
        "price": plain(execution.price),
    }
