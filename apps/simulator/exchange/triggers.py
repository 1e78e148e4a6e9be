"""What wakes a sleeping order: stops, touches, trailing stops, and stops that change their kind.

Pure but for the order's own moving stop price. What an awake order then does is working.py.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from apps.simulator.exchange.kinds import KINDS
from apps.simulator.exchange.orders import Order
from apps.simulator.market.looks import Look
from apps.simulator.market.quotes import Market, Quote

DEFAULT, DOUBLE_BID_ASK, LAST, DOUBLE_LAST, BID_ASK, LAST_OR_BID_ASK, MIDPOINT = 0, 1, 2, 3, 4, 7, 8
# Where nobody prints a tape worth following, quotes decide.
_BY_LAST = frozenset({"STK", "FUT", "CONTFUT", "CFD", "IND", "CRYPTO"})
_PERCENT = 0.01

Reached = Callable[[float], bool]


def method_of(order: Order, look: Look) -> int:
    """Return the trigger method that applies; the default depends on the instrument."""
    if order.asks.trigger_method != DEFAULT:
        return order.asks.trigger_method
    return LAST if look.instrument.sec_type in _BY_LAST else BID_ASK


def wakes(order: Order, look: Look, market: Market) -> bool:
    """Return whether an order that sleeps is awake now; moves the stop of a trailing one."""
    if order.nature.trails:
        return _trails_into(order, look, market)
    # A buy stop waits above the market, a buy order to be touched below it.
    rises = order.is_buy == order.nature.is_stop
    return is_reached(
        look.instrument.points(order.trigger_price),
        look,
        market,
        rises=rises,
        method=method_of(order, look),
        since=order.active_at,
    )


def is_reached(stop: int, look: Look, market: Market, *, rises: bool, method: int, since: float) -> bool:
    """Return whether the market has reached a price from below (`rises`) or from above."""

    def reached(points: float) -> bool:
        return points >= stop if rises else points <= stop

    quote = look.quote
    if method in (LAST, DOUBLE_LAST):
        return _by_trades(reached, look, market, since=since, twice=method == DOUBLE_LAST)
    if method == MIDPOINT:
        return reached((quote.bid + quote.ask) / 2)
    if method == LAST_OR_BID_ASK and any(reached(one) for one in look.trades_since(since)):
        return True
    is_quoted = reached(_side(quote, rises=rises))
    if method == DOUBLE_BID_ASK and is_quoted:
        before = market.quote(look.instrument, quote.last_second - 1)
        return reached(_side(before, rises=rises))
    return is_quoted


def _side(quote: Quote, *, rises: bool) -> int:
    return quote.bid if rises else quote.ask


def _by_trades(reached: Reached, look: Look, market: Market, *, since: float, twice: bool) -> bool:
    prices = look.trades_since(since)
    if not twice:
        return any(reached(one) for one in prices)
    if not look.seconds:
        prices = [market.last_points(look.instrument, look.quote.last_second - 1), *prices]
    return any(reached(one) and reached(following) for one, following in pairwise(prices))


# --- trailing stops ----------------------------------------------------------------------


def start_trailing(order: Order, look: Look) -> None:
    """Give a trailing order its first stop: the one it brings, or one its distance away."""
    if order.stop_price is not None or not order.nature.trails:
        return
    brought = order.asks.trail_stop
    stop = look.instrument.points(brought) if brought else _stop_behind(order, look, look.quote.last)
    order.stop_price = look.instrument.price(stop)
    if order.kind == "TRAIL LIMIT":
        order.limit_price = look.instrument.price(_limit_beside(order, look, stop))


def _trails_into(order: Order, look: Look, market: Market) -> bool:
    """Follow the market second by second; return whether it turned back into the stop."""
    method = method_of(order, look)
    if method in (LAST, DOUBLE_LAST, LAST_OR_BID_ASK):
        path = look.trades_since(order.active_at)
    else:
        path = [look.quote.bid if order.is_buy is False else look.quote.ask]
    for points in path:
        stop = look.instrument.points(order.trigger_price)
        if points >= stop if order.is_buy else points <= stop:
            return _is_confirmed(order, look, market, stop=stop, method=method)
        _follow(order, look, points)
    return False


def _is_confirmed(order: Order, look: Look, market: Market, *, stop: int, method: int) -> bool:
    if method not in (DOUBLE_LAST, DOUBLE_BID_ASK, MIDPOINT):
        return True
    return is_reached(stop, look, market, rises=order.is_buy, method=method, since=order.active_at)


def _follow(order: Order, look: Look, points: int) -> None:
    """Move the stop after the market, never back."""
    stop, wanted = look.instrument.points(order.trigger_price), _stop_behind(order, look, points)
    if wanted >= stop if order.is_buy else wanted <= stop:
        return
    order.stop_price = look.instrument.price(wanted)
    if order.kind == "TRAIL LIMIT":
        limit = look.instrument.points(order.limit_price or 0.0)
        order.limit_price = look.instrument.price(limit + wanted - stop)


def _stop_behind(order: Order, look: Look, points: int) -> int:
    if order.asks.trailing_percent:
        distance = max(1, round(points * order.asks.trailing_percent * _PERCENT))
    else:
        distance = look.instrument.points(order.aux_price or 0.0)
    return points + distance if order.is_buy else max(1, points - distance)


def _limit_beside(order: Order, look: Look, stop: int) -> int:
    offset = order.asks.limit_offset
    if offset is None:
        return look.instrument.points(order.limit_price or 0.0) or stop
    distance = look.instrument.points(offset)
    return stop + distance if order.is_buy else stop - distance


# --- stops that change their kind -------------------------------------------------------


def adjust_stop(order: Order, look: Look, market: Market) -> bool:
    """Turn a stop into what it becomes at its trigger price; return whether it did."""
    wanted = order.asks.adjusted
    if wanted is None or order.is_adjusted or order.is_elected:
        return False
    trigger = look.instrument.points(wanted.trigger_price)
    # The adjustment comes when the market moves in the position's favour: away from the stop.
    if not is_reached(
        trigger, look, market, rises=not order.is_buy, method=method_of(order, look), since=order.active_at
    ):
        return False
    order.is_adjusted = True
    order.kind = wanted.kind if wanted.kind in KINDS else order.kind
    order.limit_price = wanted.limit_price if KINDS[order.kind].needs_limit else None
    order.aux_price = wanted.stop_price
    order.stop_price = None
    if order.nature.trails:
        _adjust_to_trail(order, look)
    order.take_terms(order.terms)
    return True


def _adjust_to_trail(order: Order, look: Look) -> None:
    wanted = order.asks.adjusted
    if wanted is None:
        return
    order.stop_price = wanted.stop_price
    order.aux_price = None if wanted.is_percent else wanted.trailing_amount
    if wanted.is_percent:
        order.take_terms({**order.terms, "trailingPercent": str(wanted.trailing_amount or "")})
    if order.kind == "TRAIL LIMIT":
        order.limit_price = wanted.limit_price
    if order.stop_price is None:
        start_trailing(order, look)
