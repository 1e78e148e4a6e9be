"""Prices of the past as they are told today: splits undone, and dividends if asked for.

IB adjusts every history for splits, ADJUSTED_LAST for dividends too; single ticks of the
past are told as they were traded.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import date

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.market.prices import HEAD
from apps.simulator.market.quotes import Market, Stretch

ADJUSTED_LAST = "ADJUSTED_LAST"


class Adjustments:
    """What bars of one instrument and kind are multiplied by when they are told on a day."""

    def __init__(self, market: Market, instrument: Instrument, *, kind: str, seen: date) -> None:
        steps = [(one.day, 1.0 / one.ratio, one.ratio) for one in market.sources.splits_of(instrument)]
        if kind == ADJUSTED_LAST:
            path = market.path(instrument)
            for one in market.sources.dividends_between(instrument, HEAD, seen):
                before = math.exp(path.level(one.ex_day.toordinal()))
                steps.append((one.ex_day, max(0.01, 1.0 - one.amount / before), 1.0))
        steps = sorted(one for one in steps if one[0] <= seen)
        self._days = [day for day, _, _ in steps]
        self._factors = [(1.0, 1.0)]
        for _, price, volume in reversed(steps):
            last = self._factors[-1]
            self._factors.append((last[0] * price, last[1] * volume))
        self._factors.reverse()

    def apply(self, part: Stretch, day: date) -> Stretch:
        """Return a stretch of a day as it is told."""
        price, volume = self._factors[bisect_right(self._days, day)]
        if price == 1.0:
            return part
        return Stretch(
            opening=_scaled(part.opening, price),
            high=_scaled(part.high, price),
            low=_scaled(part.low, price),
            closing=_scaled(part.closing, price),
            volume=round(part.volume * volume),
        )


def _scaled(points: int, factor: float) -> int:
    return max(1, int(points * factor + 0.5))
