"""The two clocks of the broker part: the wall, for people, and BOOTTIME, for ages and durations."""

import time
from datetime import UTC, datetime

#: BOOTTIME goes on while the host sleeps; systems without it have only the monotonic clock.
_DURATIONS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def utc_now() -> datetime:
    """Return the wall clock, aware, in UTC."""
    return datetime.now(UTC)


def boottime() -> float:
    """Return the seconds since this host was started, its sleep included."""
    return time.clock_gettime(_DURATIONS)
