"""What happens inside one second: its trades, and how its quote moves.

Live streams and questions about the past read the same seconds here, so that a tick told
live is found again later. Bars are bars.py, the wire form is in messages.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from zlib import crc32

from apps.simulator.instruments.hours import TradingHours, midnight, sessions_between
from apps.simulator.instruments.instrument import exchanges_of
from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.bars import DAY
from apps.simulator.market.prices import HEAD
from apps.simulator.market.quotes import Market

# The gateway tells changes of a stock's quote at most four times a second.
SLOTS_PER_S = 4
TRADES, BID_ASK, MIDPOINT = "TRADES", "BID_ASK", "MIDPOINT"
KINDS = (TRADES, BID_ASK, MIDPOINT)
MAX_TICKS = 1000
# A price held by hand has no ticks at all; looking for them must come to an end.
_SECONDS_LOOKED_AT = 3600
# Longer than any row of days on which a venue is closed.
_LOOK_BACK_S = 14 * DAY


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade; price in points, size in shares."""

    second: int
    points: int
    size: float
    exchange: str


@dataclass(frozen=True, slots=True)
class QuoteTick:
    """The quote after a change of it; prices in points, sizes in shares."""

    second: int
    bid: int
    ask: int
    bid_size: float
    ask_size: float

    @property
    def middle(self) -> float:
        return (self.bid + self.ask) / 2


Tick = Trade | QuoteTick


@dataclass(frozen=True, slots=True)
class Ticker:
    """The ticks of one kind of one instrument."""

    market: Market
    instrument: Instrument
    kind: str
    ignore_size: bool = False

    def ticks_in(self, second: int) -> list[Tick]:
        """Return the ticks of a second within trading hours, oldest first."""
        if self.kind == TRADES:
            return [*self.trades_in(second)]
        first = second * SLOTS_PER_S
        seen = [self.quote_in(slot) for slot in range(first - 1, first + SLOTS_PER_S)]
        return [tick for before, tick in pairwise(seen) if self.differ(before, tick)]

    def trades_in(self, second: int) -> list[Trade]:
        """Return the trades of a second; together they are its volume, the last one is on the quote."""
        quote = self.market.quote(self.instrument, second)
        volume = self.market.stretch(self.instrument, second, second + 1).volume
        if not volume:
            return []
        rest = round(self.instrument.quantity(volume) - quote.last_size, 8)
        sizes = [one for one in (rest, quote.last_size) if one > 0]
        dice = crc32(f"{self.market.seed}:{self.instrument.path_name}:{second}:venue".encode())
        places = exchanges_of(self.instrument)
        return [
            Trade(second, quote.last, size, places[(dice >> place) % len(places)])
            for place, size in enumerate(sizes)
        ]

    def quote_in(self, slot: int) -> QuoteTick:
        """Return the quote at a quarter of a second, counted from 1970."""
        quote = self.market.quote(self.instrument, slot / SLOTS_PER_S)
        return QuoteTick(slot // SLOTS_PER_S, quote.bid, quote.ask, quote.bid_size, quote.ask_size)

    def differ(self, before: QuoteTick, after: QuoteTick) -> bool:
        """Return whether the step from one quote to the next is a tick of this kind."""
        if self.kind == MIDPOINT:
            return before.middle != after.middle
        is_new_price = (before.bid, before.ask) != (after.bid, after.ask)
        is_new_size = (before.bid_size, before.ask_size) != (after.bid_size, after.ask_size)
        return is_new_price or (is_new_size and not self.ignore_size)

    def after(self, start: int, *, end: int, count: int) -> list[Tick]:
        """Return the first `count` ticks of [start, end); a second is never split."""
        sessions = sessions_between(self.market.hours_of(self.instrument), max(start, midnight(HEAD)), end)
        seconds = (second for one in sessions for second in range(max(one.start, start), min(one.end, end)))
        return [tick for part in self._until(count, seconds) for tick in part]

    def before(self, end: int, *, count: int) -> list[Tick]:
        """Return the last `count` ticks before `end`, oldest first; a second is never split."""
        parts = [*self._until(count, _seconds_back(self.market.hours_of(self.instrument), end))]
        return [tick for part in reversed(parts) for tick in part]

    def _until(self, count: int, seconds: Iterable[int]) -> Iterator[list[Tick]]:
        for second in islice(seconds, _SECONDS_LOOKED_AT):
            if count <= 0:
                return
            ticks = self.ticks_in(second)
            count -= len(ticks)
            yield ticks


def _seconds_back(hours: TradingHours, end: int) -> Iterator[int]:
    first = max(midnight(HEAD), end - _LOOK_BACK_S)
    for one in reversed(sessions_between(hours, first, end)):
        yield from range(min(one.end, end) - 1, max(one.start, first) - 1, -1)
