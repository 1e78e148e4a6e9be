"""The order book behind a quote: ten prices on either side, the quote on top.

What stands at a price depends on that price and on a few seconds of time, and not on its
place in the book, so that a moving quote shifts the book instead of shuffling it. Orders
of our own clients are not in it: they take from it (liquidity.py) or queue behind it (queues.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from apps.simulator.instruments.instrument import Instrument, exchanges_of
from apps.simulator.instruments.market_rules import prices_above, prices_below
from apps.simulator.market.quotes import Market, Quote

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
    return Depth(
        bids=bids_of(market, instrument, quote, rows=rows),
        asks=asks_of(market, instrument, quote, rows=rows),
    )


def bids_of(market: Market, instrument: Instrument, quote: Quote, *, rows: int = LEVELS) -> tuple[Level, ...]:
    """Return the buying side under a quote, highest price first."""
    prices = prices_below(instrument, quote.bid, count=min(rows, LEVELS))
    return _side(_Drawing(market, instrument, quote.last_second), prices, top_size=quote.bid_size)


def asks_of(market: Market, instrument: Instrument, quote: Quote, *, rows: int = LEVELS) -> tuple[Level, ...]:
    """Return the selling side under a quote, lowest price first."""
    prices = prices_above(instrument, quote.ask, count=min(rows, LEVELS))
    return _side(_Drawing(market, instrument, quote.last_second), prices, top_size=quote.ask_size)


def standing_at(market: Market, instrument: Instrument, quote: Quote, *, points: int, is_bid: bool) -> float:
    """Return the shares that stand at a price of one side; none if it is better than the quote."""
    best, size = (quote.bid, quote.bid_size) if is_bid else (quote.ask, quote.ask_size)
    if points == best:
        return size
    if points > best if is_bid else points < best:
        return 0
    return _Drawing(market, instrument, quote.last_second).level(points).size


def _side(drawing: _Drawing, prices: list[int], *, top_size: float) -> tuple[Level, ...]:
    levels = [drawing.level(points) for points in prices]
    best = levels[0]
    return (Level(best.points, top_size, best.exchange), *levels[1:])


def exchange_of(market: Market, instrument: Instrument, points: int, *, second: int) -> str:
    """Return the exchange that shows a price."""
    return _Drawing(market, instrument, second).level(points).exchange


class _Drawing:
    """What stands at the prices of one instrument for a few seconds."""

    def __init__(self, market: Market, instrument: Instrument, second: int) -> None:
        self._name = f"{market.seed}:{instrument.path_name}:{second // _LIFE_S}"
        self._exchanges = exchanges_of(instrument)
        self._instrument = instrument

    def level(self, points: int) -> Level:
        dice = crc32(f"{self._name}:{points}".encode())
        exchange = self._exchanges[(dice >> 8) % len(self._exchanges)]
        return Level(points, self._instrument.in_lots(2 + (dice >> 16) % 18), exchange)
