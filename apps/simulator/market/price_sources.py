"""Where prices come from beside the seed: tapes, and a calendar of splits and dividends.

The market asks here for what stands over the model's path of an instrument, and for what
has become of a price since: splits make it another, dividends are taken out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.market.corporate_actions import ActionCalendar, Dividend, FileCalendar, Split
from apps.simulator.market.price_paths import Path
from apps.simulator.market.prices import HEAD
from apps.simulator.market.split_paths import SplitPath, factor_on
from apps.simulator.market.tape_paths import TapePath
from apps.simulator.market.tapes import Track

# When a tape begins: at the times that stand in it, at the start of the simulator, or at a time given.
OWN_TIMES, NOW = "own", "now"
# No split after this day is looked for; the model itself knows no end.
_LAST_DAY = date(2099, 12, 31)


class PriceSources:
    """What is laid over the seeded prices; without arguments nothing is."""

    def __init__(
        self,
        *,
        tapes: Mapping[int, Track] | None = None,
        shift_s: int = 0,
        calendar: ActionCalendar | None = None,
    ) -> None:
        self.calendar: ActionCalendar = calendar or FileCalendar([], [])
        self._tapes = dict(tapes or {})
        self._shift_s = shift_s
        self._splits: dict[int, list[Split]] = {}

    def has_tape(self, instrument: Instrument) -> bool:
        return instrument.con_id in self._tapes

    def path_over(self, model: Path) -> Path:
        """Return the path that is played instead of the model's, or the model's own."""
        track = self._tapes.get(model.instrument.con_id)
        if track is not None:
            return TapePath(model, track, shift_s=self._shift_s)
        splits = self.splits_of(model.instrument)
        return SplitPath(model, splits) if splits else model

    def splits_of(self, instrument: Instrument) -> list[Split]:
        """Return all splits of an instrument that ever were or will be."""
        found = self._splits.get(instrument.con_id)
        if found is None:
            found = self.calendar.splits(instrument, first=HEAD, last=_LAST_DAY)
            self._splits[instrument.con_id] = found
        return found

    def splits_between(self, instrument: Instrument, first: date, last: date) -> list[Split]:
        """Return the splits after `first`, up to and including `last`."""
        return [one for one in self.splits_of(instrument) if first < one.day <= last]

    def split_factor(self, instrument: Instrument, day: date, *, seen: date) -> float:
        """Return by what a price of a day is multiplied when it is told on another."""
        splits = self.splits_of(instrument)
        if not splits:
            return 1.0
        return factor_on(splits, seen.toordinal()) / factor_on(splits, day.toordinal())

    def dividends_between(self, instrument: Instrument, first: date, last: date) -> list[Dividend]:
        """Return the dividends whose ex-day is after `first`, up to and including `last`."""
        return self.calendar.dividends(instrument, first=first, last=last)
