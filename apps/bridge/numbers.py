"""Numbers and times the way frozen fields carry them (spec/bridge-api.md W3 to W5).

A frozen field is never null: what is not known is 0 there, and null in a field of ours.
"""

from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal

#: IB writes "not set" as the largest double; no price or amount comes near it.
_LARGEST = Decimal(10) ** 18
_PLACES = Decimal("0.00000001")


def known(value: Decimal | None) -> Decimal | None:
    """Return `value`, or None if it is NaN, infinite or IB's "not set"."""
    if value is None or not value.is_finite() or abs(value) >= _LARGEST:
        return None
    return value


def number(value: Decimal | None) -> float:
    """Return a finite JSON number for a frozen field; 0 for what is not known."""
    return number_or_none(value) or 0.0


def number_or_none(value: Decimal | None) -> float | None:
    """Return a finite JSON number with at most eight decimals, None for what is not known."""
    found = known(value)
    return None if found is None else float(found.quantize(_PLACES)) + 0.0


def whole(value: Decimal | None) -> int:
    """Return a whole number for a frozen field; a fraction is cut off, unknown is 0."""
    return int((known(value) or Decimal(0)).to_integral_value(ROUND_DOWN))


def exact(value: Decimal | None) -> str:
    """Return the decimal as text, plain and complete, for an `…_exact` field."""
    text = format(known(value) or Decimal(0), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def instant(moment: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds: `2026-03-11T15:30:04.120000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_or_none(moment: datetime | None) -> str | None:
    """Return the instant, or None if there is none."""
    return None if moment is None else instant(moment)


def stamp(moment: datetime) -> str:
    """Return the stamp of a candle, to the second: `2026-03-10T00:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
