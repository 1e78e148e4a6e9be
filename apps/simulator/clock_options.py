"""The part of the command line that says what moves the venue's time."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from apps.simulator.clock import AcceleratedClock, Clock, SteppedClock, WallClock
from apps.simulator.config import BadConfig

FASTEST = 100_000.0


def add_clock_options(parser: argparse.ArgumentParser) -> None:
    """Add --clock, --speed and --start."""
    kinds = ("real", "accelerated", "stepped")
    parser.add_argument("--clock", choices=kinds, default=None, help="what moves the venue's time")
    parser.add_argument("--speed", type=float, default=None, help="60: a minute of the venue in a second")
    parser.add_argument("--start", default=None, help="where such a clock begins: ISO with a zone")


def clock_for(kind: str | None, *, speed: float | None, start: str | None) -> Clock:
    """Return the clock the options ask for. Raises BadConfig if they contradict each other."""
    kind = kind or ("real" if speed is None else "accelerated")
    if speed is not None and kind != "accelerated":
        raise BadConfig(f"--speed is for an accelerated clock, not a {kind} one")
    if start is not None and kind == "real":
        raise BadConfig("--start needs --clock accelerated or stepped")
    match kind:
        case "real":
            return WallClock()
        case "stepped":
            return SteppedClock(_start(start))
        case _:
            return AcceleratedClock(_start(start), speed=_speed(speed))


def _speed(speed: float | None) -> float:
    if speed is None:
        raise BadConfig("--clock accelerated needs --speed")
    if not 0 < speed <= FASTEST:
        raise BadConfig(f"--speed must be above 0 and at most {FASTEST:.0f}")
    return speed


def _start(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise BadConfig(f"--start {text!r} is not a time like 2026-11-20T09:30:00-05:00") from None
    if start.tzinfo is None:
        raise BadConfig(f"--start {text!r} has no zone; write for example 2026-11-20T09:30:00-05:00")
    return start
