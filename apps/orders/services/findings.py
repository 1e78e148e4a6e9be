"""Apply what a complete look at the broker's lists found out about our orders.

The lists come whole or not at all; what a list shows is booked by services/facts.py, and what
no list names is judged here by domain/reconcile.py.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from apps.common.db import database_now, short_transaction
from apps.domain.broker_words import REJECT_CODES
from apps.domain.orders import IN_DOUBT, OPEN, OrderStatus, Origin, Sender
from apps.domain.reconcile import Absence, TracelessOrder, judge_absence
from apps.orders.models import Execution, Order
from apps.orders.services.transitions import lock_order, move, note

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """The names and ids that the complete lists showed, and since when executions are covered.

    `began_at` is when the first list was asked for; what is newer could not be in it.
    """

    order_refs: Collection[str]
    perm_ids: Collection[int]
    window_start: datetime
    began_at: datetime


def apply_absences(*, seen: Seen, sender: Sender, candidates: Collection[int]) -> dict[str, int]:
    """Judge the candidates that no list names; return how many of each judgement.

    `candidates` are the ids that `reconcilable` gave before the lists were asked for: an
    order sent while they were read cannot be missing from them.
    """
    counts: dict[str, int] = {}
    rows = Order.objects.filter(pk__in=list(candidates)).order_by("pk")
    for order in rows:
        if _is_named(order, seen):
            continue
        judgement = _apply(order.pk, seen=seen, sender=sender)
        counts[judgement] = counts.get(judgement, 0) + 1
    return counts


def rematched(before: Mapping[int, str], *, seen: Seen) -> list[dict[str, object]]:
    """Describe the orders of ours that were not closed before and that the lists named, oldest first.

    `before` is what `reconcilable` gave before the lists were asked for.
    """
    rows = Order.objects.filter(pk__in=list(before), origin=Origin.OWN).select_related(
        "account", "instrument"
    )
    return [
        {
            "order_uuid": str(order.uuid),
            "account": order.account.code,
            "order": str(order),
            "client_order_id": order.client_order_id,
            "before": before[order.pk],
            "after": order.status,
        }
        for order in rows.order_by("pk")
        if _is_named(order, seen)
    ]


def _is_named(order: Order, seen: Seen) -> bool:
    return order.order_ref in seen.order_refs or any(perm in seen.perm_ids for perm in order.ib_perm_ids)


def _apply(order_id: int, *, seen: Seen, sender: Sender) -> str:
    now = database_now()
    with short_transaction():
        order = lock_order(order_id)
        if order.standing not in IN_DOUBT | OPEN:
            return Absence.WAIT
        if order.origin != Origin.OWN:
            return _end_foreign(order)
        if order.in_flight_at is None or order.in_flight_at >= seen.began_at:
            return Absence.WAIT
        judgement = judge_absence(
            TracelessOrder(
                status=order.standing,
                written_at=order.in_flight_at,
                looks=order.looks,
                first_look_at=order.first_look_at,
                rejected_in_session=order.ib_error_code in REJECT_CODES
                and order.ib_error_session == sender.session
                and order.updated_at < seen.began_at,
                was_seen=bool(order.ib_perm_ids or order.broker_status),
                has_fills=Execution.objects.filter(order=order).exists(),
            ),
            now=now,
            window_start=seen.window_start,
        )
        _act(order, judgement, now=now)
    return judgement


def _end_foreign(order: Order) -> str:
    """End an order of somebody else that is gone; how it ended is not ours to know."""
    move(order, OrderStatus.CANCELLED, cause="not_in_lists", actor="broker")
    return "FOREIGN"


def _act(order: Order, judgement: Absence, *, now: datetime) -> None:
    looks = {"looks": order.looks + 1, "first_look_at": order.first_look_at or now}
    evidence = {"looks": order.looks + 1}
    if judgement is Absence.COUNT:
        note(order, cause="complete_look", evidence=evidence, changes=looks)
    elif judgement is Absence.DOUBT:
        move(order, OrderStatus.UNKNOWN, cause="not_in_lists", evidence=evidence, changes=looks)
    elif judgement is Absence.REJECTED:
        move(order, OrderStatus.REJECTED, cause="rejected", evidence={"ib_code": order.ib_error_code})
    elif judgement is Absence.NOT_PLACED:
        logger.warning("order was never placed", extra={"order": str(order.uuid)})
        move(order, OrderStatus.NOT_PLACED, cause="not_placed", evidence=evidence, changes=looks)
