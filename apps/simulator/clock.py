"""The simulator's own clock, so that everything it does can be moved by hand in a test.

Only this module reads the machine's time. Trading hours (hours.py) decide what a time
means for the venue.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

# The wire says US/Eastern; the zone itself is asked for by the name every time zone database has.
EASTERN = ZoneInfo("America/New_York")


class Clock(Protocol):
    """What the simulator asks of a clock."""

    def epoch(self) -> float:
        """Return seconds since 1970, UTC."""


class WallClock:
    """The machine's clock: the time on the wire is the true time."""

    def epoch(self) -> float:
        return time.time()


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        self._epoch = start.timestamp()

    def epoch(self) -> float:
        return self._epoch

    def advance(self, seconds: float) -> None:
        """Move forward; a clock that runs backwards would break every promise of order."""
        if seconds < 0:
            raise ValueError("a clock only moves forward")
        self._epoch += seconds


def utc_text(epoch: float) -> str:
    """Return `yyyymmdd-HH:MM:SS`, the wire's spelling of a UTC time."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d-%H:%M:%S")


def eastern_text(epoch: float) -> str:
    """Return `yyyymmdd HH:MM:SS US/Eastern`, the spelling with a zone."""
    return datetime.fromtimestamp(epoch, EASTERN).strftime("%Y%m%d %H:%M:%S US/Eastern")
