"""When each kind of instrument trades, where the venue keeps real hours.

Stocks, options and indices follow New York's day (hours.py); futures and currencies trade
from the evening before, coins always. A venue that is always open is so for everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from apps.simulator.instruments.hours import (
    HOURS,
    NYSE_HOLIDAYS,
    ONE_DAY,
    Session,
    TradingHours,
    midnight,
    session_before,
)
from apps.simulator.instruments.instrument import Instrument

_HOUR = 3600
_QUARTER = 900


@dataclass(frozen=True, slots=True)
class EveningHours:
    """Monday to Friday, each session from the evening before; seconds count from US/Eastern midnight.

    On a holiday of the stock exchange trading ends early, on the great ones there is none.
    """

    opening_s: int
    closing_s: int
    short_closing_s: int | None = None

    def session_on(self, day: date) -> Session | None:
        if day.weekday() >= 5 or _is_great_holiday(day):
            return None
        closing = self.closing_s
        if self.short_closing_s is not None and day in NYSE_HOLIDAYS:
            closing = self.short_closing_s
        return Session(day, midnight(day - ONE_DAY) + self.opening_s, midnight(day) + closing)

    def extended_on(self, day: date) -> Session | None:
        # What trades almost round the clock has no hours beside its own.
        return self.session_on(day)

    def start_of_days(self, count: int, *, end: int) -> int:
        session = session_before(self, end)
        for _ in range(count - 1):
            session = session_before(self, session.start)
        return session.start


def _is_great_holiday(day: date) -> bool:
    is_good_friday = day in NYSE_HOLIDAYS and day.weekday() == 4 and day.month in (3, 4)
    return is_good_friday or (day.month, day.day) in ((1, 1), (12, 25))


FUTURES_HOURS = EveningHours(18 * _HOUR, 17 * _HOUR, 13 * _HOUR)
CURRENCY_HOURS = EveningHours(17 * _HOUR + _QUARTER, 17 * _HOUR)
_BY_KIND: dict[str, TradingHours] = {
    "FUT": FUTURES_HOURS,
    "CONTFUT": FUTURES_HOURS,
    "FOP": FUTURES_HOURS,
    "CMDTY": FUTURES_HOURS,
    "CASH": CURRENCY_HOURS,
    "CRYPTO": HOURS["always"],
}
_FUTURES_PLACES = frozenset({"CME", "CBOT", "NYMEX", "COMEX"})


def hours_for(instrument: Instrument, venue: TradingHours) -> TradingHours:
    """Return the calendar of an instrument at a venue of these hours."""
    if venue is HOURS["always"]:
        return venue
    # The index behind a future is calculated as long as the future trades.
    if instrument.sec_type == "IND" and instrument.exchange in _FUTURES_PLACES:
        return FUTURES_HOURS
    return _BY_KIND.get(instrument.sec_type, venue)
