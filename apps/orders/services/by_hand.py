"""Let the broker's own word replace what a person had entered.

A fill entered by hand stands only until IB tells the execution after all: then the entered one is
superseded, and that it was needed or wrong is an incident.
"""

from apps.domain.identity import plain
from apps.domain.incidents import IncidentKind
from apps.domain.orders import Side
from apps.orders.models import Execution, Order
from apps.positions.services import move_ledger
from apps.safety.services.incidents import record_incident


def supersede_entered(order: Order, execution: Execution) -> int:
    """Supersede the entered fills that a first report of the broker stands for; return how many.

    One of the same quantity, else the oldest until its quantity is covered. For the transaction
    that books the execution, before the order is counted anew.
    """
    entered = list(
        Execution.objects.filter(order=order, synthetic=True, superseded=False).order_by("executed_at", "pk")
    )
    replaced = _replaced_by(execution, entered)
    for one in replaced:
        Execution.objects.filter(pk=one.pk).update(superseded=True)
        change = -Side(one.side).sign * one.quantity
        move_ledger(account=one.account, instrument=one.instrument, change=change)
    if replaced:
        record_incident(
            IncidentKind.RESOLUTION_CONTRADICTED,
            f"order:{order.uuid}",
            account=order.account,
            detail=f"The broker tells {execution}, entered by hand was {replaced[0]}",
            evidence={
                "ib_exec_id": execution.ib_exec_id,
                "told": {"quantity": plain(execution.quantity), "price": plain(execution.price)},
                "entered": [{"quantity": plain(one.quantity), "price": plain(one.price)} for one in replaced],
            },
        )
    return len(replaced)


def _replaced_by(execution: Execution, entered: list[Execution]) -> list[Execution]:
    same = [one for one in entered if one.quantity == execution.quantity]
    if same:
        return same[:1]
    replaced: list[Execution] = []
    for one in entered:
        if sum(other.quantity for other in replaced) >= execution.quantity:
            break
        replaced.append(one)
    return replaced
