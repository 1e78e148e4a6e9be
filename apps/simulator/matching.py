"""The arithmetic of matching: when a stop is elected, at what price an order may trade now.

Pure: an order and a quote in, an answer out. Exchange.py acts on the answers.
"""

from __future__ import annotations

from datetime import timedelta

from apps.simulator.hours import TradingHours, eastern_date
from apps.simulator.orders import Order
from apps.simulator.quotes import Quote
from apps.simulator.universe import Instrument


def is_stop_elected(order: Order, quote: Quote, instrument: Instrument) -> bool:
    """Return whether the last trade or the opposite quote has reached the stop price."""
    stop = instrument.points(order.aux_price or 0.0)
    if order.is_buy:
        return quote.last >= stop or quote.bid >= stop
    return quote.last <= stop or quote.ask <= stop


def executable_points(order: Order, quote: Quote, instrument: Instrument) -> int | None:
    """Return the price in points at which an order trades against the quote, or None."""
    offered = quote.ask if order.is_buy else quote.bid
    if order.kind in ("MKT", "STP"):
        return offered
    limit = instrument.points(order.limit_price or 0.0)
    is_marketable = offered <= limit if order.is_buy else offered >= limit
    if not is_marketable:
        return None
    # An order that rested in the book is met at its own price; one that comes in takes what is offered.
    return limit if order.has_rested else offered


def session_end_for(hours: TradingHours, placed_at: float) -> int:
    """Return the end of the session a DAY order belongs to: the running one or the next."""
    day = eastern_date(placed_at)
    while True:
        session = hours.session_on(day)
        if session is not None and placed_at < session.end:
            return session.end
        day += timedelta(days=1)
