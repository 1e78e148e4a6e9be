"""Move one order from status to status: the only writer of `status`.

Each move is one row of events, one entry in the account's log and one audit line, all in the
caller's transaction. Who moves more than one order locks them all first (`lock_orders`),
because the audit head is locked last and held until the commit.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from apps.accounts.models import Account
from apps.accounts.services import append_event
from apps.audit.services import record
from apps.common.bell import ring_on_commit
from apps.common.db import database_now, for_update
from apps.common.prepared import Prepared, insert, update_row
from apps.domain.errors import DomainError
from apps.domain.identity import plain
from apps.domain.incidents import IncidentKind
from apps.domain.orders import CLOSED, UNSENT, OrderStatus, is_late_evidence, may_move
from apps.orders.models import Order, OrderEvent
from apps.safety.services.incidents import record_incident

SYSTEM = "gateway"


class IllegalMove(DomainError):
    """An order cannot go from its status to the one asked for."""

    code = "INTERNAL"


_locked_order = Prepared(
    lambda pk: for_update(
        Order.objects.filter(pk=pk).select_related("account", "instrument", "parent").order_by()
    ),
    int,
)


def lock_orders(ids: Iterable[int]) -> list[Order]:
    """Return the orders locked until the transaction ends, always in the order of their ids.

    Orders of several accounts bring the rows of these accounts with them, by code.
    """
    wanted = list(ids)
    if len(wanted) == 1:
        return _locked_order.rows(*wanted)
    rows = Order.objects.filter(pk__in=wanted).select_related("account", "instrument", "parent")
    orders = list(for_update(rows.order_by("pk")))
    accounts = {order.account_id for order in orders}
    if len(accounts) > 1:  # each move takes its account's log, then the audit head, and keeps both
        list(for_update(Account.objects.filter(pk__in=accounts).order_by("code")))
    return orders


def lock_order(order_id: int) -> Order:
    """Return one order locked until the transaction ends. Raises Order.DoesNotExist."""
    order = _locked_order.first(order_id)
    if order is None:
        raise Order.DoesNotExist
    return order


def move(
    order: Order,
    to: OrderStatus,
    *,
    cause: str,
    actor: str = SYSTEM,
    evidence: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Order:
    """Change the status of a locked order together with `changes`, and record it.

    A move that only late broker evidence can make sets `late` and is an incident (I6).
    Raises IllegalMove for one that does not exist.
    """
    before = order.standing
    late = is_late_evidence(before, to)
    if not late and not may_move(before, to):
        raise IllegalMove(f"{before} cannot become {to}")
    values: dict[str, Any] = {**(changes or {}), "status": to.value}
    if late:
        values["late"] = True
        _tell_late_evidence(order, to, cause=cause, evidence=evidence)
    values["closed_at"] = database_now() if to in CLOSED else None
    return write(order, values, before=before.value, cause=cause, actor=actor, evidence=evidence)


def incident_of_late(before: OrderStatus, cause: str) -> IncidentKind:
    """Return what it means that the broker contradicts an end, or that nothing was sent."""
    if before in UNSENT | {OrderStatus.DENIED, OrderStatus.CANCELLED_UNSENT}:
        return IncidentKind.FILL_OF_UNSENT if cause == "execution" else IncidentKind.UNSENT_AT_BROKER
    if before is OrderStatus.NOT_PLACED:
        return IncidentKind.NOT_PLACED_REVOKED
    if cause != "execution":
        return IncidentKind.REOPENED
    if before is OrderStatus.CANCELLED:
        return IncidentKind.FILL_AFTER_CANCELLED
    return IncidentKind.FILL_TAKEN_BACK if before is OrderStatus.FILLED else IncidentKind.REOPENED


def _tell_late_evidence(
    order: Order, to: OrderStatus, *, cause: str, evidence: Mapping[str, Any] | None
) -> None:
    record_incident(
        incident_of_late(order.standing, cause),
        f"order:{order.uuid}",
        account=order.account,
        detail=f"{order} was {order.status} and is {to.value}",
        evidence={"from": order.status, "to": to.value, "cause": cause, **(evidence or {})},
    )


def note(
    order: Order,
    *,
    cause: str,
    actor: str = SYSTEM,
    evidence: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Order:
    """Record something that happened to a locked order without changing its status."""
    return write(order, dict(changes or {}), before=order.status, cause=cause, actor=actor, evidence=evidence)


def write(
    order: Order,
    values: dict[str, Any],
    *,
    before: str,
    cause: str,
    actor: str,
    evidence: Mapping[str, Any] | None,
) -> Order:
    """Save the values with the next event number, and tell the three logs."""
    values |= {"seq": order.seq + 1, "updated_at": database_now()}
    for name, value in values.items():
        setattr(order, name, value)
    update_row(order, values)
    record_step(order, before=before, cause=cause, actor=actor, evidence=evidence)
    return order


def record_step(
    order: Order, *, before: str, cause: str, actor: str, evidence: Mapping[str, Any] | None = None
) -> None:
    """Write event, account log and audit line of a change that is already in the row."""
    shown = dict(evidence or {})
    insert(
        OrderEvent(
            order=order,
            seq=order.seq,
            from_status=before,
            to_status=order.status,
            cause=cause,
            evidence=shown,
            broker_session=order.broker_session,
            epoch=order.epoch,
            at=order.updated_at,
        )
    )
    append_event(account=order.account, type="order", data=event_data(order))
    record(
        kind=f"order.{cause}",
        actor=actor,
        object=f"order:{order.uuid}",
        before={"status": before},
        after={"status": order.status, "seq": order.seq, **shown},
        request_id=order.request_id,
    )
    ring_on_commit(f"order:{order.pk}")


def event_data(order: Order) -> dict[str, Any]:
    """Return what the account's log tells of an order."""
    return {
        "uuid": str(order.uuid),
        "id": order.pk,
        "client_order_id": order.client_order_id,
        "symbol": order.instrument.symbol,
        "side": order.side,
        "quantity": plain(order.quantity),
        "filled_quantity": plain(order.filled_quantity),
        "status": order.status,
        "broker_status": order.broker_status,
        "order_seq": order.seq,
    }
