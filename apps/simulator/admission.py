"""Whether an order may enter the book, or change: each rule with IB's number for its refusal.

Rules look and answer; they change nothing. The order in which they are asked is the order
of the table at the end.
"""

from __future__ import annotations

from apps.simulator.kinds import KINDS
from apps.simulator.market_rules import is_conforming, is_conforming_quantity
from apps.simulator.order_rules import ORDER_RULES
from apps.simulator.orders import Order
from apps.simulator.refusals import Admission, Refusal, Rule, invalid, rejection
from apps.simulator.universe import instrument_of
from apps.simulator.values import margin_on, notional
from apps.simulator.wire import number_of

_NOT_PLAYED = ("deltaNeutralOrderType", "cashQty", "dncFlag")
_DEAD_FIELDS = {"eTradeOnly": 10268, "firmQuoteOnly": 10269, "nbboPriceCap": 10270}
_FIXED = ("con_id", "action", "account", "oca_group", "parent_id")


def _is_set(text: str) -> bool:
    return text.lower() not in ("", "0", "0.0", "false")


def supported(asked: Admission) -> Refusal | None:
    order = asked.order
    if order.action not in ("BUY", "SELL"):
        return invalid(f"Please enter a valid action: {order.action}")
    for name, code in _DEAD_FIELDS.items():
        if _is_set(order.terms.get(name, "")):
            return Refusal(code, f"The '{name}' order attribute is not supported.")
    for name in _NOT_PLAYED:
        if _is_set(order.terms.get(name, "")):
            return rejection(f"the simulator does not play {name}")
    return None


def right_account(asked: Admission) -> Refusal | None:
    if asked.order.account in ("", asked.account):
        return None
    return Refusal(321, "Error validating request.-'bP' : cause - Invalid account code")


def sound_quantity(asked: Admission) -> Refusal | None:
    quantity = asked.order.quantity
    if quantity == 0 and asked.order.asks.hedge:
        # The size of a hedge follows from what its parent trades.
        return None
    if quantity <= 0:
        return Refusal(434, "The order size cannot be zero.")
    if not is_conforming_quantity(instrument_of(asked.order.con_id), quantity):
        return Refusal(10318, "This order doesn't support fractional quantity trading.")
    return None


def sound_prices(asked: Admission) -> Refusal | None:
    order = asked.order
    kind = KINDS[order.kind]
    for needed, price, name in (
        (kind.needs_limit, order.limit_price, "limit price"),
        (kind.needs_aux, order.aux_price, "stop price"),
    ):
        if needed and (price is None or price <= 0):
            return Refusal(321, f"Error validating request.-'bM' : cause - Please enter a {name}")
        if price and not is_conforming(instrument_of(order.con_id), price):
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
    return rejection(
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR "
        f"EQUITY WITH LOAN VALUE [{asked.worth.equity:.2f} USD] MUST EXCEED THE INITIAL MARGIN "
        f"[{needed:.2f} USD]"
    )


RULES: tuple[Rule, ...] = (supported, *ORDER_RULES, right_account, sound_quantity, sound_prices, affordable)


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
        order.asks,
    )


def price_of(text: str, *, used: bool) -> float | None:
    """Return a price; ib_insync sends 0.0 on modifies for a price the order type does not use."""
    value = number_of(text)
    return value if used else None
