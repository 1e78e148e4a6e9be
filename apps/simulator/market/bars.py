"""Historical bars: which stretches of time a request means, and what was traded in them.

Pure reading of the market; the wire form is in messages.py, the request in requests/history.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from apps.simulator.instruments.hours import (
    Session,
    TradingHours,
    eastern_date,
    midnight,
    session_before,
    sessions_between,
)
from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.adjusting import Adjustments
from apps.simulator.market.derived_prices import first_day, last_second
from apps.simulator.market.prices import HEAD
from apps.simulator.market.quotes import Market, Stretch, join
from apps.simulator.time_texts import zone_of

DAY = 86_400
BAR_SECONDS = {
    **{f"{count} secs": count for count in (1, 5, 10, 15, 30)},
    **{f"{count} mins": count * 60 for count in (1, 2, 3, 5, 10, 15, 20, 30)},
    **{f"{count} hours": count * 3600 for count in (1, 2, 3, 4, 8)},
    "1 sec": 1,
    "1 min": 60,
    "1 hour": 3600,
    "1 day": DAY,
    "1D": DAY,
    "1 D": DAY,
    "1 week": 7 * DAY,
    "1W": 7 * DAY,
    "1 W": 7 * DAY,
    "1 month": 30 * DAY,
    "1M": 30 * DAY,
    "1 M": 30 * DAY,
}
NO_ZONE = (
    "Warning: You submitted request with date-time attributes without explicit time zone. "
    "Please switch to use yyyymmdd-hh:mm:ss in UTC or use instrument timezone, like US/Eastern."
)
PRICE_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "AGGTRADES")


class BadHistoryRequest(Exception):
    """A history request that cannot be answered; carries IB's code for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; prices in points, `start` in epoch seconds, `day` its date."""

    start: int
    day: date
    opening: int
    high: int
    low: int
    closing: int
    volume: int

    @property
    def average(self) -> float:
        return (self.high + self.low + self.closing) / 3

    @property
    def count(self) -> int:
        return max(1, self.volume // 130)


def parse_end(text: str, *, now: float) -> int:
    """Return the end of a request: empty means now, `-` means UTC, else a zone or New York."""
    if not text.strip():
        return int(now) + 1
    try:
        if len(text) == 17 and text[8] == "-":
            moment = datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        else:
            day, clock_time, *zone = text.split()
            written = datetime.strptime(f"{day} {clock_time}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007
            moment = written.replace(tzinfo=zone_of(zone))
    except ValueError:
        raise BadHistoryRequest(
            10314, "End Date/Time: The date, time, or time-zone entered is invalid."
        ) from None
    return max(0, int(moment.timestamp()))


def lacks_zone(text: str) -> bool:
    """Return whether a time was given without saying whose time it is."""
    return len(text.split()) == 2


def parse_start(duration: str, *, end: int, hours: TradingHours, bar_s: int) -> int:
    """Return the beginning of a request that ends at `end`."""
    try:
        count_text, unit = duration.split()
        count = int(count_text)
    except ValueError:
        raise BadHistoryRequest(321, f"Invalid duration: {duration}") from None
    if count < 1 or unit not in ("S", "D", "W", "M", "Y"):
        raise BadHistoryRequest(321, f"Invalid duration: {duration}")
    if unit == "D" and count > 365:
        raise BadHistoryRequest(
            321, "Historical data requests for durations longer than 365 days must be in years"
        )
    if unit == "S":
        return _seconds_of_trading_before(end, count, hours)
    if unit == "D":
        if bar_s >= DAY:
            return _start_of_sessions(count, end=end, hours=hours)
        return max(_head(), hours.start_of_days(count, end=end))
    days = {"W": 7, "M": 30.4375, "Y": 365.25}[unit] * count
    last = eastern_date(end - 1)
    # No further back than the first data, or a great number of years has no date at all.
    first = last - timedelta(days=min(round(days), max(0, (last - HEAD).days + 1)))
    return max(_head(), midnight(first + timedelta(days=1)))


def _head() -> int:
    return midnight(HEAD)


def _start_of_sessions(count: int, *, end: int, hours: TradingHours) -> int:
    session = session_before(hours, end)
    for _ in range(count - 1):
        session = session_before(hours, session.start)
    return max(_head(), session.start)


def _seconds_of_trading_before(end: int, count: int, hours: TradingHours) -> int:
    while True:
        session = session_before(hours, end)
        open_s = min(end, session.end) - session.start
        if open_s >= count or session.start <= _head():
            return max(_head(), min(end, session.end) - count)
        count -= open_s
        end = session.start


def historical_bars(
    market: Market, instrument: Instrument, *, start: int, end: int, bar_s: int, kind: str, now: float
) -> Iterator[Bar]:
    """Yield the bars of [start, end), oldest first; one still forming up to the present second."""
    start = max(start, midnight(first_day(instrument)))
    end = min(end, int(now) + 1)
    if instrument.expiry:
        end = min(end, last_second(instrument.expiry) + 1)
    groups = _grouped(sessions_between(market.hours_of(instrument), start, end), bar_s) if start < end else []
    told = Adjustments(market, instrument, kind=kind, seen=eastern_date(now))
    teller = _Teller(market, instrument, kind, told)
    for sessions in groups:
        if bar_s >= DAY:
            yield teller.bar_of_sessions([one for one in sessions if one.start < end], end)
        else:
            yield from teller.bars_of_session(sessions[0], (start, end), bar_s)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Bars of one kind of one instrument, as they are told on one day."""

    market: Market
    instrument: Instrument
    kind: str
    adjustments: Adjustments

    def bar_of_sessions(self, sessions: list[Session], end: int) -> Bar:
        parts = [self._part(one, one.start, min(one.end, end)) for one in sessions]
        return self._bar(join(parts), start=sessions[-1].start, day=sessions[-1].day)

    def bars_of_session(self, session: Session, span: tuple[int, int], bar_s: int) -> Iterator[Bar]:
        """Yield a session's bars on the grid that starts at midnight; the first may be cut by the opening."""
        origin = midnight(session.day)
        first = max(session.start, span[0])
        end = min(session.end, span[1])
        edge = first - (first - origin) % bar_s
        while edge < end:
            begin = max(edge, session.start)
            yield self._bar(self._part(session, begin, min(edge + bar_s, end)), start=begin, day=session.day)
            edge += bar_s

    def _part(self, session: Session, start: int, end: int) -> Stretch:
        return self.adjustments.apply(self.market.stretch(self.instrument, start, end), session.day)

    def _bar(self, part: Stretch, *, start: int, day: date) -> Bar:
        opening, high, low, closing = _sides(part, self.kind, self.instrument)
        return Bar(
            start=start,
            day=day,
            opening=max(1, opening),
            high=max(1, high),
            low=max(1, low),
            closing=max(1, closing),
            volume=_volume_of(part, self.kind, self.instrument),
        )


def _sides(part: Stretch, kind: str, instrument: Instrument) -> tuple[int, int, int, int]:
    """Return open, high, low and close of the quote's side a kind of bar is about."""
    below = instrument.spread_ticks // 2
    above = instrument.spread_ticks - below
    if kind == "BID_ASK":
        # The average bid, the highest ask, the lowest bid, the average ask.
        middle = round((part.opening + part.high + part.low + part.closing) / 4)
        return middle - below, part.high + above, part.low - below, middle + above
    shift = {"BID": -below, "ASK": above}.get(kind, 0)
    return part.opening + shift, part.high + shift, part.low + shift, part.closing + shift


def _grouped(sessions: list[Session], bar_s: int) -> list[list[Session]]:
    if bar_s <= DAY:
        return [[one] for one in sessions]
    groups: dict[tuple[int, int], list[Session]] = {}
    for one in sessions:
        weekly = bar_s == 7 * DAY
        key = one.day.isocalendar()[:2] if weekly else (one.day.year, one.day.month)
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _volume_of(part: Stretch, kind: str, instrument: Instrument) -> int:
    if kind not in ("TRADES", "ADJUSTED_LAST", "AGGTRADES"):
        return -1
    return part.volume if instrument.has_volume else 0
