"""Times as clients write them in orders: with a zone, without one, in UTC, or of today only.

Without a zone a time is of the gateway's login zone, US/Eastern here.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.simulator.clock import EASTERN

_SHORT_NAMES: dict[str, tzinfo] = {
    "EST": EASTERN, "EDT": EASTERN, "ET": EASTERN, "US/EASTERN": EASTERN,
    "CST": ZoneInfo("America/Chicago"), "CDT": ZoneInfo("America/Chicago"),
    "US/CENTRAL": ZoneInfo("America/Chicago"),
    "MST": ZoneInfo("America/Denver"), "US/MOUNTAIN": ZoneInfo("America/Denver"),
    "PST": ZoneInfo("America/Los_Angeles"), "PDT": ZoneInfo("America/Los_Angeles"),
    "US/PACIFIC": ZoneInfo("America/Los_Angeles"),
    "GMT": UTC, "UTC": UTC, "Z": UTC,
    "CET": ZoneInfo("Europe/Berlin"), "MET": ZoneInfo("Europe/Berlin"),
    "BST": ZoneInfo("Europe/London"), "JST": ZoneInfo("Asia/Tokyo"), "HKT": ZoneInfo("Asia/Hong_Kong"),
}  # fmt: skip
_FORMS = ("%Y%m%d %H:%M:%S", "%Y%m%d %H:%M")
_CLOCK_FORMS = ("%H:%M:%S", "%H:%M")


class BadTime(ValueError):
    """A text is not a time in any form the gateway takes."""


def epoch_of(text: str, *, now: float) -> float:
    """Return the instant a text names; a time of day alone is today's. Raises BadTime."""
    words = text.strip().split()
    if not words:
        raise BadTime("no time")
    if "-" in words[0]:
        return _parsed(words[0].replace("-", " "), UTC)
    if ":" in words[0]:
        today = datetime.fromtimestamp(now, zone_of(words[1:]))
        return _parsed(f"{today:%Y%m%d} {_checked_clock(words[0])}", zone_of(words[1:]))
    if len(words) == 1:
        return _parsed(f"{words[0]} 23:59:59", EASTERN)
    return _parsed(f"{words[0]} {words[1]}", zone_of(words[2:]))


def _checked_clock(text: str) -> str:
    for form in _CLOCK_FORMS:
        try:
            return f"{datetime.strptime(text, form):%H:%M:%S}"  # noqa: DTZ007  a time of day
        except ValueError:
            continue
    raise BadTime(f"not a time of day: {text[:20]}")


def _parsed(text: str, zone: tzinfo) -> float:
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=zone).timestamp()
        except ValueError:
            continue
    raise BadTime(f"not a time: {text[:30]}")


def zone_of(words: list[str]) -> tzinfo:
    """Return the zone some words name, US/Eastern for none. Raises BadTime."""
    if not words:
        return EASTERN
    name = " ".join(words)
    found = _SHORT_NAMES.get(name.upper())
    if found is not None:
        return found
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadTime(f"unknown time zone {name[:30]}") from None
