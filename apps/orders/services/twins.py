"""Several orders at the broker under one reference of ours (spec/orders.md F10).

A change during an outage can become a second live order. Both are ours, so both are cancelled and
all their fills are booked; the row ends only when the last of them has. What one word means for
an order with a single perm id is not decided here.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from apps.common.bell import ring_on_commit
from apps.common.db import database_now, short_transaction
from apps.domain.broker_words import CANCELLED_WORDS, FILLED_WORD
from apps.domain.incidents import IncidentKind
from apps.domain.orders import CLOSED, IN_DOUBT, OPEN, OrderStatus, Origin
from apps.orders.models import Order
from apps.orders.services.transitions import lock_order, move, note
from apps.safety.services.incidents import record_incident

#: What a perm id is called that a complete list of open orders no longer shows.
GONE = "gone"
_ENDED = CANCELLED_WORDS | {FILLED_WORD, GONE}


def perm_changes(order: Order, ib_perm_id: int, *, word: str = "", ib_order_id: int = 0) -> dict[str, Any]:
    """Return what hearing of a perm id changes in a locked order; a second one is an incident.

    `word` is what the broker said of it, `ib_order_id` the id by which it can be cancelled.
    """
    if not ib_perm_id:
        return {}
    changes: dict[str, Any] = {}
    if ib_perm_id not in order.ib_perm_ids:
        changes = {"ib_perm_ids": [*order.ib_perm_ids, ib_perm_id], "ib_perm_id": ib_perm_id}
        if order.ib_perm_ids and order.origin == Origin.OWN:
            changes |= _second_perm_id(order, ib_perm_id, ib_order_id=ib_order_id)
    words = changes.get("ib_perm_words", order.ib_perm_words)
    if words and word and words.get(str(ib_perm_id)) != word:
        changes["ib_perm_words"] = words | {str(ib_perm_id): word}
    return changes


def is_twin(order: Order, ib_perm_id: int) -> bool:
    """Tell whether the broker has several orders under the reference, so that terms prove nothing."""
    is_new = bool(ib_perm_id and order.ib_perm_ids and ib_perm_id not in order.ib_perm_ids)
    return is_new or bool(order.ib_perm_words)


def lives_elsewhere(order: Order, ib_perm_id: int, changes: dict[str, Any]) -> bool:
    """Tell whether another order under the same reference has not ended, as far as we know."""
    words = changes.get("ib_perm_words", order.ib_perm_words)
    return any(said not in _ENDED for perm, said in words.items() if perm != str(ib_perm_id))


def settle_twins(*, connection: str, live: Collection[int], began_at: datetime) -> int:
    """End the twins that a complete list of open orders, asked for at `began_at`, no longer shows.

    Returns how many orders ended with their last twin.
    """
    rows = Order.objects.filter(account__connection__name=connection, status__in=OPEN | IN_DOUBT)
    ids = rows.exclude(ib_perm_words={}).order_by("pk").values_list("pk", flat=True)
    return sum(_settle(order_id, live=live, began_at=began_at) for order_id in list(ids))


def _settle(order_id: int, *, live: Collection[int], began_at: datetime) -> bool:
    with short_transaction():
        order = lock_order(order_id)
        if order.standing in CLOSED or order.updated_at >= began_at:
            return False
        words = {
            perm: said if said in _ENDED or int(perm) in live else GONE
            for perm, said in order.ib_perm_words.items()
        }
        if words != order.ib_perm_words:
            note(order, cause="twin_gone", evidence={"words": words}, changes={"ib_perm_words": words})
        if any(said not in _ENDED for said in words.values()):
            return False
        if order.filled_quantity >= order.quantity:
            move(order, OrderStatus.FILLED, cause="twins_ended", evidence={"words": words})
        elif CANCELLED_WORDS & set(words.values()):
            move(order, OrderStatus.CANCELLED, cause="twins_ended", evidence={"words": words})
        return order.standing in CLOSED


def _second_perm_id(order: Order, ib_perm_id: int, *, ib_order_id: int) -> dict[str, Any]:
    """Tell the incident and wish the end of all orders under the reference."""
    record_incident(
        IncidentKind.TWO_PERM_IDS,
        f"order:{order.uuid}",
        account=order.account,
        detail=f"{order} has perm ids {', '.join(map(str, [*order.ib_perm_ids, ib_perm_id]))}",
        evidence={"ib_perm_ids": [*order.ib_perm_ids, ib_perm_id], "ib_order_id": ib_order_id},
    )
    first = order.ib_perm_words or {str(perm): order.broker_status for perm in order.ib_perm_ids}
    changes: dict[str, Any] = {"ib_perm_words": first | {str(ib_perm_id): ""}}
    if ib_order_id > 0 and ib_order_id not in {order.ib_order_id, *order.ib_twin_ids}:
        changes["ib_twin_ids"] = [*order.ib_twin_ids, ib_order_id]
    if order.standing not in CLOSED:
        wished_at = order.cancel_requested_at or database_now()
        changes |= {"cancel_requested_at": wished_at, "cancel_sent_at": None, "cancel_attempts": 0}
        ring_on_commit("orders")
    return changes
