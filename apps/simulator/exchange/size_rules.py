"""How much an order may be for: the smallest size, its step, and what becomes of too much.

Which part of a size is too fine depends on the kind of security; money instead of a size
is turned into one here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.refusals import Admission, Refusal
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.market_rules import is_conforming_quantity
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.wire import number_of, number_text

# Shares may be had in parts since server version 163.
_STOCK_STEP = 0.0001
_LEAST = {"CASH": 1.0, "CRYPTO": 0.00001}
# What IDEALPRO takes of one order; more is cut down to it.
_MOST = {"CASH": 7_000_000.0}
_NOISE = 1e-6


def sound_quantity(asked: Admission) -> Refusal | None:
    order, instrument = asked.order, instrument_of(asked.order.con_id)
    quantity = order.quantity
    if quantity == 0 and order.asks.hedge:
        # The size of a hedge follows from what its parent trades.
        return None
    if quantity <= 0:
        return Refusal(434, "The order size cannot be zero.")
    least = _LEAST.get(instrument.sec_type, 0.0)
    if quantity < least:
        text = f"Order size {number_text(quantity)} is smaller than the minimum required size of {least:g}."
        return Refusal(388, text)
    if is_multiple(instrument, quantity):
        return None
    step = step_of(instrument)
    if quantity != int(quantity) and step >= 1:
        return Refusal(10318, "This order doesn't support fractional quantity trading.")
    return Refusal(461, f"You must enter a size that is a multiple of {number_text(step)}.")


def step_of(instrument: Instrument) -> float:
    """Return the smallest quantity, of which all others are multiples."""
    return _STOCK_STEP if instrument.is_stock else instrument.size_step


def is_multiple(instrument: Instrument, quantity: float) -> bool:
    """Return whether a quantity is a multiple of the smallest one."""
    if not instrument.is_stock:
        return is_conforming_quantity(instrument, quantity)
    steps = quantity / _STOCK_STEP
    return abs(steps - round(steps)) <= _NOISE


def fix_quantity(order: Order, mark: Callable[[int], float]) -> None:
    """Give an order its size: of its money if it names some, cut down if it is too large.

    `mark` tells the market's price of a contract, in its currency.
    """
    instrument = instrument_of(order.con_id)
    cash = number_of(order.terms.get("cashQty", "")) or 0.0
    if cash > 0 and not order.quantity:
        order.quantity = _size_for(instrument, cash, order.limit_price or mark(order.con_id))
    most = _MOST.get(instrument.sec_type)
    if most is not None and order.quantity > most:
        order.cut_from, order.quantity = order.quantity, most


def _size_for(instrument: Instrument, cash: float, price: float) -> float:
    """Return the largest size that so much money, in the instrument's currency, pays."""
    step = step_of(instrument)
    return round(math.floor(cash / (price * instrument.multiplier) / step + _NOISE) * step, 8)
