"""What the market allows an order to do now: wait, be elected, rest, trade.

Called whenever time passes or an order comes in. The prices are arithmetic of
matching.py; what a trade changes is filling.py.
"""

from __future__ import annotations

from typing import Protocol

from apps.simulator.ending import BY_SYSTEM, Ending
from apps.simulator.filling import Filling
from apps.simulator.matching import executable_points, is_stop_elected
from apps.simulator.orders import Order, Status
from apps.simulator.quotes import Quote
from apps.simulator.universe import instrument_of
from apps.simulator.venue_state import VenueState


class FillSwitch(Protocol):
    """What the exchange asks of the fault switches."""

    @property
    def are_fills_held(self) -> bool:
        """Return whether nothing may fill for now."""


class Working:
    """Works open orders against the moving quote."""

    def __init__(self, state: VenueState, *, switch: FillSwitch, ending: Ending, filling: Filling) -> None:
        self._state = state
        self._switch = switch
        self._ending = ending
        self._filling = filling
        self._quotes: dict[int, Quote] = {}
        self._quoted_at = 0.0

    def work(self, order: Order, now: float) -> None:
        """Do for one order what the present quote allows."""
        if order.is_done or order.status is Status.API_PENDING or not self._is_open(order, now):
            return
        parent = self._state.book.parent_of(order)
        if parent is not None and parent.status is not Status.FILLED:
            return
        quote = self._quote(order.con_id, now)
        if quote.is_halted or not self._is_elected(order, quote):
            return
        if self._switch.are_fills_held:
            self._mark_working(order)
        elif now >= order.next_slice_at:
            self._trade(order, quote, now)

    def _is_open(self, order: Order, now: float) -> bool:
        return self._state.market.is_open(now, instrument_of(order.con_id))

    def _quote(self, con_id: int, now: float) -> Quote:
        if self._quoted_at != now:
            self._quotes.clear()
            self._quoted_at = now
        found = self._quotes.get(con_id)
        if found is None:
            found = self._quotes[con_id] = self._state.market.quote(instrument_of(con_id), now)
        return found

    def _is_elected(self, order: Order, quote: Quote) -> bool:
        if not order.is_stop or order.is_elected:
            return True
        order.is_elected = is_stop_elected(order, quote, instrument_of(order.con_id))
        if not order.is_elected and order.parent_id and order.why_held == "":
            order.why_held = "trigger"
            self._state.changed(order)
        return order.is_elected

    def _trade(self, order: Order, quote: Quote, now: float) -> None:
        instrument = instrument_of(order.con_id)
        points = executable_points(order, quote, instrument)
        shown = quote.ask_size if order.is_buy else quote.bid_size
        if points is None or (order.tif == "FOK" and shown < order.remaining):
            self._rest(order)
            return
        price, shares = instrument.price(points), min(order.remaining, float(shown))
        self._filling.fill(order, shares=shares, price=price, now=now)
        if order.status is Status.FILLED:
            for child in self._state.book.children_of(order):
                self.work(child, now)
        elif order.tif == "IOC" and not order.is_done:
            self._ending.cancel(order, by=BY_SYSTEM)

    def _rest(self, order: Order) -> None:
        if order.tif == "FOK":
            self._ending.finish(order, Status.INACTIVE, by=BY_SYSTEM)
        elif order.tif == "IOC":
            self._ending.cancel(order, by=BY_SYSTEM)
        else:
            order.has_rested = True
            self._mark_working(order)

    def _mark_working(self, order: Order) -> None:
        if order.status is Status.PRE_SUBMITTED:
            order.status = Status.SUBMITTED
            order.why_held = ""
            self._state.changed(order)
