"""Our words and theirs, as tables: statuses, order types, candle lengths.

Pure. What a word does is decided elsewhere; here it is only said how old callers spell it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from apps.domain.candles import CandleInterval
from apps.domain.errors import DomainError
from apps.domain.orders import CLOSED, OrderStatus, OrderType

_S = OrderStatus

#: WORKING is not here: there the broker's own word says more (see `compat_status`).
_COMPAT_STATUS: Mapping[OrderStatus, str] = {
    _S.PENDING_APPROVAL: "ApiPending",
    _S.ACCEPTED: "ApiPending",
    _S.IN_FLIGHT: "PendingSubmit",
    _S.UNKNOWN: "PendingSubmit",
    _S.PARTIALLY_FILLED: "Submitted",
    _S.PENDING_CANCEL: "PendingCancel",
    _S.FILLED: "Filled",
    _S.CANCELLED: "Cancelled",
    _S.DENIED: "Inactive",
    _S.REJECTED: "Inactive",
    _S.EXPIRED_UNSENT: "ApiCancelled",
    _S.CANCELLED_UNSENT: "ApiCancelled",
    _S.NOT_PLACED: "ApiCancelled",
}

#: Broker words under which a working order is held back; `Inactive` waits for a locate.
_HELD_BACK = frozenset({"PreSubmitted", "Inactive"})

#: What an id is called that nobody knows.
UNKNOWN_STATUS = "Unknown"


def compat_status(status: OrderStatus, broker_status: str) -> str:
    """Return the status as old callers know it; `broker_status` is IB's word or empty."""
    if status is _S.WORKING:
        return "PreSubmitted" if broker_status in _HELD_BACK else "Submitted"
    return _COMPAT_STATUS[status]


def executor_status(status: OrderStatus, broker_status: str) -> str:
    """Return the status for the executor, which stops polling only on Filled or Cancelled.

    So every end but FILLED reads Cancelled there. Doubt is no end.
    """
    if status in CLOSED and status is not _S.FILLED:
        return "Cancelled"
    return compat_status(status, broker_status)


ORDER_TYPES: Mapping[str, OrderType] = {
    "MKT": OrderType.MARKET,
    "LMT": OrderType.LIMIT,
    "STP": OrderType.STOP,
}
ENTRY_TYPES: Mapping[str, OrderType] = {"MKT": OrderType.MARKET, "LMT": OrderType.LIMIT}
#: A type that is not here came from outside and keeps IB's own word.
IB_ORDER_TYPES: Mapping[str, str] = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
}

#: The workflow tags the old front end reads.
TAG_ENTRY = "manual-entry"
TAG_CLOSE = "manual-close"
TAG_PROTECT = "manual-protect"

#: `timeframe` of GET /candles; a word that is not here means daily, and that is frozen.
TIMEFRAMES: Mapping[str, CandleInterval] = {
    "1": CandleInterval.M1,
    "1m": CandleInterval.M1,
    "5": CandleInterval.M5,
    "5m": CandleInterval.M5,
    "15": CandleInterval.M15,
    "15m": CandleInterval.M15,
    "60": CandleInterval.H1,
    "1h": CandleInterval.H1,
    "1D": CandleInterval.D1,
    "1d": CandleInterval.D1,
    "1W": CandleInterval.W1,
    "1w": CandleInterval.W1,
}

WHAT_TO_SHOW = ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST")

#: A unit of IB's durations: how many are allowed at once, and how long one lasts in seconds.
_DURATION_UNITS: Mapping[str, tuple[int, int]] = {
    "S": (86_400, 1),
    "D": (365, 86_400),
    "W": (52, 7 * 86_400),
    "M": (12, 31 * 86_400),
    "Y": (20, 365 * 86_400),
}
_DURATION = re.compile(r"([0-9]{1,9}) ([SDWMY])")

#: More bars than this are never asked for at once; IB would pace us for a long time.
MOST_BARS = 50_000

#: Regular hours of a US stock, and so the most that fits into one session.
_SESSION_S = Decimal(390 * 60)


class DurationMalformed(DomainError):
    """A duration is a number and one of S, D, W, M, Y, such as `1 D`."""

    code = "VALIDATION_CHOICE"


class DurationOutOfRange(DomainError):
    """The duration holds no bar or more bars than are asked for at once."""

    code = "VALIDATION_RANGE"


@dataclass(frozen=True, slots=True)
class Duration:
    """A stretch of history that ends now, in IB's words and in seconds of the calendar."""

    text: str
    seconds: int


def read_duration(text: str, interval: CandleInterval) -> Duration:
    """Return the duration `text` names, held against the bounds for bars of `interval`.

    Raises DurationMalformed and DurationOutOfRange.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise DurationMalformed
    count, unit = int(match[1]), match[2]
    most, unit_s = _DURATION_UNITS[unit]
    if not 1 <= count <= most:
        raise DurationOutOfRange(f"{unit} may be 1 to {most}")
    seconds = count * unit_s
    if seconds < min(interval.length.total_seconds(), 86_400):
        raise DurationOutOfRange("Shorter than one bar")
    if _bars(seconds, interval) > MOST_BARS:
        raise DurationOutOfRange(f"At most {MOST_BARS} bars at once")
    return Duration(f"{count} {unit}", seconds)


def _bars(seconds: int, interval: CandleInterval) -> Decimal:
    if not interval.is_intraday or seconds < 86_400:
        return Decimal(seconds) / Decimal(interval.length.total_seconds())
    return Decimal(seconds) / 86_400 * _SESSION_S / Decimal(interval.length.total_seconds())


def duration_of_bars(limit: int, interval: CandleInterval) -> str:
    """Return IB's words for a stretch that surely holds the last `limit` bars.

    Weekends, holidays and half days are allowed for. Above a year IB wants years.
    """
    if interval is CandleInterval.W1:
        days = limit * 7 + 7
    elif interval.is_intraday:
        per_session = max(1, int(_SESSION_S // Decimal(interval.length.total_seconds())))
        days = _calendar_days(-(-limit // per_session))
    else:
        days = _calendar_days(limit)
    return f"{days} D" if days <= 365 else f"{-(-days // 365)} Y"


def _calendar_days(sessions: int) -> int:
    return sessions * 3 // 2 + 5
