"""From when until when an order lives: its time in force, and the hours in which it may trade.

Pure: an order and a calendar in, an answer out. Who ends it is exchange.py.
"""

from __future__ import annotations

from apps.simulator.exchange.orders import Order
from apps.simulator.instruments.hours import TradingHours, session_after
from apps.simulator.time_texts import epoch_of

NEVER = 0.0
TIFS = ("DAY", "GTC", "IOC", "FOK", "GTD", "OPG", "DTC", "AUC")
_OF_THE_DAY = ("DAY", "OPG", "DTC", "AUC")
# Orders for the closing auction must be in before this.
CLOSING_CUTOFF_S = 600


def end_of(order: Order, hours: TradingHours) -> float:
    """Return when the system ends an order, NEVER if nothing but a cancel does."""
    if order.tif == "GTD":
        return epoch_of(order.asks.good_till, now=order.placed_at)
    if order.tif not in _OF_THE_DAY:
        return NEVER
    return float(session_after(hours, order.placed_at, is_extended=order.asks.outside_rth).end)


def is_for_opening(order: Order) -> bool:
    """Return whether an order takes part in the opening auction and in nothing else."""
    return order.tif in ("OPG", "AUC")


def is_for_closing(order: Order) -> bool:
    """Return whether an order takes part in the closing auction and in nothing else."""
    return order.nature.is_at_close


def is_for_auction(order: Order) -> bool:
    return is_for_opening(order) or is_for_closing(order)
