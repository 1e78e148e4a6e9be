"""At what price an order is willing to trade, as the quote stands.

Pure arithmetic in points, rounded to the order's disadvantage: a midpoint between two
points becomes the lower one for a buyer. Whether it may trade is working.py.
"""

from __future__ import annotations

import math

from apps.simulator.exchange.orders import Order
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.market.looks import Look
from apps.simulator.market.quotes import Market, Quote

# How far from the quote a protected market order still trades.
_PROTECTION = 0.005


def wanted_points(order: Order, look: Look, market: Market) -> int | None:
    """Return the worst price the order takes now, None for any."""
    if order.nature.is_market and not order.asks.scale:
        return None
    if order.kind in ("MKT PRT", "STP PRT"):
        return _protected(order, look.quote)
    if order.kind in ("MTL", "BOX TOP") and order.limit_price is None:
        return look.quote.ask if order.is_buy else look.quote.bid
    if order.nature.is_pegged:
        return _capped(order, look, _pegged(order, look, market))
    if order.asks.scale and order.limit_price is not None:
        return _component_price(order, look)
    return look.instrument.points(order.limit_price or 0.0)


def reach(order: Order, wanted: int | None, look: Look) -> int | None:
    """Return how far it goes to meet an offer: a discretionary order further than it shows."""
    if wanted is None or not order.asks.discretionary:
        return wanted
    extra = look.instrument.points(order.asks.discretionary)
    return wanted + extra if order.is_buy else wanted - extra


def snapped_price(order: Order, look: Look) -> float:
    """Return the limit price that a SNAP order takes from the quote when it comes in."""
    offset = look.instrument.points(order.aux_price or 0.0)
    quote = look.quote
    if order.kind == "SNAP MID":
        points = _middle(quote, down=order.is_buy)
    elif order.kind == "SNAP MKT":
        points = quote.ask if order.is_buy else quote.bid
    else:
        points = quote.bid if order.is_buy else quote.ask
    is_away = -1 if order.is_buy else 1
    return look.instrument.price(max(1, points + is_away * offset))


def _middle(quote: Quote, *, down: bool) -> int:
    total = quote.bid + quote.ask
    return total // 2 if down else -(-total // 2)


def _protected(order: Order, quote: Quote) -> int:
    if order.is_buy:
        return math.floor(quote.ask * (1 + _PROTECTION))
    return math.ceil(quote.bid * (1 - _PROTECTION))


def _pegged(order: Order, look: Look, market: Market) -> int:
    quote, sign = look.quote, 1 if order.is_buy else -1
    own, opposite = (quote.bid, quote.ask) if order.is_buy else (quote.ask, quote.bid)
    offset = _offset(order, look, own)
    if order.kind in ("REL", "PEG BEST"):
        return own + sign * offset
    if order.kind == "PASSV REL":
        return own - sign * offset
    if order.kind == "PEG MKT":
        return opposite - sign * offset
    if order.kind == "PEG BENCH":
        return _benched(order, look, market)
    return _middle(quote, down=order.is_buy) - sign * offset


def _offset(order: Order, look: Look, base: int) -> int:
    if order.aux_price:
        return look.instrument.points(order.aux_price)
    return round(base * order.asks.percent_offset)


def _benched(order: Order, look: Look, market: Market) -> int:
    bench = order.asks.benchmark
    if bench is None:
        return look.instrument.points(order.limit_price or 0.0)
    reference = instrument_of(bench.con_id)
    seen = reference.price(market.quote(reference, look.now).last)
    start = bench.reference_price if bench.reference_price is not None else seen
    steps = (seen - start) / bench.reference_change if bench.reference_change else 0.0
    return look.instrument.points(bench.starting_price + bench.change * steps)


def _capped(order: Order, look: Look, points: int) -> int:
    if not order.limit_price:
        return max(1, points)
    cap = look.instrument.points(order.limit_price)
    return min(points, cap) if order.is_buy else max(points, cap)


def _component_price(order: Order, look: Look) -> int:
    scale = order.asks.scale
    limit = look.instrument.points(order.limit_price or 0.0)
    if scale is None:
        return limit
    step = look.instrument.points(scale.increment) * components_done(order)
    return limit - step if order.is_buy else limit + step


def components_done(order: Order) -> int:
    """Return how many components of a scale order have filled whole."""
    scale = order.asks.scale
    if scale is None or order.filled < scale.first_size:
        return 0
    return 1 + int((order.filled - scale.first_size) // scale.later_size)


def component_left(order: Order) -> float:
    """Return the shares of a scale order's present component that have not filled yet."""
    scale = order.asks.scale
    if scale is None:
        return order.remaining
    end = scale.first_size + scale.later_size * components_done(order)
    return min(order.remaining, end - order.filled)
