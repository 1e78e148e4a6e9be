"""The market as somebody sees it at one instant: quote, last trade, the day so far.

Reads prices.py and adds what the path does not know: spread and displayed sizes, the
venue's hours, halts, and prices set by hand. It knows nothing of orders.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from zlib import crc32

from apps.simulator.instruments.hours import (
    Session,
    TradingHours,
    eastern_date,
    extended_at,
    midnight,
    session_at,
    session_before,
    trading_second,
)
from apps.simulator.instruments.instrument import Instrument, Leg
from apps.simulator.instruments.market_rules import at_or_above, at_or_below, increment_at
from apps.simulator.instruments.session_calendars import hours_for
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.market.derived_prices import ComboPath, DerivedPath, LegPrices, last_second, model_of
from apps.simulator.market.price_paths import Path
from apps.simulator.market.price_sources import PriceSources
from apps.simulator.market.prices import BLOCK_S, HalfHour, KeptBlocks, PricePath, Seconds
from apps.simulator.market.tape_paths import TapePath

_KEPT_STRETCHES = 50_000
_KEPT_QUOTES = 2_000
_KEPT_DERIVED = 1500
# How wide the quote of an option is, as a part of its price.
_OPTION_WIDTH = 0.015
# Why trading in an instrument is halted, as tick 49 says it.
HALTS = {"general": 1, "volatility": 2}


@dataclass(frozen=True, slots=True)
class Quote:
    """What is displayed for one instrument. Prices in points, sizes as quantities."""

    bid: int
    ask: int
    bid_size: float
    ask_size: float
    last: int
    last_size: float
    last_second: int
    is_halted: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Open, high, low, close in points and the volume of a stretch of time, in smallest quantities."""

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

    def applied(self, path: array[int]) -> array[int]:
        """Return a piece of the path as it is changed."""
        if self.pinned_points is not None:
            return array(path.typecode, [self.pinned_points]) * len(path)
        factor = self.factor
        return array(path.typecode, [max(1, int(points * factor + 0.5)) for points in path])


def join(stretches: list[Stretch]) -> Stretch:
    """Return neighbouring stretches, oldest first, as one."""
    return Stretch(
        opening=stretches[0].opening,
        high=max(one.high for one in stretches),
        low=min(one.low for one in stretches),
        closing=stretches[-1].closing,
        volume=sum(one.volume for one in stretches),
    )


def sides_around(instrument: Instrument, middle: float, *, is_wider: bool) -> tuple[int, int]:
    """Return bid and ask around a middle, all in points."""
    if instrument.is_option:
        price = instrument.price(middle)
        step = increment_at(instrument, price)
        half = max(step, price * _OPTION_WIDTH) * (1.0 if is_wider else 0.5)
        bid = at_or_below(instrument, price - half)
        return bid, max(at_or_above(instrument, price + half), bid + instrument.points(step))
    spread = instrument.spread_ticks + is_wider
    bid = max(1, int(middle - spread / 2))
    return bid, bid + spread


def _last_size(instrument: Instrument, steps: int) -> float:
    return instrument.quantity(max(1, steps)) if instrument.has_volume else 0


class Market:
    """All instruments under one seed and one calendar."""

    def __init__(self, *, seed: int, hours: TradingHours, sources: PriceSources | None = None) -> None:
        self.seed = seed
        self.hours = hours
        self.sources = sources or PriceSources()
        self.halted: dict[str, int] = {}
        self.adjustments: dict[int, list[Adjustment]] = {}
        self._paths: dict[int, Path] = {}
        self._kept_blocks = KeptBlocks()
        self._derived: dict[int, DerivedPath | ComboPath | None] = {}
        self._adjusted: dict[tuple[int, int], Seconds] = {}
        self._before_block: dict[int, tuple[int, int, Stretch | None]] = {}
        self._wholes: dict[tuple[int, int, int], Stretch] = {}
        self._told: dict[tuple[int, float], Quote] = {}
        self._sessions: dict[TradingHours, Session] = {}

    def path(self, instrument: Instrument) -> Path:
        """Return the path of an instrument whose price follows from no other's, made at first use."""
        found = self._paths.get(instrument.con_id)
        if found is None:
            model = PricePath(self.seed, instrument, kept=self._kept_blocks)
            found = self._paths[instrument.con_id] = self.sources.path_over(model)
        return found

    def hours_of(self, instrument: Instrument) -> TradingHours:
        """Return the calendar by which an instrument trades here."""
        return hours_for(instrument, self.hours)

    def is_open(self, at: float, instrument: Instrument | None = None) -> bool:
        """Return whether an instrument trades at an instant; without one, whether stocks do."""
        hours = self.hours if instrument is None else self.hours_of(instrument)
        return self._session_at(hours, at) is not None

    def _session_at(self, hours: TradingHours, at: float) -> Session | None:
        """Return the session an instant falls into; nearly always it is that of the last question."""
        kept = self._sessions.get(hours)
        if kept is not None and kept.start <= at < kept.end:
            return kept
        found = session_at(hours, at)
        if found is not None:
            self._sessions[hours] = found
        return found

    def seen_at(self, instrument: Instrument, at: float) -> float:
        """Return the instant itself, or the last one at which the instrument traded before it."""
        hours = self.hours_of(instrument)
        seen = at if self._session_at(hours, at) is not None else trading_second(hours, at)
        return min(seen, last_second(instrument.expiry)) if instrument.expiry else seen

    def _quoted_at(self, instrument: Instrument, at: float) -> float:
        """Return the instant itself in extended hours too, else as `seen_at`."""
        if self.is_open_for(at, instrument, outside_rth=True):
            return at
        return self.seen_at(instrument, at)

    def is_open_for(self, at: float, instrument: Instrument, *, outside_rth: bool) -> bool:
        """Return whether an order may trade; of stocks in the extended hours, if it asks for them."""
        if self.is_open(at, instrument):
            return True
        is_stock = instrument.sec_type == "STK"
        return outside_rth and is_stock and extended_at(self.hours_of(instrument), at) is not None

    def last_points(self, instrument: Instrument, at: float) -> int:
        """Return the last traded price."""
        second = int(self.seen_at(instrument, at))
        return self._seconds(instrument, second - second % BLOCK_S).points[second % BLOCK_S]

    def quote(self, instrument: Instrument, at: float) -> Quote:
        """Return the quote; outside the venue's extended hours that of the last close."""
        key = (instrument.con_id, at)
        found = self._told.get(key)
        # All lines of an instrument are told the same instant, one after the other.
        if found is None or found.is_halted != (instrument.symbol in self.halted):
            if len(self._told) >= _KEPT_QUOTES:
                self._told.clear()
            draw = self._combo_quote if instrument.legs else self._quote_at
            found = self._told[key] = draw(instrument, at)
        return found

    def _quote_at(self, instrument: Instrument, at: float) -> Quote:
        seen = self._quoted_at(instrument, at)
        second = int(seen)
        place = second % BLOCK_S
        seconds = self._seconds(instrument, second - place)
        points, volume = seconds.points, seconds.volume
        last = points[place]
        traded = volume[place] - (volume[place - 1] if place else 0)
        following = points[min(place + 1, BLOCK_S - 1)]
        middle = last + (following - last) * (seen - second)
        dice = crc32(f"{self.seed}:{instrument.path_name}:{second}".encode())
        # A price pinned by hand gives the same quote every second, so that a test can name it.
        is_wider = dice % 5 == 0 and not self._is_pinned(instrument)
        bid, ask = self._given_sides(instrument, second) or sides_around(
            instrument, middle, is_wider=is_wider
        )
        depth = 12 if instrument.average_volume >= 20_000_000 else 6
        return Quote(
            bid=bid,
            ask=ask,
            bid_size=instrument.in_lots(1 + (dice >> 4) % depth),
            ask_size=instrument.in_lots(1 + (dice >> 12) % depth),
            last=last,
            # No trade is larger than what its second traded; the thinnest second has one of one share.
            last_size=_last_size(instrument, min(traded, 1 + (dice >> 20) % 300)),
            last_second=second,
            is_halted=instrument.symbol in self.halted,
        )

    def _given_sides(self, instrument: Instrument, second: int) -> tuple[int, int] | None:
        """Return bid and ask that stand on a tape, unless the price was set by hand since."""
        if not self.sources.has_tape(instrument) or instrument.con_id in self.adjustments:
            return None
        path = self.path(instrument)
        return path.quote_at(second) if isinstance(path, TapePath) else None

    def _combo_quote(self, combo: Instrument, at: float) -> Quote:
        """Return what buying and selling all legs at once would bring."""
        bid = ask = last = 0.0
        sizes: list[float] = []
        seconds: list[int] = []
        for leg, part in self._parts(combo):
            quote = self.quote(instrument_of(leg.con_id), at)
            low, high = (quote.bid, quote.ask) if part > 0 else (quote.ask, quote.bid)
            bid, ask, last = bid + part * low, ask + part * high, last + part * quote.last
            sizes += [quote.bid_size // leg.ratio, quote.ask_size // leg.ratio]
            seconds.append(quote.last_second)
        size, second = max(1, min(sizes)), max(seconds)
        is_halted = combo.symbol in self.halted
        return Quote(math.floor(bid), math.ceil(ask), size, size, round(last), 1, second, is_halted)

    def _parts(self, combo: Instrument) -> list[tuple[Leg, float]]:
        """Return the legs, each with what a point of its price adds to the whole, in points."""
        return [
            (leg, leg.signed_ratio * one.point * one.multiplier / (combo.point * combo.multiplier))
            for leg in combo.legs
            for one in (instrument_of(leg.con_id),)
        ]

    def day_summary(self, instrument: Instrument, at: float) -> DaySummary:
        """Return open, high, low and volume of the session up to now, and yesterday's close."""
        hours = self.hours_of(instrument)
        seen = self.seen_at(instrument, at)
        session = self._session_at(hours, seen) or session_before(hours, seen)
        before = session_before(hours, session.start)
        close = self.last_points(instrument, before.end - 1)
        factor = self.sources.split_factor(instrument, before.day, seen=session.day)
        return DaySummary(
            day=self._session_until(instrument, session, int(seen) + 1),
            previous_close=close if factor == 1.0 else max(1, round(close * factor)),
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

    def trades(self, instrument: Instrument, start: int, end: int) -> list[tuple[int, int, float]]:
        """Return second, price and shares of what was traded in each second of [start, end)."""
        found: list[tuple[int, int, float]] = []
        for block in range(start - start % BLOCK_S, end, BLOCK_S):
            seconds = self._seconds(instrument, block)
            for place in range(max(start - block, 0), min(end - block, BLOCK_S)):
                before = seconds.volume[place - 1] if place else 0
                shares = instrument.quantity(seconds.volume[place] - before)
                found.append((block + place, seconds.points[place], shares))
        return found

    def set_price(self, instrument: Instrument, points: int, *, at: float, hold: bool = False) -> None:
        """Move the price to `points` from now on; `hold` keeps it standing there."""
        second = int(self.seen_at(instrument, at))
        raw = self._raw(instrument, second - second % BLOCK_S).points[second % BLOCK_S]
        change = Adjustment(second, points / raw, points if hold else None)
        self.adjust(instrument.con_id, change)

    def adjust(self, con_id: int, change: Adjustment) -> None:
        """Append a change by hand, now or when a saved state is read back."""
        kept = [one for one in self.adjustments.get(con_id, []) if one.start < change.start]
        self.adjustments[con_id] = [*kept, change]
        # What follows from this price changes with it.
        self._adjusted.clear()
        self._before_block.clear()
        self._derived.clear()
        self._told.clear()

    def _is_pinned(self, instrument: Instrument) -> bool:
        changes = self.adjustments.get(instrument.con_id)
        return changes is not None and changes[-1].pinned_points is not None

    def _derived_path(self, instrument: Instrument) -> DerivedPath | ComboPath | None:
        """Return how an instrument's price follows from others', None if it has a path of its own."""
        if instrument.con_id not in self._derived:
            if len(self._derived) >= _KEPT_DERIVED:
                self._derived.clear()
            self._derived[instrument.con_id] = self._derive(instrument)
        return self._derived[instrument.con_id]

    def _derive(self, instrument: Instrument) -> DerivedPath | ComboPath | None:
        if instrument.legs:
            legs = [(instrument_of(leg.con_id), part) for leg, part in self._parts(instrument)]
            return ComboPath([LegPrices(part, partial(self._seconds, one)) for one, part in legs])
        model = None if self.sources.has_tape(instrument) else model_of(instrument)
        if model is None:
            return None
        return DerivedPath(
            model,
            seconds=partial(self._seconds, model.base),
            half_hours=partial(self._half_hours, model.base),
        )

    def _half_hours(self, instrument: Instrument, day: date, first: int, end: int) -> list[HalfHour]:
        return (self._derived_path(instrument) or self.path(instrument)).half_hours(day, first, end)

    def _raw(self, instrument: Instrument, block: int) -> Seconds:
        return (self._derived_path(instrument) or self.path(instrument)).seconds_of(block)

    def _first_change(self, instrument: Instrument) -> float:
        """Return when a price was first set by hand, its own or one it follows from."""
        if not self.adjustments:
            return math.inf
        changes = self.adjustments.get(instrument.con_id)
        first = changes[0].start if changes else math.inf
        bases = [instrument_of(leg.con_id) for leg in instrument.legs]
        model = None if bases else model_of(instrument)
        bases += [model.base] if model else []
        return min([first, *(self._first_change(one) for one in bases)])

    def _seconds(self, instrument: Instrument, block: int) -> Seconds:
        raw = self._raw(instrument, block)
        changes = self.adjustments.get(instrument.con_id)
        if not changes or changes[0].start >= block + BLOCK_S:
            return raw
        key = (instrument.con_id, block)
        found = self._adjusted.get(key)
        if found is None:
            points = array("i", raw.points)
            end = BLOCK_S
            # The newest change holds from its start on, the one before it up to there.
            for change in reversed(changes):
                first = max(0, change.start - block)
                points[first:end] = change.applied(raw.points[first:end])
                end = min(end, first)
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
        if self._first_change(instrument) < end:
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
        key = (instrument.con_id, start, until)
        found = self._wholes.get(key)
        if found is None:
            day = eastern_date(start)
            first, last = ((edge - midnight(day)) // BLOCK_S for edge in (start, until))
            derived = self._derived_path(instrument)
            if derived is None:
                found = Stretch(*self.path(instrument).whole(day, first, last))
            else:
                found = join([Stretch(*one) for one in derived.half_hours(day, first, last)])
            if len(self._wholes) >= _KEPT_STRETCHES:
                self._wholes.clear()
            self._wholes[key] = found
        return found

    def _session_until(self, instrument: Instrument, session: Session, end: int) -> Stretch:
        """Return the session so far; what lies before the running block is kept, for speed."""
        block = max(session.start, (end - 1) - (end - 1) % BLOCK_S)
        kept = self._before_block.get(instrument.con_id)
        if kept is None or kept[:2] != (session.start, block):
            done = self.stretch(instrument, session.start, block) if block > session.start else None
            kept = self._before_block[instrument.con_id] = (session.start, block, done)
        running = self.stretch(instrument, block, end)
        return join([kept[2], running]) if kept[2] else running
