"""The price of an instrument as a function of (seed, symbol, second), and of nothing else.

Three layers, each seeded by its place, so that any second of any year can be computed
without those before it:

- day levels: a seeded walk pulled back towards the instrument's plausible price;
- blocks of half an hour inside a day: a bridge between two levels, each with its high,
  its low and its volume, so that days and hours need no finer detail;
- seconds inside a block: a path bound to pass through exactly that high and that low.

Bars, quotes and fills are all read from here and therefore agree. Prices are whole points.
Spreads and sizes are quotes.py, grouping into bars is bars.py.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from apps.simulator.instruments.hours import eastern_date, midnight
from apps.simulator.instruments.instrument import Instrument

BLOCK_S = 1800
ANCHOR = date(2026, 11, 1).toordinal()
HEAD = date(2010, 1, 4)
_PULL = 0.97
_YEARLY_GROWTH_PER_DAY = 0.0003
_OPEN_BLOCK = 19
_CLOSE_BLOCK = 32
_KEPT_DAYS = 4
#: Seconds of blocks are large (15 kB): so many for whoever looks into the past, and a few for each path.
_KEPT_BLOCKS = 64
_KEPT_BLOCKS_PER_PATH = 3


class Block(NamedTuple):
    """Half an hour: logarithms of prices, and the shares traded in it.

    A tuple, because five years of days draw ninety thousand of them.
    """

    opening: float
    high: float
    low: float
    closing: float
    volume: int


class HalfHour(NamedTuple):
    """A block in whole points, and the shares traded in it."""

    opening: int
    high: int
    low: int
    closing: int
    volume: int


@dataclass(frozen=True, slots=True)
class Seconds:
    """The seconds of one block: prices in points and the shares traded before each second's end."""

    points: array[int]
    volume: array[int]


def join_half_hours(blocks: list[HalfHour]) -> HalfHour:
    """Return neighbouring blocks, oldest first, as one."""
    return HalfHour(
        opening=blocks[0].opening,
        high=max([one.high for one in blocks]),
        low=min([one.low for one in blocks]),
        closing=blocks[-1].closing,
        volume=sum([one.volume for one in blocks]),
    )


def _noise(random: Random) -> float:
    """Return a number of mean 0 and variance 1 within ±3: a tail could double a price."""
    draw = random.random
    return (draw() + draw() + draw() - 1.5) * 2.0


def to_points(logarithm: float, points_per_unit: float) -> int:
    """Return a price in whole points, never below one."""
    return max(1, int(math.exp(logarithm) * points_per_unit + 0.5))


def _activity(blocks: int) -> list[float]:
    """Return how lively each block of a day is; New York's hours carry most of it."""
    return [_liveliness(index) for index in range(blocks)]


def _liveliness(index: int) -> float:
    if not _OPEN_BLOCK <= index < _CLOSE_BLOCK:
        return 0.12
    middle = (_OPEN_BLOCK + _CLOSE_BLOCK - 1) / 2
    distance = abs(index - middle) / (_CLOSE_BLOCK - _OPEN_BLOCK) * 2
    return 0.6 + 1.4 * distance * distance


class KeptBlocks:
    """The seconds of the blocks somebody looked at last, of all paths of a market together.

    A limit for each path alone would let memory grow for days while its lines are open.
    """

    def __init__(self) -> None:
        self.paths = 0
        self._blocks: OrderedDict[tuple[str, int], Seconds] = OrderedDict()

    def get(self, key: tuple[str, int]) -> Seconds | None:
        return self._blocks.get(key)

    def keep(self, key: tuple[str, int], seconds: Seconds) -> None:
        """Keep one more, and let the oldest go if there are too many."""
        self._blocks[key] = seconds
        if len(self._blocks) > _KEPT_BLOCKS + _KEPT_BLOCKS_PER_PATH * self.paths:
            self._blocks.popitem(last=False)


class PricePath:
    """One instrument's prices under one seed."""

    def __init__(self, seed: int, instrument: Instrument, *, kept: KeptBlocks) -> None:
        self.instrument = instrument
        self._name = f"{seed}:{instrument.path_name}"
        self._anchor = math.log(instrument.start_price)
        self._forward = _Walk(Random(f"{self._name}:forward"), instrument.daily_volatility)
        self._backward = _Walk(Random(f"{self._name}:backward"), instrument.daily_volatility)
        self._days: OrderedDict[int, list[Block]] = OrderedDict()
        self._kept = kept
        self._kept.paths += 1

    def level(self, ordinal: int) -> float:
        """Return the logarithm of the price at the first second of a day."""
        if ordinal >= ANCHOR:
            return self._anchor + self._forward.at(ordinal - ANCHOR)
        days = ANCHOR - ordinal
        return self._anchor + self._backward.at(days) - _YEARLY_GROWTH_PER_DAY * days

    def blocks_of(self, day: date) -> list[Block]:
        """Return the half hours of a US/Eastern day, 46 or 50 when the clocks change."""
        ordinal = day.toordinal()
        found = self._days.get(ordinal)
        if found is None:
            found = self._days[ordinal] = self._draw_day(day)
            if len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return found

    def half_hours(self, day: date, first: int, end: int) -> list[HalfHour]:
        """Return blocks of a day in points, for prices that follow from these."""
        per_unit = self.instrument.points_per_unit
        return [
            HalfHour(
                to_points(one.opening, per_unit),
                to_points(one.high, per_unit),
                to_points(one.low, per_unit),
                to_points(one.closing, per_unit),
                one.volume,
            )
            for one in self.blocks_of(day)[first:end]
        ]

    def whole(self, day: date, first: int, end: int) -> HalfHour:
        """Return the blocks from `first` up to, not including, `end` of a day as one."""
        per_unit = self.instrument.points_per_unit
        blocks = self.blocks_of(day)[first:end]
        return HalfHour(
            opening=to_points(blocks[0].opening, per_unit),
            high=to_points(max([one.high for one in blocks]), per_unit),
            low=to_points(min([one.low for one in blocks]), per_unit),
            closing=to_points(blocks[-1].closing, per_unit),
            volume=sum([one.volume for one in blocks]),
        )

    def seconds_of(self, start: int) -> Seconds:
        """Return the seconds of the block that begins at `start`, a multiple of BLOCK_S."""
        key = (self._name, start)
        found = self._kept.get(key)
        if found is None:
            day = eastern_date(start)
            block = self.blocks_of(day)[(start - midnight(day)) // BLOCK_S]
            found = self._draw_seconds(start, block)
            self._kept.keep(key, found)
        return found

    def _draw_day(self, day: date) -> list[Block]:
        ordinal = day.toordinal()
        random = Random(f"{self._name}:{ordinal}")
        count = (midnight(day + timedelta(days=1)) - midnight(day)) // BLOCK_S
        shares = _shares(count)
        scales = [self.instrument.daily_volatility * math.sqrt(share) for share in shares]
        draw = random.random
        steps = [scale * (draw() + draw() + draw() - 1.5) * 2.0 for scale in scales]
        first, last = self.level(ordinal), self.level(ordinal + 1)
        missing = last - first - math.fsum(steps)
        day_volume = self.instrument.average_volume * (0.6 + 0.8 * random.random())
        blocks: list[Block] = []
        here = first
        for share, scale, step in zip(shares, scales, steps, strict=True):
            there = here + step + missing * share
            top, bottom = (there, here) if there > here else (here, there)
            reach = 0.6 * scale
            volume = int(day_volume * share * (0.7 + 0.6 * draw()))
            blocks.append(Block(here, top + reach * draw(), bottom - reach * draw(), there, volume))
            here = there
        return blocks

    def _draw_seconds(self, start: int, block: Block) -> Seconds:
        random = Random(f"{self._name}:s{start}")
        exp = math.exp
        turns = (random.randrange(60, BLOCK_S // 2), random.randrange(BLOCK_S // 2 + 60, BLOCK_S - 60))
        extremes = (block.high, block.low) if random.random() < 0.5 else (block.low, block.high)
        step = (block.high - block.low) / 40
        path = [block.opening]
        knots = ((turns[0], extremes[0]), (turns[1], extremes[1]), (BLOCK_S - 1, block.closing))
        for place, value in knots:
            path.extend(_bridge(random, path[-1], value, place - len(path) + 1, step))
        per_unit = self.instrument.points_per_unit
        points = array("i", [int(exp(one) * per_unit + 0.5) for one in _folded(path, block.low, block.high)])
        return Seconds(points, _spread_volume(random, block.volume))


class _Walk:
    """A walk pulled back to zero, extended as far as somebody looks."""

    def __init__(self, random: Random, step: float) -> None:
        self._random = random
        self._step = step
        self._values = [0.0]

    def at(self, index: int) -> float:
        while len(self._values) <= index:
            self._values.append(self._values[-1] * _PULL + self._step * _noise(self._random))
        return self._values[index]


_SHARES: dict[int, list[float]] = {}


def _shares(count: int) -> list[float]:
    """Return each block's part of a day's variance and volume."""
    if count not in _SHARES:
        weights = _activity(count)
        total = math.fsum(weights)
        _SHARES[count] = [weight / total for weight in weights]
    return _SHARES[count]


def _bridge(random: Random, start: float, end: float, count: int, step: float) -> list[float]:
    """Return `count` values after `start`, the last of which is exactly `end`."""
    draw = random.random
    walk = list(accumulate([(draw() - 0.5) * step for _ in range(count)]))
    slope = (end - start - walk[-1]) / count
    values = [start + one + slope * place for place, one in enumerate(walk, 1)]
    values[-1] = end
    return values


def _folded(values: list[float], low: float, high: float) -> list[float]:
    """Return values reflected back into a range: a clamp alone would draw flat tops."""
    folded = [2 * high - one if one > high else 2 * low - one if one < low else one for one in values]
    if max(folded) > high or min(folded) < low:
        return [min(high, max(low, one)) for one in folded]
    return folded


def _spread_volume(random: Random, volume: int) -> array[int]:
    draw = random.random
    running = list(accumulate([draw() * draw() for _ in range(BLOCK_S)]))
    each = volume / running[-1]
    return array("i", [int(each * one) for one in running[:-1]] + [volume])
