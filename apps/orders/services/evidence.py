"""What one status word of the broker does to an order of ours (spec/orders.md section 2).

A word is weak: it may be an echo, a notice that only sounds final, or the first sight of an order
that was given up. Here it is weighed against the row; quantities are never taken from it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.common.bell import ring_on_commit
from apps.common.db import database_now
from apps.domain.broker_words import (
    CANCELLED_WORDS,
    FILLED_WORD,
    INACTIVE_WORD,
    REJECT_CODES,
    status_from_word,
)
from apps.domain.orders import (
    CLOSED,
    IN_DOUBT,
    OPEN,
    OrderStatus,
    Origin,
    is_late_evidence,
    may_move,
)
from apps.orders.models import Order, OrderChange
from apps.orders.services.transitions import move, note
from apps.orders.services.twins import lives_elsewhere, perm_changes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Word:
    """What the broker said about an order, and how it came to say it.

    `filled` is the broker's own count where a completed order states one: more than our
    executions explain means that an execution is missing, so nothing is final yet. `ib_order_id`
    is 0 unless it is an id of our own client, `client_id`.
    """

    text: str
    cause: str
    ib_perm_id: int
    session: int
    evidence: dict[str, Any]
    list_began_at: datetime | None = None
    filled: Decimal | None = None
    ib_order_id: int = 0
    client_id: int = 0

    @property
    def is_reread(self) -> bool:
        """Tell whether a complete list says it, asked for by us."""
        return self.list_began_at is not None


def apply_word(order: Order, word: Word) -> Order:
    """Let one status word of the broker act on a locked order."""
    changes = perm_changes(order, word.ib_perm_id, word=word.text, ib_order_id=word.ib_order_id)
    changes |= _names_at_broker(order, word)
    if word.text and word.text != order.broker_status:
        changes["broker_status"] = word.text
    after = _meaning(order, word)
    evidence = {"broker_status": word.text, **word.evidence}
    if after in CLOSED and lives_elsewhere(order, word.ib_perm_id, changes):
        after = None  # one of several has ended
    if after is None or after is order.standing or not _may_follow(order, after, word):
        return note(order, cause=word.cause, evidence=evidence, changes=changes) if changes else order
    if is_late_evidence(order.standing, after):
        evidence["incident"] = "late evidence"
    if _is_adopted_late(order, after):
        evidence["late_adoption"] = "past its time, so it is cancelled"
        changes["cancel_requested_at"] = database_now()
        ring_on_commit("orders")
    if order.standing in IN_DOUBT:
        changes |= {"looks": 0, "first_look_at": None}
    return move(order, after, cause=word.cause, evidence=evidence, changes=changes)


def is_repeated(order: Order, word: Word) -> bool:
    """Tell whether `apply_word` would leave an order alone that has no change pending."""
    if word.text != order.broker_status or order.ib_perm_ids != [word.ib_perm_id] or order.ib_perm_words:
        return False
    after = _meaning(order, word, has_change=False)
    return after is None or after is order.standing


def _names_at_broker(order: Order, word: Word) -> dict[str, Any]:
    """Return by what an order can be cancelled that our row does not know as sent."""
    if order.origin != Origin.OWN or order.ib_order_id is not None or not word.ib_order_id:
        return {}
    return {
        "ib_order_id": word.ib_order_id,
        "ib_client_id": word.client_id,
        "in_flight_at": order.in_flight_at or order.created_at,
    }


def _meaning(order: Order, word: Word, *, has_change: bool = True) -> OrderStatus | None:
    """Return the status a word proves, None if it proves none; `has_change` says one may be pending."""
    if word.filled is not None and word.filled > order.filled_quantity:
        logger.warning("fills that no execution explains", extra={"order": str(order.uuid)})
        return OrderStatus.UNKNOWN
    return status_from_word(
        word.text,
        before=_standing_without_strangers_wish(order),
        quantity=_quantity_meant(order, word) if has_change else order.quantity,
        filled=order.filled_quantity,
        reject_code=_standing_refusal(order, word),
        is_over=word.filled is not None,
    )


def _standing_without_strangers_wish(order: Order) -> OrderStatus:
    """Return where an order stands for the next word.

    A cancel that somebody asked for in TWS is not repeated by us, so a word of it working ends it.
    """
    is_strangers = order.standing is OrderStatus.PENDING_CANCEL and order.cancel_requested_at is None
    return OrderStatus.WORKING if is_strangers else order.standing


def _quantity_meant(order: Order, word: Word) -> Decimal:
    """Return the quantity that fills must reach for FILLED.

    While a change is unanswered its larger quantity counts. The smaller one was all only if IB
    lists the order as completed and counts no more than that.
    """
    if word.text == FILLED_WORD and word.filled is not None:
        sent = OrderChange.objects.filter(order=order, state=OrderChange.State.IN_FLIGHT).first()
        return order.quantity if sent is None else min(order.quantity, sent.quantity)
    is_end = word.text in {FILLED_WORD, *CANCELLED_WORDS}
    return order.quantity if is_end else order.largest_quantity


def _standing_refusal(order: Order, word: Word) -> int | None:
    """Return IB's reject code if it may end the order now (ST5).

    `Inactive` needs a complete list read after the code; a plain end needs the code of this
    session. A completed order is final whenever the code came.
    """
    if order.ib_error_code not in REJECT_CODES:
        return None
    if word.cause == "completed_orders":
        return order.ib_error_code
    if order.ib_error_session != word.session or (word.text == INACTIVE_WORD and not word.is_reread):
        return None
    return order.ib_error_code


def _is_adopted_late(order: Order, after: OrderStatus) -> bool:
    """Tell whether the broker shows an order for the first time after its time was over (6.1).

    The legs of an entry that has traded are what guards the position, and stay.
    """
    first_word = not order.broker_status and order.standing in IN_DOUBT | {OrderStatus.NOT_PLACED}
    overdue = order.expires_at is not None and order.expires_at < database_now()
    guards = order.parent is not None and order.parent.filled_quantity > 0
    return first_word and overdue and after in OPEN and not guards and order.cancel_requested_at is None


def _may_follow(order: Order, after: OrderStatus, word: Word) -> bool:
    """Tell whether a word may act: a closed order is reopened only by what contradicts its end.

    A late `Submitted` after CANCELLED or FILLED is an echo, not evidence; a fill is, and so is a
    complete list of open orders that was asked for after the order had ended.
    """
    before = order.standing
    if may_move(before, after):
        return True
    if before in {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED} and after in OPEN:
        ended_before = order.closed_at is not None and word.list_began_at is not None
        return (
            word.cause == "open_orders"
            and ended_before
            and order.closed_at < word.list_began_at  # type: ignore[operator]
            and is_late_evidence(before, after)
        )
    return before is not OrderStatus.FILLED and is_late_evidence(before, after)
