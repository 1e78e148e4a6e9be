"""What becomes of positions and orders in contracts whose last second has passed.

Futures end in cash, and so do options on indices and futures; options on stocks that are
worth exercising end in the stock at their strike. Called as time passes (exchange.py).
"""

from __future__ import annotations

from apps.simulator.exchange.ending import BY_SYSTEM, Ending
from apps.simulator.exchange.orders import Position
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.market.derived_prices import last_second


class Settlement:
    """Ends what is left of expired contracts."""

    def __init__(self, state: VenueState, ending: Ending) -> None:
        self._state = state
        self._ending = ending

    def settle(self, now: float) -> None:
        """Cancel orders in expired contracts and turn positions into cash or stock."""
        for order in self._state.book.open_orders():
            if not order.is_done and _has_ended(order.con_id, now):
                self._ending.cancel(order, by=BY_SYSTEM)
        for position in self._state.ledger.held():
            if _has_ended(position.con_id, now):
                self._end(instrument_of(position.con_id), position)

    def _end(self, instrument: Instrument, position: Position) -> None:
        market, second = self._state.market, last_second(instrument.expiry)
        if not instrument.is_option:
            final = instrument.price(market.last_points(instrument, second))
            self._book(instrument, -position.quantity, price=final)
            return
        under = instrument_of(instrument.under_con_id)
        spot = under.price(market.last_points(under, second))
        sign = 1.0 if instrument.right == "C" else -1.0
        gain = max(0.0, sign * (spot - instrument.strike))
        held = position.quantity
        delivers = under.is_stock
        self._book(instrument, -held, price=0.0 if delivers else gain)
        if delivers and gain:
            self._book(under, sign * held * instrument.multiplier, price=instrument.strike)

    def _book(self, instrument: Instrument, quantity: float, *, price: float) -> None:
        self._state.ledger.book(instrument.con_id, shares=quantity, price=price, commission=0.0)
        self._state.position_moved(instrument.con_id)


def _has_ended(con_id: int, now: float) -> bool:
    expiry = instrument_of(con_id).expiry
    return bool(expiry) and now > last_second(expiry)
