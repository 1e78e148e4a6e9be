"""The price of an instrument whose shares were split: what was paid at the time.

The model under it knows no splits. As traded, a price before a split is the higher one and
its volume the smaller; history that is told later (bars.py) undoes just this.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from datetime import date

from apps.simulator.instruments.hours import eastern_date
from apps.simulator.market.corporate_actions import Split
from apps.simulator.market.price_paths import Path
from apps.simulator.market.prices import ANCHOR, HalfHour, Seconds, join_half_hours

_KEPT_BLOCKS = 8


def factor_on(splits: list[Split], ordinal: int) -> float:
    """Return what a price of a day is multiplied by; on the day the model is anchored to it is 1."""
    factor = 1.0
    for one in splits:
        split_on = one.day.toordinal()
        if ANCHOR < split_on <= ordinal:
            factor /= one.ratio
        elif ordinal < split_on <= ANCHOR:
            factor *= one.ratio
    return factor


class SplitPath:
    """A path seen through its splits."""

    def __init__(self, model: Path, splits: list[Split]) -> None:
        self.instrument = model.instrument
        self._model = model
        self._splits = splits
        self._played: OrderedDict[int, Seconds] = OrderedDict()

    def level(self, ordinal: int) -> float:
        """Return the logarithm of the price at the first second of a day."""
        return self._model.level(ordinal) + math.log(factor_on(self._splits, ordinal))

    def half_hours(self, day: date, first: int, end: int) -> list[HalfHour]:
        """Return half hours of a day in points."""
        factor = factor_on(self._splits, day.toordinal())
        return [_scaled(one, factor) for one in self._model.half_hours(day, first, end)]

    def whole(self, day: date, first: int, end: int) -> HalfHour:
        """Return the blocks from `first` up to, not including, `end` of a day as one."""
        return join_half_hours(self.half_hours(day, first, end))

    def seconds_of(self, start: int) -> Seconds:
        """Return the seconds of the block that begins at `start`, a multiple of BLOCK_S."""
        found = self._played.get(start)
        if found is None:
            found = self._played[start] = self._play(start)
            if len(self._played) > _KEPT_BLOCKS:
                self._played.popitem(last=False)
        return found

    def _play(self, start: int) -> Seconds:
        seconds = self._model.seconds_of(start)
        factor = factor_on(self._splits, eastern_date(start).toordinal())
        if factor == 1.0:
            return seconds
        return Seconds(
            array("i", [_points(one, factor) for one in seconds.points]),
            array("i", [round(one / factor) for one in seconds.volume]),
        )


def _points(points: int, factor: float) -> int:
    return max(1, int(points * factor + 0.5))


def _scaled(one: HalfHour, factor: float) -> HalfHour:
    if factor == 1.0:
        return one
    opening, high, low, closing = (_points(price, factor) for price in one[:4])
    return HalfHour(opening, high, low, closing, round(one.volume / factor))
