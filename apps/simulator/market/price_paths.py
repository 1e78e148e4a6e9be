"""What every source of an instrument's own prices can tell: the model, a tape, a view through splits."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.market.prices import HalfHour, Seconds


class Path(Protocol):
    """One instrument's prices over time, in points where nothing else is said."""

    instrument: Instrument

    def level(self, ordinal: int) -> float:
        """Return the logarithm of the price at the first second of a day."""

    def half_hours(self, day: date, first: int, end: int) -> list[HalfHour]:
        """Return the half hours of a US/Eastern day from `first` up to, not including, `end`."""

    def whole(self, day: date, first: int, end: int) -> HalfHour:
        """Return the half hours from `first` up to, not including, `end` of a day as one."""

    def seconds_of(self, start: int) -> Seconds:
        """Return the seconds of the half hour that begins at `start`."""
