"""Values → JSON text, the one way for all answers of ours.

Decimals become strings and times RFC 3339 with Z and microseconds; a surface that owes
JSON numbers turns its Decimals into floats or integers before.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def to_json(value: Any) -> bytes:
    """Return the value as UTF-8 JSON; raises TypeError for what JSON cannot carry."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS)


def rfc3339(moment: datetime) -> str:
    """Return an aware time as UTC text with microseconds, e.g. 2026-03-11T15:30:04.120000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def decimal_text(value: Decimal) -> str:
    """Return a decimal in plain form: no exponent, no more zeros than it came with."""
    return format(value, "f")


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return decimal_text(value)
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case Promise():
            return str(value)
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
