"""Where a resting order stands in the queue of its price, and when its turn comes.

Behind everything the market shows at that price when it joins, and behind our own orders
that joined before. The market's trades at the price serve the queue from its front; a
trade beyond the price has passed everybody who waited there.
"""

from __future__ import annotations

from apps.simulator.exchange.book import Book
from apps.simulator.exchange.orders import Order
from apps.simulator.market.depth import standing_at
from apps.simulator.market.looks import Look
from apps.simulator.market.quotes import Market


class Queues:
    """The queues of all prices at which our orders wait."""

    def __init__(self, market: Market, book: Book) -> None:
        self._market = market
        self._book = book
        # The last of ours at each price: nobody of ours stands behind it, so it has most before it.
        self._last: dict[tuple[int, bool, int], Order] = {}
        for order in sorted(book.open_orders(), key=lambda one: one.worked_at):
            if order.queue_points is not None:
                self._last[_place_of(order)] = order

    def join(self, order: Order, look: Look, *, points: int) -> None:
        """Put an order at the end of the queue of a price; one that stands there keeps its place."""
        if order.queue_points == points:
            return
        order.queue_points = points
        order.shown_left = order.asks.display_size
        self._go_to_end(order, look)

    def show_next(self, order: Order, look: Look, *, shares: float) -> None:
        """Send an iceberg to the end of its queue for every part of it that has been taken."""
        if not order.asks.display_size or order.queue_points is None:
            return
        order.shown_left -= shares
        if order.shown_left <= 0:
            order.shown_left = order.asks.display_size
            self._go_to_end(order, look)

    def _go_to_end(self, order: Order, look: Look) -> None:
        points = order.queue_points or 0
        shown = standing_at(self._market, look.instrument, look.quote, points=points, is_bid=order.is_buy)
        # Our own earlier orders must be served first, however the market's part of the queue was drawn.
        order.queue_ahead = max(float(shown), self._most_before(order))
        order.worked_at = look.now
        self._last[_place_of(order)] = order

    def _most_before(self, order: Order) -> float:
        last = self._last.get(_place_of(order))
        if last is None:
            return 0.0
        if last is not order and not last.is_done and _place_of(last) == _place_of(order):
            return last.queue_ahead
        return max(
            (
                one.queue_ahead
                for one in self._book.open_in(order.con_id)
                if one is not order and one.queue_points is not None and _place_of(one) == _place_of(order)
            ),
            default=0.0,
        )


def _place_of(order: Order) -> tuple[int, bool, int]:
    return order.con_id, order.is_buy, order.queue_points or 0


def leave(order: Order) -> None:
    """Forget an order's place, because its price or its size has changed."""
    order.queue_points = None
    order.queue_ahead = 0.0


def served(order: Order, look: Look, *, at_most: float) -> float:
    """Return the shares that the trades since the last look brought a waiting order.

    Strikes them off those trades and moves the order's place forward.
    """
    got = 0.0
    for one in look.seconds:
        if one.second < order.worked_at or one.shares_left <= 0 or order.queue_points is None:
            continue
        if not _touches(order, one.points):
            continue
        if _passes(order, one.points):
            order.queue_ahead = 0.0
        shares = _turn(order, one.shares_left, wanted=at_most - got)
        one.shares_left -= shares
        got += shares
    return got


def _touches(order: Order, points: int) -> bool:
    wanted = order.queue_points or 0
    return points <= wanted if order.is_buy else points >= wanted


def _passes(order: Order, points: int) -> bool:
    return points != order.queue_points


def _turn(order: Order, volume: float, *, wanted: float) -> float:
    """Return what one second's volume leaves for the order after those before it."""
    before = min(order.queue_ahead, volume)
    if not order.asks.hidden:
        # What is not shown stands behind all that is, also behind what came later.
        order.queue_ahead -= before
    shares = min(wanted, volume - before)
    if order.asks.display_size:
        shares = min(shares, order.shown_left)
    whole = float(int(shares)) if wanted == int(wanted) else shares
    return 0.0 if order.asks.all_or_none and whole < wanted else whole
