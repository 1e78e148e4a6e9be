"""How IB writes numbers, times and text, read into ours; what it leaves unset becomes None."""

import math
import re
from datetime import UTC, datetime
from decimal import Decimal

from apps.broker.port import decimal_of
from apps.domain.calendar import zone_of

#: Beyond this a number is one of IB's several ways to say "unset".
_UNSET_FROM = 1e30

#: Names the gateway uses on Windows and in older forms; all others are looked up as they are.
_ZONES = {
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Pacific Standard Time": "America/Los_Angeles",
    "Greenwich Mean Time": "Europe/London",
    "GMT Standard Time": "Europe/London",
    "British Summer Time": "Europe/London",
    "Central European Standard Time": "Europe/Berlin",
    "Central European Summer Time": "Europe/Berlin",
    "Hong Kong Standard Time": "Asia/Hong_Kong",
    "Japan Standard Time": "Asia/Tokyo",
    "EDT": "America/New_York",
    "CET": "Europe/Berlin",
}

_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)[ -]+(\d\d):(\d\d):(\d\d)(?: +(\S.*))?")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_TEXT_CAP = 2_000

#: Of quantities and prices; what a division left behind them is no part of a trade.
_BOOKED_PLACES = 8


def number(value: float | str | Decimal) -> Decimal | None:
    """Return the shortest decimal that IB can have meant; None for unset, NaN and infinity."""
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) >= _UNSET_FROM:
            return None
        text = repr(value)
        return Decimal(text.removesuffix(".0"))
    parsed = decimal_of(str(value))
    return None if parsed is None or abs(parsed) >= Decimal(_UNSET_FROM) else parsed


def required(value: float | str | Decimal) -> Decimal:
    """Return the number. Raises ValueError where IB left it unset."""
    found = number(value)
    if found is None:
        raise ValueError("a number is missing")
    return found


def zone_text(moment: str) -> str:
    """Return the zone named at the end of one of IB's times, empty if it names none."""
    found = _TIME.fullmatch(moment.strip())
    return (found[7] or "") if found else ""


def booked(value: float | str | Decimal) -> Decimal:
    """Return the number to the eight places that are booked, so that telling it again tells the same.

    Raises ValueError where IB left it unset, and where nothing of it would be left: 0 is a bust.
    """
    exact = required(value)
    places = -int(exact.as_tuple().exponent)
    kept = round(exact, _BOOKED_PLACES) if places > _BOOKED_PLACES else exact
    if exact and not kept:
        raise ValueError(f"too small to be booked: {exact}")
    return kept


def zone_name(name: str) -> str:
    """Return IB's name of a zone as the time zone database spells it, where we know better."""
    return _ZONES.get(name, name)


def instant(text: str, zone: str) -> datetime:
    """Return the moment IB means by `text`, in UTC; `zone` counts where the text names none.

    Reads `20230224  12:04:56`, `20260413 15:27:04 US/Eastern`, `20260413-15:27:04` (UTC) and epoch
    seconds. Raises ValueError for anything else.
    """
    text = text.strip()
    if text.isdigit() and len(text) > 8:
        return datetime.fromtimestamp(int(text), UTC)
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"not a time: {text[:40]!r}")
    name = found[7] or ("UTC" if "-" in text[:10] else zone)
    year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
    local = datetime(year, month, day, hour, minute, second, tzinfo=zone_of(zone_name(name)))
    return local.astimezone(UTC)


def optional_instant(text: str, zone: str) -> datetime | None:
    """Return the moment, or None where the text is none."""
    try:
        return instant(text, zone)
    except ValueError:
        return None


def utc_text(moment: datetime) -> str:
    """Return a moment in the one form every gateway takes without asking for a zone."""
    return moment.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S")


def readable(text: str) -> str:
    """Return IB's text with its escapes undone, without control characters, bounded."""
    plain_text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return "".join(c if c.isprintable() else " " for c in plain_text)[:_TEXT_CAP].strip()
