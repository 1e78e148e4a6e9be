"""Apply what a complete look at the broker's lists found out about our orders.

The lists come whole or not at all; what a list shows is booked by services/facts.py, and what
no list names is judged here by domain/reconcile.py.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from apps.common.db import short_transaction
from apps.domain.broker_words import REJECT_CODES
from apps.domain.orders import IN_DOUBT, OPEN, OrderStatus, Sender
from apps.domain.reconcile import Absence, TracelessOrder, judge_absence
from apps.orders.models import Execution, Order
from apps.orders.selectors import reconcilable
from apps.orders.services.transitions import lock_order, move, note

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """The names and ids that the complete lists showed, and since when executions are covered."""

    order_refs: Collection[str]
    perm_ids: Collection[int]
    window_start: datetime


def apply_absences(*, seen: Seen, sender: Sender) -> dict[str, int]:
    """Judge every order of ours that no list names; return how many of each judgement."""
    counts: dict[str, int] = {}
    for order in reconcilable(sender.connection, since=timezone.now()):
        if _is_named(order, seen):
            continue
        judgement = _apply(order.pk, seen=seen, sender=sender)
        counts[judgement] = counts.get(judgement, 0) + 1
    return counts


def _is_named(order: Order, seen: Seen) -> bool:
    return order.order_ref in seen.order_refs or any(perm in seen.perm_ids for perm in order.ib_perm_ids)


def _apply(order_id: int, *, seen: Seen, sender: Sender) -> str:
    now = timezone.now()
    with short_transaction():
        order = lock_order(order_id)
        if order.standing not in IN_DOUBT | OPEN or order.in_flight_at is None:
            return Absence.WAIT
        judgement = judge_absence(
            TracelessOrder(
                status=order.standing,
                written_at=order.in_flight_at,
                looks=order.looks,
                first_look_at=order.first_look_at,
                rejected_in_session=order.ib_error_code in REJECT_CODES
                and order.ib_error_session == sender.session,
                has_fills=Execution.objects.filter(order=order).exists(),
            ),
            now=now,
            window_start=seen.window_start,
        )
        _act(order, judgement, now=now)
    return judgement


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
