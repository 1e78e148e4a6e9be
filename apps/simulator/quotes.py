"""The market as somebody sees it at one instant: quote, last trade, the day so far.

Reads prices.py and adds what the path does not know: spread and displayed sizes, the
venue's hours, halts, and prices set by hand. It knows nothing of orders.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import timedelta
from zlib import crc32

from apps.simulator.hours import (
    Session,
    TradingHours,
    eastern_date,
    midnight,
    session_at,
    session_before,
    trading_second,
)
from apps.simulator.prices import BLOCK_S, KeptBlocks, PricePath, Seconds, to_points
from apps.simulator.universe import Instrument

_KEPT_STRETCHES = 50_000
_KEPT_QUOTES = 2_000
# Why trading in an instrument is halted, as tick 49 says it.
HALTS = {"general": 1, "volatility": 2}


@dataclass(frozen=True, slots=True)
class Quote:
    """What is displayed for one instrument. Prices in points, sizes in shares."""

    bid: int
    ask: int
    bid_size: int
    ask_size: int
    last: int
    last_size: int
    last_second: int
    is_halted: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Open, high, low, close in points and the volume of a stretch of time."""

    opening: int
    high: int
    low: int
    closing: int
    volume: int


@dataclass(frozen=True, slots=True)
class DaySummary:
    """The session so far, and the close of the one before."""

    day: Stretch
    previous_close: int


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A price set by hand: from `start` on the path is scaled, or stands still."""

    start: int
    factor: float
    pinned_points: int | None = None

    def apply(self, points: int) -> int:
        if self.pinned_points is not None:
            return self.pinned_points
        return max(1, int(points * self.factor + 0.5))


def join(stretches: list[Stretch]) -> Stretch:
    """Return neighbouring stretches, oldest first, as one."""
    return Stretch(
        opening=stretches[0].opening,
        high=max(one.high for one in stretches),
        low=min(one.low for one in stretches),
        closing=stretches[-1].closing,
        volume=sum(one.volume for one in stretches),
    )


class Market:
    """All instruments under one seed and one calendar."""

    def __init__(self, *, seed: int, hours: TradingHours) -> None:
        self.seed = seed
        self.hours = hours
        self.halted: dict[str, int] = {}
        self.adjustments: dict[str, list[Adjustment]] = {}
        self._paths: dict[str, PricePath] = {}
        self._kept_blocks = KeptBlocks()
        self._adjusted: dict[tuple[str, int], Seconds] = {}
        self._before_block: dict[str, tuple[int, int, Stretch | None]] = {}
        self._wholes: dict[tuple[str, int, int], Stretch] = {}
        self._told: dict[tuple[int, float], Quote] = {}
        self._session: Session | None = None

    def path(self, instrument: Instrument) -> PricePath:
        """Return the path of an instrument, made at first use."""
        found = self._paths.get(instrument.symbol)
        if found is None:
            found = self._paths[instrument.symbol] = PricePath(self.seed, instrument, kept=self._kept_blocks)
        return found

    def is_open(self, at: float) -> bool:
        return self._session_at(at) is not None

    def _session_at(self, at: float) -> Session | None:
        """Return the session an instant falls into; nearly always it is that of the last question."""
        kept = self._session
        if kept is not None and kept.start <= at < kept.end:
            return kept
        found = self._session = session_at(self.hours, at)
        return found

    def _trading_second(self, at: float) -> float:
        return at if self._session_at(at) is not None else trading_second(self.hours, at)

    def last_points(self, instrument: Instrument, at: float) -> int:
        """Return the last traded price."""
        second = int(self._trading_second(at))
        return self._seconds(instrument, second - second % BLOCK_S).points[second % BLOCK_S]

    def quote(self, instrument: Instrument, at: float) -> Quote:
        """Return the quote; outside the venue's hours that of the last close."""
        key = (instrument.con_id, at)
        found = self._told.get(key)
        # All lines of an instrument are told the same instant, one after the other.
        if found is None or found.is_halted != (instrument.symbol in self.halted):
            if len(self._told) >= _KEPT_QUOTES:
                self._told.clear()
            found = self._told[key] = self._quote_at(instrument, at)
        return found

    def _quote_at(self, instrument: Instrument, at: float) -> Quote:
        seen = self._trading_second(at)
        second = int(seen)
        place = second % BLOCK_S
        seconds = self._seconds(instrument, second - place)
        points, volume = seconds.points, seconds.volume
        last = points[place]
        traded = volume[place] - (volume[place - 1] if place else 0)
        following = points[min(place + 1, BLOCK_S - 1)]
        middle = last + (following - last) * (seen - second)
        dice = crc32(f"{self.seed}:{instrument.symbol}:{second}".encode())
        # A price pinned by hand gives the same quote every second, so that a test can name it.
        is_wider = dice % 5 == 0 and not self._is_pinned(instrument)
        spread = instrument.spread_ticks + is_wider
        bid = max(1, int(middle - spread / 2))
        depth = 12 if instrument.average_volume >= 20_000_000 else 6
        return Quote(
            bid=bid,
            ask=bid + spread,
            bid_size=100 * (1 + (dice >> 4) % depth),
            ask_size=100 * (1 + (dice >> 12) % depth),
            last=last,
            # No trade is larger than what its second traded; the thinnest second has one of one share.
            last_size=max(1, min(traded, 1 + (dice >> 20) % 300)),
            last_second=second,
            is_halted=instrument.symbol in self.halted,
        )

    def day_summary(self, instrument: Instrument, at: float) -> DaySummary:
        """Return open, high, low and volume of the session up to now, and yesterday's close."""
        session = self._session_at(at) or session_before(self.hours, at)
        before = session_before(self.hours, session.start)
        return DaySummary(
            day=self._session_until(instrument, session, int(self._trading_second(at)) + 1),
            previous_close=self.last_points(instrument, before.end - 1),
        )

    def stretch(self, instrument: Instrument, start: int, end: int) -> Stretch:
        """Return what was traded in [start, end): at least one second within trading hours."""
        parts: list[Stretch] = []
        here = start
        while here < end:
            block = here - here % BLOCK_S
            if here == block and end - here >= BLOCK_S:
                until = end - end % BLOCK_S
                parts.extend(self._whole_blocks(instrument, here, until))
                here = until
            else:
                until = min(end, block + BLOCK_S)
                parts.append(self._part_of_block(instrument, block, here - block, until - block))
                here = until
        return parts[0] if len(parts) == 1 else join(parts)

    def set_price(self, instrument: Instrument, points: int, *, at: float, hold: bool = False) -> None:
        """Move the price to `points` from now on; `hold` keeps it standing there."""
        second = int(self._trading_second(at))
        raw = self.path(instrument).seconds_of(second - second % BLOCK_S).points[second % BLOCK_S]
        change = Adjustment(second, points / raw, points if hold else None)
        self.adjust(instrument.symbol, change)

    def adjust(self, symbol: str, change: Adjustment) -> None:
        """Append a change by hand, now or when a saved state is read back."""
        kept = [one for one in self.adjustments.get(symbol, []) if one.start < change.start]
        self.adjustments[symbol] = [*kept, change]
        self._adjusted = {key: value for key, value in self._adjusted.items() if key[0] != symbol}
        self._before_block.pop(symbol, None)
        self._told.clear()

    def _is_pinned(self, instrument: Instrument) -> bool:
        changes = self.adjustments.get(instrument.symbol)
        return changes is not None and changes[-1].pinned_points is not None

    def _seconds(self, instrument: Instrument, block: int) -> Seconds:
        raw = self.path(instrument).seconds_of(block)
        changes = self.adjustments.get(instrument.symbol)
        if not changes or changes[0].start >= block + BLOCK_S:
            return raw
        key = (instrument.symbol, block)
        found = self._adjusted.get(key)
        if found is None:
            points = array("l", raw.points)
            for change in changes:
                for place in range(max(0, change.start - block), BLOCK_S):
                    points[place] = change.apply(raw.points[place])
            if len(self._adjusted) > 64:
                self._adjusted.clear()
            found = self._adjusted[key] = Seconds(points, raw.volume)
        return found

    def _part_of_block(self, instrument: Instrument, block: int, first: int, end: int) -> Stretch:
        seconds = self._seconds(instrument, block)
        points = seconds.points[first:end]
        before = seconds.volume[first - 1] if first else 0
        return Stretch(points[0], max(points), min(points), points[-1], seconds.volume[end - 1] - before)

    def _whole_blocks(self, instrument: Instrument, start: int, end: int) -> list[Stretch]:
        changes = self.adjustments.get(instrument.symbol)
        if changes and changes[0].start < end:
            return [
                self._part_of_block(instrument, block, 0, BLOCK_S) for block in range(start, end, BLOCK_S)
            ]
        found: list[Stretch] = []
        while start < end:
            until = min(end, midnight(eastern_date(start) + timedelta(days=1)))
            found.append(self._within_day(instrument, start, until))
            start = until
        return found

    def _within_day(self, instrument: Instrument, start: int, until: int) -> Stretch:
        """Return whole blocks of one day as one stretch; kept, for years of days are asked for again."""
        key = (instrument.symbol, start, until)
        found = self._wholes.get(key)
        if found is None:
            day = eastern_date(start)
            first, last = ((edge - midnight(day)) // BLOCK_S for edge in (start, until))
            blocks = self.path(instrument).blocks_of(day)[first:last]
            per_unit = instrument.points_per_unit
            found = Stretch(
                opening=to_points(blocks[0].opening, per_unit),
                high=to_points(max([one.high for one in blocks]), per_unit),
                low=to_points(min([one.low for one in blocks]), per_unit),
                closing=to_points(blocks[-1].closing, per_unit),
                volume=sum([one.volume for one in blocks]),
            )
            if len(self._wholes) >= _KEPT_STRETCHES:
                self._wholes.clear()
            self._wholes[key] = found
        return found

    def _session_until(self, instrument: Instrument, session: Session, end: int) -> Stretch:
        """Return the session so far; what lies before the running block is kept, for speed."""
        block = max(session.start, (end - 1) - (end - 1) % BLOCK_S)
        kept = self._before_block.get(instrument.symbol)
        if kept is None or kept[:2] != (session.start, block):
            done = self.stretch(instrument, session.start, block) if block > session.start else None
            kept = self._before_block[instrument.symbol] = (session.start, block, done)
        running = self.stretch(instrument, block, end)
        return join([kept[2], running]) if kept[2] else running
