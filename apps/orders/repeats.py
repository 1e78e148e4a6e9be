"""What of the broker's complete lists the books hold already, so that a look writes only what is new.

The broker names every execution and every completed order of the day in each look. Booking them
again changes nothing, but costs a transaction each, and a gateway that comes back in the
afternoon must not read the morning for a minute before it may trade. Whatever is not surely
the same goes through the services as ever.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from apps.domain.events import BrokerOrder
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.orders import Origin, Sender
from apps.orders.models import Execution, Order, OrderChange
from apps.orders.services.changes import shows_the_same_terms
from apps.orders.services.evidence import Word, is_repeated

T = TypeVar("T")

#: Below what both databases take as values of one query.
AT_ONCE = 500


def new_executions(reports: Sequence[ExecutionReport], *, sender: Sender) -> list[ExecutionReport]:
    """Return the executions that are not booked with the same quantity and price, in their order."""
    booked = Execution.objects.filter(account__connection__name=sender.connection)
    known = set()
    for ids in _batches(report.ib_exec_id for report in reports):
        rows = booked.filter(ib_exec_id__in=ids)
        known |= set(rows.values_list("account__code", "ib_exec_id", "quantity", "price"))
    return [one for one in reports if (one.account, one.ib_exec_id, one.quantity, one.price) not in known]


def booked_among(ib_exec_ids: Sequence[str], connection: str) -> list[str]:
    """Return those of these execution ids that the books of a connection have."""
    booked = Execution.objects.filter(account__connection__name=connection)
    rows = (booked.filter(ib_exec_id__in=ids) for ids in _batches(ib_exec_ids))
    return [ib_exec_id for found in rows for ib_exec_id in found.values_list("ib_exec_id", flat=True)]


def new_commissions(reports: Sequence[CommissionReport], *, sender: Sender) -> list[CommissionReport]:
    """Return the commissions that no execution has yet, in their order."""
    booked = Execution.objects.filter(account__connection__name=sender.connection, commission__isnull=False)
    known = set()
    for ids in _batches(report.ib_exec_id for report in reports):
        known |= set(booked.filter(ib_exec_id__in=ids).values_list("ib_exec_id", flat=True))
    return [one for one in reports if one.ib_exec_id not in known]


def new_orders(reports: Sequence[BrokerOrder], *, sender: Sender, cause: str) -> list[BrokerOrder]:
    """Return what is not surely in the rows already; `cause` names the list, as the events do.

    Only orders of ours with one perm id and no change under way can be repeated.
    """
    rows: dict[tuple[str, str], Order] = {}
    for refs in _batches(report.order_ref for report in reports if report.order_ref):
        rows |= {(order.account.code, order.order_ref): order for order in _settled(refs, sender)}
    return [
        one for one in reports if not _is_repeated(rows.get((one.account, one.order_ref)), one, sender, cause)
    ]


def _settled(order_refs: Sequence[str], sender: Sender) -> Iterator[Order]:
    pending = OrderChange.objects.filter(state__in=(OrderChange.State.REQUESTED, OrderChange.State.IN_FLIGHT))
    rows = Order.objects.filter(
        order_ref__in=order_refs, origin=Origin.OWN, account__connection__name=sender.connection
    )
    rows = rows.exclude(pk__in=pending.values("order_id"))
    return iter(rows.select_related("account", "instrument"))


def _is_repeated(order: Order | None, report: BrokerOrder, sender: Sender, cause: str) -> bool:
    if order is None:
        return False
    word = Word(
        report.status,
        cause=cause,
        ib_perm_id=report.ib_perm_id,
        session=sender.session,
        evidence={},
        filled=report.filled if cause == "completed_orders" else None,
    )
    return is_repeated(order, word) and shows_the_same_terms(order, report)


def _batches(values: Iterable[T]) -> Iterator[list[T]]:
    distinct = list(dict.fromkeys(values))
    return (distinct[begin : begin + AT_ONCE] for begin in range(0, len(distinct), AT_ONCE))
