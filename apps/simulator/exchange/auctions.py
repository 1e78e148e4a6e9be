"""The opening and the closing auction: one price for everybody, once a session.

Orders for them wait through the session and trade in the auction or not at all. The price
is that of the session's first or last trade; the auction's size is a part of an average
day's volume, which market orders get before limit orders, and earlier ones before later.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.exchange.ending import BY_SYSTEM, Ending
from apps.simulator.exchange.filling import Filling
from apps.simulator.exchange.lifetimes import is_for_auction, is_for_closing, is_for_opening
from apps.simulator.exchange.orders import Order, Status
from apps.simulator.exchange.readiness import has_opened
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.hours import Session, session_after, session_at
from apps.simulator.instruments.universe import Instrument, instrument_of
from apps.simulator.market.quotes import Market

_OPENING_PART = 0.01
_CLOSING_PART = 0.03


@dataclass(frozen=True, slots=True)
class Print:
    """An auction that has taken place: its price in points and the shares traded in it."""

    points: int
    shares: float


def opening_print(market: Market, instrument: Instrument, session: Session) -> Print:
    """Return the auction that opened a session."""
    return Print(market.last_points(instrument, session.start), instrument.average_volume * _OPENING_PART)


def closing_print(market: Market, instrument: Instrument, session: Session) -> Print:
    """Return the auction that closed a session."""
    return Print(market.last_points(instrument, session.end - 1), instrument.average_volume * _CLOSING_PART)


class Auctions:
    """Holds the auctions that are due."""

    def __init__(self, state: VenueState, *, ending: Ending, filling: Filling) -> None:
        self._state = state
        self._ending = ending
        self._filling = filling

    def hold(self, now: float) -> None:
        """Let the orders of every auction that has come trade in it; end what it leaves over."""
        due = [one for one in self._state.book.open_orders() if self._is_due(one, now)]
        left: dict[tuple[int, str, bool], float] = {}
        for order in sorted(due, key=self._turn):
            if not order.is_done:
                self._cross(order, left, now)

    def _is_due(self, order: Order, now: float) -> bool:
        if order.status is Status.API_PENDING or not is_for_auction(order) or self._is_held(order):
            return False
        hours = self._state.market.hours_of(instrument_of(order.con_id))
        if is_for_closing(order):
            return now >= session_after(hours, order.placed_at).end
        session = session_at(hours, now)
        return session is not None and order.placed_at < session.start

    def _is_held(self, order: Order) -> bool:
        parent = self._state.book.parent_of(order)
        is_waiting = parent is not None and not has_opened(parent)
        return is_waiting or instrument_of(order.con_id).symbol in self._state.market.halted

    def _turn(self, order: Order) -> tuple[int, bool, float, float, int]:
        limit = order.limit_price
        rank = 0.0 if limit is None else -limit if order.is_buy else limit
        return order.con_id, limit is not None, rank, order.worked_at, order.perm_id

    def _cross(self, order: Order, left: dict[tuple[int, str, bool], float], now: float) -> None:
        instrument = instrument_of(order.con_id)
        session = session_after(self._state.market.hours_of(instrument), order.placed_at)
        make = opening_print if is_for_opening(order) else closing_print
        printed = make(self._state.market, instrument, session)
        price = instrument.price(printed.points)
        pool = order.con_id, f"{session.day}{make is closing_print}", order.is_buy
        shares = min(order.remaining, float(int(left.get(pool, printed.shares))))
        if shares > 0 and _accepts(order, price):
            left[pool] = left.get(pool, printed.shares) - shares
            self._filling.fill(order, shares=shares, price=price, now=now, is_maker=False)
        if not order.is_done:
            self._ending.cancel(order, by=BY_SYSTEM)


def _accepts(order: Order, price: float) -> bool:
    if order.limit_price is None:
        return True
    return price <= order.limit_price if order.is_buy else price >= order.limit_price
