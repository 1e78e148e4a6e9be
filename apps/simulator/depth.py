"""The order book behind a quote: ten prices on either side, the quote on top.

What stands at a price depends on that price and on a few seconds of time, and not on its
place in the book, so that a moving quote shifts the book instead of shuffling it. Orders
of our own clients are not in it: they fill against the quote (matching.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from apps.simulator.quotes import Market
from apps.simulator.universe import DIRECT_EXCHANGES, Instrument

LEVELS = 10
_LIFE_S = 5


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a book; price in points, size in shares, and the exchange that shows it."""

    points: int
    size: float
    exchange: str


@dataclass(frozen=True, slots=True)
class Depth:
    """Both sides, best price first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def depth_at(market: Market, instrument: Instrument, at: float, *, rows: int) -> Depth:
    """Return the book at an instant; outside the venue's hours that of the last close."""
    quote = market.quote(instrument, at)
    name = _name(market, instrument, quote.last_second)
    count = min(rows, LEVELS)
    bids = [quote.bid - place for place in range(count) if quote.bid > place]
    asks = [quote.ask + place for place in range(count)]
    return Depth(
        bids=_side(name, bids, top_size=quote.bid_size),
        asks=_side(name, asks, top_size=quote.ask_size),
    )


def _side(name: str, prices: list[int], *, top_size: float) -> tuple[Level, ...]:
    levels = [_level(name, points) for points in prices]
    best = levels[0]
    return (Level(best.points, top_size, best.exchange), *levels[1:])


def exchange_of(market: Market, instrument: Instrument, points: int, *, second: int) -> str:
    """Return the exchange that shows a price."""
    return _level(_name(market, instrument, second), points).exchange


def _name(market: Market, instrument: Instrument, second: int) -> str:
    return f"{market.seed}:{instrument.symbol}:{second // _LIFE_S}"


def _level(name: str, points: int) -> Level:
    dice = crc32(f"{name}:{points}".encode())
    exchange = DIRECT_EXCHANGES[(dice >> 8) % len(DIRECT_EXCHANGES)]
    return Level(points, 100 * (2 + (dice >> 16) % 18), exchange)
