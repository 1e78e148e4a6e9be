"""Whether an order may enter the book, or change: each rule with IB's number for its refusal.

Rules look and answer; they change nothing. The order in which they are asked is the order
of the table at the end.
"""

from __future__ import annotations

from apps.simulator.exchange.account_rules import ACCOUNT_RULES
from apps.simulator.exchange.kinds import KINDS
from apps.simulator.exchange.order_rules import ORDER_RULES
from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.refusals import Admission, Refusal, Rule, invalid, rejection
from apps.simulator.exchange.size_rules import sound_quantity
from apps.simulator.instruments.market_rules import is_conforming
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.wire import number_of

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
    return None


def sound_prices(asked: Admission) -> Refusal | None:
    order = asked.order
    kind, instrument = KINDS[order.kind], instrument_of(order.con_id)
    # A combination may cost nothing, or bring money in.
    is_signed = bool(instrument.legs)
    for needed, price, name in (
        (kind.needs_limit, order.limit_price, "limit price"),
        (kind.needs_aux, order.aux_price, "stop price"),
    ):
        if needed and (price is None or (price <= 0 and not is_signed)):
            return Refusal(321, f"Error validating request.-'bM' : cause - Please enter a {name}")
        if price and not is_conforming(instrument, price):
            return Refusal(
                110, "The price does not conform to the minimum price variation for this contract."
            )
    return None


def affordable(asked: Admission) -> Refusal | None:
    if asked.needs <= 0:
        return None
    needed = asked.worth.initial_margin + asked.reserved + asked.needs
    if needed <= asked.worth.equity:
        return None
    return rejection(
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR "
        f"EQUITY WITH LOAN VALUE [{asked.worth.equity:.2f} USD] MUST EXCEED THE INITIAL MARGIN "
        f"[{needed:.2f} USD]"
    )


RULES: tuple[Rule, ...] = (
    supported, *ORDER_RULES, *ACCOUNT_RULES, sound_quantity, sound_prices, affordable,
)  # fmt: skip


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
