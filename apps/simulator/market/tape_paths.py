"""The price of an instrument as its tape gives it, second by second.

Stands in the place of a PricePath and answers the same questions, so that quotes, bars,
fills and everything derived agree. Before the tape the seeded path is played, moved so
that it ends where the tape begins; after it the price stands still and nothing trades.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import OrderedDict
from datetime import date, timedelta
from itertools import accumulate, pairwise

from apps.simulator.instruments.hours import midnight
from apps.simulator.market.price_paths import Path
from apps.simulator.market.prices import BLOCK_S, HalfHour, Seconds, join_half_hours
from apps.simulator.market.tapes import Track

_KEPT_BLOCKS = 8


class TapePath:
    """One instrument's prices from its tape; `shift_s` moves the tape in time."""

    def __init__(self, model: Path, track: Track, *, shift_s: int = 0) -> None:
        self.instrument = model.instrument
        self._model = model
        self._track = track
        self._starts = array("q", [one + shift_s for one in track.times])
        self._bar_s = track.bar_s
        self._begin = self._starts[0]
        self._played: OrderedDict[int, Seconds] = OrderedDict()
        first = model.seconds_of(self._begin - self._begin % BLOCK_S).points[self._begin % BLOCK_S]
        self._ratio = track.opens[0] / first

    def level(self, ordinal: int) -> float:
        """Return the logarithm of the price at the first second of a day."""
        start = midnight(date.fromordinal(ordinal))
        if start < self._begin:
            return self._model.level(ordinal) + math.log(self._ratio)
        return self._logarithm(self.seconds_of(start - start % BLOCK_S).points[start % BLOCK_S])

    def half_hours(self, day: date, first: int, end: int) -> list[HalfHour]:
        """Return half hours of a day in points."""
        if midnight(day + timedelta(days=1)) <= self._begin:
            return [self._moved(one) for one in self._model.half_hours(day, first, end)]
        starts = range(midnight(day), midnight(day + timedelta(days=1)), BLOCK_S)[first:end]
        return [self._half_hour(start) for start in starts]

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

    def quote_at(self, second: int) -> tuple[int, int] | None:
        """Return bid and ask in points as the tape has them, or None."""
        place = bisect_right(self._starts, second) - 1
        if place < 0 or self._track.bids[place] < 0:
            return None
        return self._track.bids[place], self._track.asks[place]

    # --- inside ----------------------------------------------------------------------------

    def _logarithm(self, points: int) -> float:
        return math.log(points / self.instrument.points_per_unit)

    def _moved(self, one: HalfHour) -> HalfHour:
        opening, high, low, closing = (max(1, round(points * self._ratio)) for points in one[:4])
        return HalfHour(opening, high, low, closing, one.volume)

    def _half_hour(self, start: int) -> HalfHour:
        seconds = self.seconds_of(start)
        points = seconds.points
        return HalfHour(points[0], max(points), min(points), points[-1], seconds.volume[-1])

    def _play(self, start: int) -> Seconds:
        """Return a block: the model's part of it, if the tape begins later, and the tape's."""
        points = array("i", [0]) * BLOCK_S
        traded = [0] * BLOCK_S
        if start < self._begin:
            before = self._model.seconds_of(start)
            for place in range(min(BLOCK_S, self._begin - start)):
                points[place] = max(1, round(before.points[place] * self._ratio))
                traded[place] = before.volume[place] - (before.volume[place - 1] if place else 0)
        place = max(0, self._begin - start)
        while place < BLOCK_S:
            place = self._play_row(start, place, points, traded)
        return Seconds(points, array("i", list(accumulate(traded))))

    def _play_row(self, start: int, place: int, points: array[int], traded: list[int]) -> int:
        """Fill in what the row at a second says, up to the next row, and return where that is."""
        row = bisect_right(self._starts, start + place) - 1
        following = self._starts[row + 1] - start if row + 1 < len(self._starts) else BLOCK_S
        until = min(BLOCK_S, max(place + 1, following))
        begin = self._starts[row] - start
        length = min(self._bar_s, following - begin) if self._track.is_bars else 1
        bend = _bend_of(self._track, row, length)
        for here in range(place, until):
            points[here] = bend[min(here - begin, length - 1)]
            if here - begin < length:
                traded[here] += _part(self._volume_at(row), here - begin, length)
        return until

    def _volume_at(self, row: int) -> int:
        """Return the volume of a row; ticks of the same second come as one."""
        volume, second = self._track.volumes[row], self._starts[row]
        while not self._track.is_bars and row and self._starts[row - 1] == second:
            row -= 1
            volume += self._track.volumes[row]
        return volume


def _bend_of(track: Track, row: int, length: int) -> list[int]:
    """Return the prices of a row's seconds: open, the nearer extreme, the other one, close."""
    opening, closing = track.opens[row], track.closes[row]
    if length < 4:
        return [opening, *[closing] * (length - 1)] if length > 1 else [closing]
    extremes = (track.lows[row], track.highs[row])
    if closing < opening:
        extremes = (extremes[1], extremes[0])
    knots = ((0, opening), (length // 3, extremes[0]), (2 * length // 3, extremes[1]), (length - 1, closing))
    bend = [opening]
    for (left, before), (right, after) in pairwise(knots):
        step = (after - before) / (right - left)
        bend += [round(before + step * one) for one in range(1, right - left + 1)]
    return bend


def _part(volume: int, place: int, length: int) -> int:
    """Return the part of a volume that belongs to one of its seconds; all parts add up to it."""
    return volume * (place + 1) // length - volume * place // length
