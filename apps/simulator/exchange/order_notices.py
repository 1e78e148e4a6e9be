"""What a gateway remarks about an order it takes: none of it keeps the order from working.

The notices of orders in words and codes; when they are told is entering.py.
"""

from __future__ import annotations

from apps.simulator.exchange.exposure import Exposure
from apps.simulator.exchange.orders import LOCATE, Order
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.wire import number_text

Notice = tuple[int, str]

_IGNORED = (
    "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored based on the order type and "
    "destination. PlaceOrder is now being processed."
)
_CROSSES = "The closing order quantity is greater than your current position."
_HELD = "Order held while securities are located."


def before_entry(order: Order, exposure: Exposure) -> list[Notice]:
    """Return what is told before the first status: clients take a notice for a cancel until one follows."""
    notices: list[Notice] = []
    if order.terms.get("tif", "") == "":
        notices.append((10349, "Order TIF was set to DAY based on order preset."))
    if order.asks.outside_rth and order.nature.is_market and not order.nature.waits_for_trigger:
        notices.append((2109, _IGNORED))
    if order.cut_from:
        text = (
            f"The order size was reduced from {number_text(order.cut_from)} to {number_text(order.quantity)}."
        )
        notices.append((481, text))
    if _crosses(order, exposure):
        notices.append((2137, _CROSSES))
    return notices


def after_entry(order: Order) -> list[Notice]:
    """Return what is told once an order was acknowledged."""
    return [(404, _HELD)] if order.why_held == LOCATE else []


def needs_locate(order: Order, exposure: Exposure) -> bool:
    """Return whether an order sells shares that are not held and that nobody lends."""
    instrument = instrument_of(order.con_id)
    is_scarce = instrument.is_stock and exposure.is_hard_to_borrow(instrument.symbol)
    return is_scarce and exposure.short_sale(order) > 0


def _crosses(order: Order, exposure: Exposure) -> bool:
    held = exposure.held(order.con_id)
    is_closing = held and (held < 0) == order.is_buy
    return bool(is_closing) and order.quantity > abs(held) and not order.parent_id
