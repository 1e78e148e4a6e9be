"""Executions into the books: each once, the newest revision counts, the order follows from the sum.

The positions ledger moves in the same transaction, whoever made the order.
"""

from decimal import Decimal
from typing import Any

from apps.accounts.models import Account
from apps.common.db import database_now
from apps.common.prepared import Prepared
from apps.domain.executions import ExecutionReport, average_price
from apps.domain.identity import plain
from apps.domain.incidents import IncidentKind
from apps.domain.orders import OrderStatus, Side
from apps.instruments.services import ensure_instrument
from apps.orders.models import Execution, Order
from apps.orders.services.by_hand import supersede_entered
from apps.orders.services.transitions import move, note
from apps.orders.services.twins import lives_elsewhere, perm_changes
from apps.positions.services import move_ledger
from apps.safety.services.incidents import record_incident


def book(report: ExecutionReport, account: Account, order: Order | None) -> Execution | None:
    """Insert the execution unless this revision is known, supersede lower ones, move the ledger."""
    family = Execution.objects.filter(account=account, root=report.root)
    if family.filter(revision=report.revision).exists():
        _report_disagreement(family.get(revision=report.revision), report)
        return None
    newest = family.order_by("-revision").first()
    replaced = newest if newest is not None and newest.revision < report.revision else None
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
        booked_at=database_now(),
    )
    family.filter(revision__lt=report.revision).update(superseded=True)
    if not execution.superseded:
        change = signed(execution) - (signed(replaced) if replaced else Decimal(0))
        move_ledger(account=account, instrument=execution.instrument, change=change)
    if order is not None and newest is None and execution.quantity:
        supersede_entered(order, execution)
    return execution


def signed(execution: Execution) -> Decimal:
    """Return what an execution adds to the position."""
    return Side(execution.side).sign * execution.quantity


def _report_disagreement(booked: Execution, report: ExecutionReport) -> None:
    if (booked.quantity, booked.price) == (report.quantity, report.price):
        return
    both = {
        "booked": {"quantity": plain(booked.quantity), "price": plain(booked.price)},
        "told_again": {"quantity": plain(report.quantity), "price": plain(report.price)},
    }
    record_incident(
        IncidentKind.EXECUTION_CONFLICT,
        f"execution:{report.ib_exec_id}",
        account=booked.account,
        detail=f"{booked} was told again as {plain(report.quantity)} at {plain(report.price)}",
        evidence=both,
    )


def recount(order: Order, execution: Execution) -> None:
    """Recompute quantity and average from the executions, and the status from the quantity."""
    filled, average = explained(order)
    perms = perm_changes(order, execution.ib_perm_id)
    changes: dict[str, Any] = {"filled_quantity": filled, "average_price": average, **perms}
    evidence = {
        "ib_exec_id": execution.ib_exec_id,
        "quantity": plain(execution.quantity),
        "price": plain(execution.price),
    }
    if filled > order.largest_quantity:
        _tell(order, IncidentKind.OVERFILL, f"{plain(filled)} filled of {order}", evidence)
    after = status_after_fill(order, filled)
    if after is OrderStatus.FILLED and lives_elsewhere(order, 0, perms):
        after = order.standing  # the row ends with the last order under its reference
    if after is OrderStatus.CANCELLED and order.standing is after and filled > order.filled_quantity:
        _tell(order, IncidentKind.FILL_AFTER_CANCELLED, f"{plain(filled)} filled of {order}", evidence)
    if order.in_flight_at is None:
        changes["in_flight_at"] = order.created_at
    if after is order.standing:
        note(order, cause="execution", evidence=evidence, changes=changes)
    else:
        move(order, after, cause="execution", evidence=evidence, changes=changes)


_counting_fills = Prepared(
    lambda order: Execution.objects.filter(order_id=order, superseded=False).values_list("quantity", "price"),
    int,
)


def explained(order: Order) -> tuple[Decimal, Decimal | None]:
    """Return the quantity and the average price that the executions of an order add up to."""
    pairs = _counting_fills.rows(order.pk)
    return sum((quantity for quantity, _ in pairs), Decimal(0)), average_price(pairs)


def _tell(order: Order, kind: IncidentKind, detail: str, evidence: dict[str, Any]) -> None:
    record_incident(kind, f"order:{order.uuid}", account=order.account, detail=detail, evidence=evidence)


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
