"""The simulator's own clock: the machine's, a faster one, or one that is moved by hand.

Only this module reads the machine's time. What stands for the time of the venue (sessions,
bars, order slices, the length of a fault) follows the clock; what belongs to the socket
(the limit of the handshake, messages a second, slow reading and writing, the control port)
stays on `wall_seconds`, however fast the venue lives. Who moves a clock is pacemaker.py;
trading hours (hours.py) decide what a time means for the venue.
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
    """A clock that stands still until somebody moves it."""

    def __init__(self, start: datetime) -> None:
        self._epoch = start.timestamp()

    def epoch(self) -> float:
        return self._epoch

    def advance(self, seconds: float) -> None:
        """Move forward; a clock that runs backwards would break every promise of order."""
        if seconds < 0:
            raise ValueError("a clock only moves forward")
        self._epoch += seconds

    def move_to(self, epoch: float) -> None:
        """Move forward to a time."""
        if epoch < self._epoch:
            raise ValueError("a clock only moves forward")
        self._epoch = epoch


class SteppedClock(ManualClock):
    """A clock that only the pacemaker moves: between two steps nothing happens that nobody asked for.

    So the same requests between the same steps are answered by the same bytes.
    """


class AcceleratedClock(ManualClock):
    """A clock `speed` times as fast as the machine's.

    It shows the time up to which the venue has been moved, never one that was jumped over:
    on a machine that is too slow it falls behind instead (`due` tells where it should be).
    """

    def __init__(self, start: datetime, *, speed: float) -> None:
        super().__init__(start)
        self.speed = speed
        self._began_epoch = self.epoch()
        self._began_wall = wall_seconds()

    def due(self) -> float:
        """Return the time it would show if the venue kept up."""
        return self._began_epoch + (wall_seconds() - self._began_wall) * self.speed


def wall_seconds() -> float:
    """Return seconds of the machine from an arbitrary start, for what belongs to sockets."""
    return time.monotonic()


def utc_text(epoch: float) -> str:
    """Return `yyyymmdd-HH:MM:SS`, the wire's spelling of a UTC time."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d-%H:%M:%S")


def eastern_text(epoch: float) -> str:
    """Return `yyyymmdd HH:MM:SS US/Eastern`, the spelling with a zone."""
    return datetime.fromtimestamp(epoch, EASTERN).strftime("%Y%m%d %H:%M:%S US/Eastern")
