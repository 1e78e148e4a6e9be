"""Candles and the arithmetic of their spans.

A candle is stamped at its start. What is closed never changes, so it is asked of the
broker once; `missing_spans` says what is still to be asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from apps.domain.errors import DomainError


class CandleInterval(StrEnum):
    """The lengths of candles we keep; the values are the words of the native API."""

    S1 = "1s"
    S5 = "5s"
    S10 = "10s"
    S15 = "15s"
    S30 = "30s"
    M1 = "1m"
    M2 = "2m"
    M3 = "3m"
    M5 = "5m"
    M10 = "10m"
    M15 = "15m"
    M20 = "20m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H3 = "3h"
    H4 = "4h"
    H8 = "8h"
    D1 = "1D"
    W1 = "1W"
    MO1 = "1M"

    @property
    def length(self) -> timedelta:
        """Return the nominal length; a month counts as 31 days, the longest there is."""
        return _LENGTHS[self]

    @property
    def is_intraday(self) -> bool:
        """Tell whether several candles fit into one session."""
        return self.length < timedelta(days=1)

    @property
    def ib_bar_size(self) -> str:
        """Return IB's words for this length."""
        return _IB_BAR_SIZES[self]


_LENGTHS = {
    CandleInterval.S1: timedelta(seconds=1),
    CandleInterval.S5: timedelta(seconds=5),
    CandleInterval.S10: timedelta(seconds=10),
    CandleInterval.S15: timedelta(seconds=15),
    CandleInterval.S30: timedelta(seconds=30),
    CandleInterval.M1: timedelta(minutes=1),
    CandleInterval.M2: timedelta(minutes=2),
    CandleInterval.M3: timedelta(minutes=3),
    CandleInterval.M5: timedelta(minutes=5),
    CandleInterval.M10: timedelta(minutes=10),
    CandleInterval.M15: timedelta(minutes=15),
    CandleInterval.M20: timedelta(minutes=20),
    CandleInterval.M30: timedelta(minutes=30),
    CandleInterval.H1: timedelta(hours=1),
    CandleInterval.H2: timedelta(hours=2),
    CandleInterval.H3: timedelta(hours=3),
    CandleInterval.H4: timedelta(hours=4),
    CandleInterval.H8: timedelta(hours=8),
    CandleInterval.D1: timedelta(days=1),
    CandleInterval.W1: timedelta(days=7),
    CandleInterval.MO1: timedelta(days=31),
}

_IB_BAR_SIZES = {
    CandleInterval.S1: "1 secs",
    CandleInterval.S5: "5 secs",
    CandleInterval.S10: "10 secs",
    CandleInterval.S15: "15 secs",
    CandleInterval.S30: "30 secs",
    CandleInterval.M1: "1 min",
    CandleInterval.M2: "2 mins",
    CandleInterval.M3: "3 mins",
    CandleInterval.M5: "5 mins",
    CandleInterval.M10: "10 mins",
    CandleInterval.M15: "15 mins",
    CandleInterval.M20: "20 mins",
    CandleInterval.M30: "30 mins",
    CandleInterval.H1: "1 hour",
    CandleInterval.H2: "2 hours",
    CandleInterval.H3: "3 hours",
    CandleInterval.H4: "4 hours",
    CandleInterval.H8: "8 hours",
    CandleInterval.D1: "1 day",
    CandleInterval.W1: "1 week",
    CandleInterval.MO1: "1 month",
}

INTERVAL_BY_IB_BAR_SIZE = {words: interval for interval, words in _IB_BAR_SIZES.items()}


@dataclass(frozen=True, slots=True)
class Candle:
    """Open to close of one interval; `start` is its first instant, `session_date` its trading day.

    Candles of a day and longer start at midnight UTC of their session date (W6).
    """

    start: datetime
    session_date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None
    final: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open piece of time: from `start` up to but not including `end`."""

    start: datetime
    end: datetime


class UnalignedSpan(DomainError):
    """The span does not begin on a multiple of the interval."""

    code = "VALIDATION_RANGE"


def session_stamp(session_date: date) -> datetime:
    """Return the stamp of daily and longer candles: midnight UTC of the session date (W6)."""
    return datetime.combine(session_date, time(), tzinfo=UTC)


def missing_spans(stored: Sequence[Candle], wanted: Span, every: CandleInterval) -> list[Span]:
    """Return the parts of `wanted` that no stored candle covers.

    `stored` ascends by start. Spans are half-open, come back ascending and never touch.
    A candle whose interval has not ended counts as missing.

    Raises UnalignedSpan if `wanted` does not begin on a multiple of `every`.
    """
    if (wanted.start - datetime(1970, 1, 1, tzinfo=UTC)) % every.length and every.is_intraday:
        raise UnalignedSpan(f"{wanted.start.isoformat()} is no multiple of {every}")
    gaps: list[Span] = []
    at = wanted.start
    for candle in stored:
        end = candle.start + every.length
        if not candle.final or end <= at or candle.start >= wanted.end:
            continue
        if candle.start > at:
            gaps.append(Span(at, candle.start))
        at = max(at, end)
    if at < wanted.end:
        gaps.append(Span(at, wanted.end))
    return gaps
