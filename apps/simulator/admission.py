"""Whether an order may enter the book, or change: each rule with IB's number for its refusal.

Rules look and answer; they change nothing. The order in which they are asked is the order
of the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.simulator.ledger import Worth
from apps.simulator.market_rules import is_conforming, is_conforming_quantity
from apps.simulator.orders import Order
from apps.simulator.universe import instrument_of
from apps.simulator.values import margin_on, notional
from apps.simulator.wire import number_of

KINDS = {"MKT": "MKT", "LMT": "LMT", "STP": "STP", "STP LMT": "STP LMT", "STPLMT": "STP LMT"}
TIFS = ("DAY", "GTC", "IOC", "FOK")
_NEEDS_LIMIT = ("LMT", "STP LMT")
_NEEDS_STOP = ("STP", "STP LMT")
_NOT_PLAYED = (
    "hedgeType", "algoStrategy", "deltaNeutralOrderType", "goodAfterTime", "scalePriceIncrement", "cashQty",
)  # fmt: skip
_DEAD_FIELDS = {"eTradeOnly": 10268, "firmQuoteOnly": 10269, "nbboPriceCap": 10270}
_FIXED = ("con_id", "action", "account", "oca_group", "parent_id")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order is refused. `is_rejection`: IB took it and rejected it, so it ends Inactive."""

    code: int
    text: str
    is_rejection: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """What the rules may look at; `reserved` is the margin that working orders may come to need."""

    order: Order
    account: str
    worth: Worth
    held: float
    price: float
    reserved: float


Rule = Callable[[Admission], Refusal | None]


def _is_set(text: str) -> bool:
    return text.lower() not in ("", "0", "0.0", "false")


def supported(asked: Admission) -> Refusal | None:
    order = asked.order
    if order.kind not in KINDS.values():
        return Refusal(387, f"Unsupported order type for this exchange and security type: {order.kind}")
    if order.tif not in TIFS:
        return Refusal(
            201, f"Order rejected - reason: the time-in-force {order.tif} is invalid", is_rejection=True
        )
    if order.action not in ("BUY", "SELL"):
        return Refusal(
            321, f"Error validating request.-'bN' : cause - Please enter a valid action: {order.action}"
        )
    for name, code in _DEAD_FIELDS.items():
        if _is_set(order.terms.get(name, "")):
            return Refusal(code, f"The '{name}' order attribute is not supported.")
    for name in (*_NOT_PLAYED, "conditions", "dncFlag"):
        if _is_set(order.terms.get(name, "")):
            return Refusal(
                201, f"Order rejected - reason: the simulator does not play {name}", is_rejection=True
            )
    return None


def right_account(asked: Admission) -> Refusal | None:
    if asked.order.account in ("", asked.account):
        return None
    return Refusal(321, "Error validating request.-'bP' : cause - Invalid account code")


def sound_quantity(asked: Admission) -> Refusal | None:
    quantity = asked.order.quantity
    if quantity <= 0:
        return Refusal(434, "The order size cannot be zero.")
    if not is_conforming_quantity(instrument_of(asked.order.con_id), quantity):
        return Refusal(10318, "This order doesn't support fractional quantity trading.")
    return None


def sound_prices(asked: Admission) -> Refusal | None:
    order = asked.order
    for needed, price, name in (
        (order.kind in _NEEDS_LIMIT, order.limit_price, "limit price"),
        (order.kind in _NEEDS_STOP, order.aux_price, "stop price"),
    ):
        if not needed:
            continue
        if price is None or price <= 0:
            return Refusal(321, f"Error validating request.-'bM' : cause - Please enter a {name}")
        if not is_conforming(instrument_of(order.con_id), price):
            return Refusal(
                110, "The price does not conform to the minimum price variation for this contract."
            )
    return None


def affordable(asked: Admission) -> Refusal | None:
    order = asked.order
    signed = order.remaining if order.is_buy else -order.remaining
    price = max(asked.price, order.limit_price or 0.0) if order.is_buy else asked.price
    increase = abs(asked.held + signed) - abs(asked.held)
    if increase <= 0:
        return None
    instrument = instrument_of(order.con_id)
    bound = margin_on(instrument, notional(instrument, increase, price))
    needed = asked.worth.initial_margin + asked.reserved + bound
    if needed <= asked.worth.equity:
        return None
    return Refusal(
        201,
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR "
        f"EQUITY WITH LOAN VALUE [{asked.worth.equity:.2f} USD] MUST EXCEED THE INITIAL MARGIN "
        f"[{needed:.2f} USD]",
        is_rejection=True,
    )


RULES: tuple[Rule, ...] = (supported, right_account, sound_quantity, sound_prices, affordable)


def refusal_of(asked: Admission) -> Refusal | None:
    """Return the first refusal, or None if the order may enter."""
    for rule in RULES:
        refusal = rule(asked)
        if refusal is not None:
            return refusal
    return None


def refusal_of_change(current: Order, wanted: Order) -> Refusal | None:
    """Return why a working order may not take on the wanted terms."""
    if any(getattr(current, name) != getattr(wanted, name) for name in _FIXED):
        return Refusal(105, "Order being modified does not match original order.")
    if wanted.quantity <= current.filled:
        return Refusal(105, "Order being modified does not match original order: quantity is already filled.")
    if _terms_of(current) == _terms_of(wanted):
        return Refusal(103, "Duplicate order id")
    return None


def _terms_of(order: Order) -> tuple[object, ...]:
    return (
        order.quantity,
        order.kind,
        order.limit_price,
        order.aux_price,
        order.tif,
        order.order_ref,
        order.transmit,
        order.terms.get("outsideRth", ""),
    )


def price_of(text: str, *, used: bool) -> float | None:
    """Return a price; ib_insync sends 0.0 on modifies for a price the order type does not use."""
    value = number_of(text)
    return value if used else None


def uses_limit(kind: str) -> bool:
    return kind in _NEEDS_LIMIT


def uses_stop(kind: str) -> bool:
    return kind in _NEEDS_STOP
