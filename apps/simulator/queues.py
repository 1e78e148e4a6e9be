"""Where a resting order stands in the queue of its price, and when its turn comes.

Behind everything the market shows at that price when it joins, and behind our own orders
that joined before. The market's trades at the price serve the queue from its front; a
trade beyond the price has passed everybody who waited there.
"""

from __future__ import annotations

from collections.abc import Iterable

from apps.simulator.depth import standing_at
from apps.simulator.looks import Look
from apps.simulator.orders import Order
from apps.simulator.quotes import Market


def join(order: Order, look: Look, market: Market, *, points: int, others: Iterable[Order]) -> None:
    """Put an order at the end of the queue of a price; one that stands there keeps its place."""
    if order.queue_points == points:
        return
    order.queue_points = points
    order.worked_at = look.now
    order.shown_left = order.asks.display_size
    order.queue_ahead = _ahead(order, look, market, others=others)


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


def show_next(order: Order, look: Look, market: Market, *, shares: float, others: Iterable[Order]) -> None:
    """Send an iceberg to the end of its queue for every part of it that has been taken."""
    if not order.asks.display_size or order.queue_points is None:
        return
    order.shown_left -= shares
    if order.shown_left <= 0:
        order.shown_left = order.asks.display_size
        order.worked_at = look.now
        order.queue_ahead = _ahead(order, look, market, others=others)


def _ahead(order: Order, look: Look, market: Market, *, others: Iterable[Order]) -> float:
    points = order.queue_points or 0
    shown = standing_at(market, look.instrument, look.quote, points=points, is_bid=order.is_buy)
    # Our own earlier orders must be served first, however the market's part of the queue was drawn.
    ours = [one.queue_ahead for one in others if one is not order and _stands_with(one, order)]
    return max([float(shown), *ours])


def _stands_with(other: Order, order: Order) -> bool:
    return other.is_buy == order.is_buy and other.queue_points == order.queue_points and not other.is_done


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
