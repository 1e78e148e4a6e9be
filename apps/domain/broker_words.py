"""IB's words about an order, as tables: what a status means to us, which codes refuse an order.

IB says `Inactive` for a rejected order and for one that is only held, and sends codes that
sound final for orders that live on. So no single word or code ends an order here: a reject
code needs a status or a complete look beside it (spec/orders.md F5, ST4, ST5).
"""

from decimal import Decimal

from apps.domain.orders import OrderStatus

WORKING_WORDS = frozenset({"PendingSubmit", "ApiPending", "PreSubmitted", "Submitted", "WarnState"})
CANCELLING_WORDS = frozenset({"PendingCancel", "PreCancelled"})
CANCELLED_WORDS = frozenset({"Cancelled", "ApiCancelled"})
INACTIVE_WORD = "Inactive"
FILLED_WORD = "Filled"

#: Codes with which IB refuses a new order (spec/tws-wire.md 9.3). A hint until a re-read agrees.
#: Codes that were seen on orders that lived on (10268, 10311, 10318, 10349) are not among them.
REJECT_CODES = frozenset(
    {106, 107, 109, 110, 111, 113, 133, 145, 163, 164, 200, 201, 203, 320, 321, 382, 383, 387, 388}
    | {434, 435, 436, 460, 461, 10006, 10269, 10270, 10329}
)

#: Codes of a cancel that found nothing to cancel: read again, decide nothing.
CANCEL_REFUSED_CODES = frozenset({135, 136, 161, 10147, 10148})


def status_from_word(
    word: str,
    *,
    before: OrderStatus,
    quantity: Decimal,
    filled: Decimal,
    reject_code: int | None,
    is_over: bool = False,
) -> OrderStatus | None:
    """Return what IB's status word makes of an order, None if it decides nothing.

    `filled` is what our executions explain, never IB's own count: an order is FILLED only
    when they cover its quantity. A cancel that is on its way is not undone by a late
    `Submitted`. `is_over` says that IB lists the order as completed and that our executions
    explain all it counts as filled: then `Inactive` has ended, and so has a `Filled` of which a
    correction took something back.
    """
    if filled >= quantity:
        return OrderStatus.FILLED
    if word in CANCELLED_WORDS or (is_over and word == FILLED_WORD):
        return _ended(filled, reject_code)
    if word == INACTIVE_WORD and (is_over or reject_code is not None):
        return _ended(filled, reject_code)
    if word in CANCELLING_WORDS:
        return OrderStatus.PENDING_CANCEL
    if word in WORKING_WORDS or word == INACTIVE_WORD:
        if before is OrderStatus.PENDING_CANCEL:
            return None
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.WORKING
    return None


def _ended(filled: Decimal, reject_code: int | None) -> OrderStatus:
    return OrderStatus.REJECTED if reject_code is not None and not filled else OrderStatus.CANCELLED
