"""The clock for durations: it goes on while the machine sleeps and never jumps."""

import time


def boottime() -> float:
    """Return seconds since the machine started, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
