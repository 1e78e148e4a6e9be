"""When the venue trades: round the clock every calendar day, or as New York does.

A session is one trading day. Everything that counts days (bars, DAY orders, the day's
profit) counts sessions, and nothing else in the simulator knows a weekday or a holiday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from apps.simulator.clock import EASTERN

# Full-day closings of the New York Stock Exchange.
NYSE_HOLIDAYS = frozenset(
    date.fromisoformat(day)
    for day in (
        "2020-01-01 2020-01-20 2020-02-17 2020-04-10 2020-05-25 2020-07-03 2020-09-07 2020-11-26 2020-12-25 "
        "2021-01-01 2021-01-18 2021-02-15 2021-04-02 2021-05-31 2021-07-05 2021-09-06 2021-11-25 2021-12-24 "
        "2022-01-17 2022-02-21 2022-04-15 2022-05-30 2022-06-20 2022-07-04 2022-09-05 2022-11-24 2022-12-26 "
        "2023-01-02 2023-01-16 2023-02-20 2023-04-07 2023-05-29 2023-06-19 2023-07-04 2023-09-04 2023-11-23 "
        "2023-12-25 2024-01-01 2024-01-15 2024-02-19 2024-03-29 2024-05-27 2024-06-19 2024-07-04 2024-09-02 "
        "2024-11-28 2024-12-25 2025-01-01 2025-01-09 2025-01-20 2025-02-17 2025-04-18 2025-05-26 2025-06-19 "
        "2025-07-04 2025-09-01 2025-11-27 2025-12-25 2026-01-01 2026-01-19 2026-02-16 2026-04-03 2026-05-25 "
        "2026-06-19 2026-07-03 2026-09-07 2026-11-26 2026-12-25 2027-01-01 2027-01-18 2027-02-15 2027-03-26 "
        "2027-05-31 2027-06-18 2027-07-05 2027-09-06 2027-11-25 2027-12-24 2028-01-17 2028-02-21 2028-04-14 "
        "2028-05-29 2028-06-19 2028-07-04 2028-09-04 2028-11-23 2028-12-25"
    ).split()
)
NYSE_OPEN = time(9, 30)
NYSE_CLOSE = time(16, 0)
EXTENDED_OPEN = time(4, 0)
EXTENDED_CLOSE = time(20, 0)
DAY_S = 86_400
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day; half-open, in epoch seconds."""

    day: date
    start: int
    end: int


class TradingHours(Protocol):
    """A venue's calendar."""

    def session_on(self, day: date) -> Session | None:
        """Return the session of a calendar day, or None if the venue is closed that day."""

    def extended_on(self, day: date) -> Session | None:
        """Return the session of a calendar day with the hours before its opening and after its close."""

    def start_of_days(self, count: int, *, end: int) -> int:
        """Return where a history of `count` trading days that ends at `end` begins."""


@lru_cache(maxsize=20_000)
def midnight(day: date) -> int:
    """Return the epoch second at which a US/Eastern calendar day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=EASTERN).timestamp())


def eastern_date(epoch: float) -> date:
    """Return the US/Eastern calendar day an instant falls on."""
    return datetime.fromtimestamp(epoch, EASTERN).date()


class AlwaysOpen:
    """Every calendar day is one session from midnight to midnight."""

    def session_on(self, day: date) -> Session | None:
        return Session(day, midnight(day), midnight(day + timedelta(days=1)))

    def extended_on(self, day: date) -> Session | None:
        return self.session_on(day)

    def start_of_days(self, count: int, *, end: int) -> int:
        # A day is 24 hours of trading here, so the number of bars does not depend on the time of day.
        return end - count * DAY_S


class NyseHours:
    """Monday to Friday, 09:30 to 16:00 (extended 04:00 to 20:00), closed on the listed holidays."""

    def session_on(self, day: date) -> Session | None:
        if day.weekday() >= 5 or day in NYSE_HOLIDAYS:
            return None
        first = midnight(day)
        return Session(day, first + _seconds(NYSE_OPEN), first + _seconds(NYSE_CLOSE))

    def extended_on(self, day: date) -> Session | None:
        if self.session_on(day) is None:
            return None
        first = midnight(day)
        return Session(day, first + _seconds(EXTENDED_OPEN), first + _seconds(EXTENDED_CLOSE))

    def start_of_days(self, count: int, *, end: int) -> int:
        session = session_before(self, end)
        for _ in range(count - 1):
            session = session_before(self, session.start)
        return session.start


HOURS: dict[str, TradingHours] = {"always": AlwaysOpen(), "nyse": NyseHours()}


def _seconds(clock_time: time) -> int:
    return clock_time.hour * 3600 + clock_time.minute * 60


def session_at(hours: TradingHours, epoch: float) -> Session | None:
    """Return the session an instant falls into, or None while the venue is closed."""
    day = eastern_date(epoch)
    # A session may begin on the evening before its day.
    for one in (day, day + ONE_DAY):
        session = hours.session_on(one)
        if session is not None and session.start <= epoch < session.end:
            return session
    return None


def extended_at(hours: TradingHours, epoch: float) -> Session | None:
    """Return the session with its extended hours that an instant falls into, or None."""
    day = eastern_date(epoch)
    for one in (day, day + ONE_DAY):
        session = hours.extended_on(one)
        if session is not None and session.start <= epoch < session.end:
            return session
    return None


def session_after(hours: TradingHours, epoch: float, *, is_extended: bool = False) -> Session:
    """Return the running session, or the next one; with its extended hours if asked for."""
    day = eastern_date(epoch)
    while True:
        session = hours.extended_on(day) if is_extended else hours.session_on(day)
        if session is not None and epoch < session.end:
            return session
        day += timedelta(days=1)


def session_before(hours: TradingHours, epoch: float) -> Session:
    """Return the newest session that began before an instant."""
    day = eastern_date(epoch) + ONE_DAY
    while True:
        session = hours.session_on(day)
        if session is not None and session.start < epoch:
            return session
        day -= timedelta(days=1)


def sessions_between(hours: TradingHours, start: int, end: int) -> list[Session]:
    """Return the sessions that touch [start, end), oldest first."""
    found: list[Session] = []
    day = eastern_date(start)
    last = eastern_date(end - 1) + ONE_DAY
    while day <= last:
        session = hours.session_on(day)
        if session is not None and session.start < end and session.end > start:
            found.append(session)
        day += timedelta(days=1)
    return found


def trading_second(hours: TradingHours, epoch: float) -> float:
    """Return the instant itself, or the last one at which the venue was open before it."""
    if session_at(hours, epoch) is not None:
        return epoch
    return float(session_before(hours, epoch).end - 1)


def hours_text(hours: TradingHours, epoch: float, *, days: int = 7, zone: ZoneInfo = EASTERN) -> str:
    """Return the coming days as contract details spell them, by the clocks of a zone."""
    first = eastern_date(epoch)
    return ";".join(_day_text(hours, first + timedelta(days=offset), zone) for offset in range(days))


def _day_text(hours: TradingHours, day: date, zone: ZoneInfo) -> str:
    session = hours.session_on(day)
    if session is None:
        return f"{day:%Y%m%d}:CLOSED"
    opening = datetime.fromtimestamp(session.start, zone)
    # A session that ends at midnight is written 23:59 of its own day, as the real gateway does.
    last_minute = min(session.end, midnight(day + timedelta(days=1)) - 60)
    closing = datetime.fromtimestamp(last_minute, zone)
    return f"{opening:%Y%m%d:%H%M}-{closing:%Y%m%d:%H%M}"
