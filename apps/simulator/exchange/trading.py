"""One awake order against one look at its market: served in its queue, taking offers, resting.

Prices are points. An order that stood at a price before the market came to it trades at
its own price; one that comes in takes what is offered, best price first, and no share
twice (liquidity.py). Never beyond the limit. What a fill changes is filling.py.
"""

from __future__ import annotations

from apps.simulator.exchange.ending import BY_SYSTEM, Ending
from apps.simulator.exchange.filling import Filling
from apps.simulator.exchange.liquidity import Liquidity, Offer
from apps.simulator.exchange.orders import QUANTITY_NOISE, Order, Status
from apps.simulator.exchange.pricing import reach, wanted_points
from apps.simulator.exchange.queues import Queues, served
from apps.simulator.exchange.slicing import allowance
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.market.looks import Look


class Trading:
    """Trades orders that may trade."""

    def __init__(self, state: VenueState, *, ending: Ending, filling: Filling) -> None:
        self._state = state
        self._ending = ending
        self._filling = filling
        self._liquidity = Liquidity(state.market)
        self._queues = Queues(state.market, state.book)

    def trade(self, order: Order, look: Look) -> None:
        """Do for an order what the look allows; afterwards it is filled, rests, or has ended."""
        wanted = wanted_points(order, look, self._state.market)
        if order.queue_points is not None and order.queue_points == wanted:
            self._serve(order, look, wanted)
        if not order.is_done:
            self._take(order, look, wanted)
        if not order.is_done:
            self._rest(order, look)

    def mark_working(self, order: Order) -> None:
        """Say that an order is at the exchange, if it was not before."""
        if order.status is Status.PRE_SUBMITTED:
            order.status = Status.SUBMITTED
            order.why_held = ""
            self._state.changed(order)

    # --- in the queue -----------------------------------------------------------------------

    def _serve(self, order: Order, look: Look, wanted: int) -> None:
        shares = served(order, look, at_most=allowance(order, look, self._state.market))
        if shares <= QUANTITY_NOISE:
            return
        self._fill(order, look, shares=shares, points=wanted, is_maker=True)
        if not order.is_done:
            self._queues.show_next(order, look, shares=shares)

    # --- from the book ----------------------------------------------------------------------

    def _take(self, order: Order, look: Look, wanted: int | None) -> None:
        limit = reach(order, wanted, look)
        offers = self._liquidity.offers(look, to_buyer=order.is_buy, limit=limit)
        allowed = allowance(order, look, self._state.market)
        if not offers or allowed <= QUANTITY_NOISE or not _is_enough(order, offers):
            return
        stands_at = order.queue_points if order.queue_points == wanted else None
        for offer in offers:
            shares = min(offer.shares, allowed, order.remaining)
            if shares <= QUANTITY_NOISE or order.is_done:
                return
            allowed -= shares
            is_maker = stands_at is not None and _is_within(offer.points, stands_at, to_buyer=order.is_buy)
            points = stands_at if is_maker and stands_at is not None else offer.points
            self._liquidity.take(look, to_buyer=order.is_buy, points=offer.points, shares=shares)
            self._fill(order, look, shares=shares, points=points, is_maker=is_maker)

    def _fill(self, order: Order, look: Look, *, shares: float, points: int, is_maker: bool) -> None:
        price = look.instrument.price(points)
        if order.kind in ("MTL", "BOX TOP") and order.limit_price is None:
            # What its first trade leaves over waits at the price of that trade.
            order.limit_price = price
        self._filling.fill(order, shares=shares, price=price, now=look.now, is_maker=is_maker)

    # --- what is left -----------------------------------------------------------------------

    def _rest(self, order: Order, look: Look) -> None:
        if order.tif == "FOK":
            self._ending.kill(order)
        elif order.tif == "IOC":
            self._ending.cancel(order, by=BY_SYSTEM)
        else:
            self._queue(order, look)
            self.mark_working(order)

    def _queue(self, order: Order, look: Look) -> None:
        wanted = wanted_points(order, look, self._state.market)
        if wanted is not None:
            self._queues.join(order, look, points=wanted)


def _is_enough(order: Order, offers: list[Offer]) -> bool:
    """Return whether the offers satisfy an order that wants all, or at least so many, at once."""
    shares = sum(one.shares for one in offers)
    if order.tif == "FOK" or order.asks.all_or_none:
        return shares >= order.remaining - QUANTITY_NOISE
    least = 0.0 if order.filled else order.asks.min_quantity
    return shares >= min(least, order.remaining)


def _is_within(points: int, limit: int, *, to_buyer: bool) -> bool:
    return points <= limit if to_buyer else points >= limit
