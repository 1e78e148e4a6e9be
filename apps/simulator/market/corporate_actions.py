"""Splits and dividends on a calendar: drawn from the seed, or given in a file.

Says what happens on which day and nothing about its consequences: prices before a split
are split_paths.py, positions and orders are the exchange's, adjusted history is bars.py.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from apps.simulator.instruments.hours import NYSE_HOLIDAYS
from apps.simulator.instruments.universe import Instrument

_NO_DIVIDENDS = frozenset("BRK.B AMZN TSLA NFLX ADBE AMD PLTR COIN UBER BA GLD SLV GOOG GOOGL INTC".split())
_PAYERS_OF_TEN = 5
_PAY_AFTER_DAYS = 21
# A company splits its shares when they have become dear, and even then seldom.
_DEAR = 300.0
_SPLIT_YEARS = 25
_RATIOS = (2.0, 3.0, 4.0, 5.0, 10.0)


class BadCalendar(Exception):
    """A calendar file that makes no sense; the text names the entry."""


@dataclass(frozen=True, slots=True)
class Split:
    """From the first second of `day` on one share is `ratio` shares."""

    con_id: int
    day: date
    ratio: float


@dataclass(frozen=True, slots=True)
class Dividend:
    """An amount per share for who holds before `ex_day`, paid on `pay_day`."""

    con_id: int
    ex_day: date
    pay_day: date
    amount: float


class ActionCalendar(Protocol):
    """What happens to an instrument; days are after `first`, up to and including `last`."""

    def splits(self, instrument: Instrument, *, first: date, last: date) -> list[Split]: ...

    def dividends(self, instrument: Instrument, *, first: date, last: date) -> list[Dividend]: ...


class SeededCalendar:
    """Quarterly dividends of those who pay, and a rare split; a function of seed, symbol and year."""

    def __init__(self, seed: int, *, unsplit: frozenset[int] = frozenset()) -> None:
        self._seed = seed
        self._unsplit = unsplit

    def splits(self, instrument: Instrument, *, first: date, last: date) -> list[Split]:
        is_dear = instrument.stock_type == "COMMON" and instrument.start_price >= _DEAR
        if not is_dear or instrument.con_id in self._unsplit:
            return []
        found = [self._split(instrument, year) for year in range(first.year, last.year + 1)]
        return [one for one in found if one is not None and first < one.day <= last]

    def _split(self, instrument: Instrument, year: int) -> Split | None:
        dice = self._dice(instrument, f"split:{year}")
        if dice % _SPLIT_YEARS:
            return None
        day = _business_day(date(year, 1 + (dice >> 8) % 12, 1 + (dice >> 16) % 28))
        return Split(instrument.con_id, day, _RATIOS[(dice >> 4) % len(_RATIOS)])

    def dividends(self, instrument: Instrument, *, first: date, last: date) -> list[Dividend]:
        if not self._pays(instrument):
            return []
        quarters = [(year, quarter) for year in range(first.year, last.year + 1) for quarter in range(4)]
        found = [self._dividend(instrument, year, quarter) for year, quarter in quarters]
        return [one for one in found if first < one.ex_day <= last and one.amount > 0]

    def _pays(self, instrument: Instrument) -> bool:
        if instrument.sec_type != "STK" or instrument.symbol in _NO_DIVIDENDS:
            return False
        is_known = instrument.average_volume >= 1_000_000
        return is_known or self._dice(instrument, "payer") % 10 < _PAYERS_OF_TEN

    def _dividend(self, instrument: Instrument, year: int, quarter: int) -> Dividend:
        dice = self._dice(instrument, "dividend")
        yearly = 0.004 + (dice % 1000) / 1000 * 0.03
        grown = 1.05 ** (year - 2026)
        amount = round(instrument.start_price * yearly / 4 * grown, 2)
        month = 1 + quarter * 3 + (dice >> 10) % 3
        ex_day = _business_day(date(year, month, 4 + (dice >> 14) % 20))
        return Dividend(
            instrument.con_id, ex_day, _business_day(ex_day + timedelta(days=_PAY_AFTER_DAYS)), amount
        )

    def _dice(self, instrument: Instrument, what: str) -> int:
        return crc32(f"{self._seed}:{instrument.symbol}:{what}".encode())


class FileCalendar:
    """The actions of a file and no others."""

    def __init__(self, splits: Iterable[Split], dividends: Iterable[Dividend]) -> None:
        self._splits = sorted(splits, key=lambda one: one.day)
        self._dividends = sorted(dividends, key=lambda one: one.ex_day)

    def splits(self, instrument: Instrument, *, first: date, last: date) -> list[Split]:
        mine = [one for one in self._splits if one.con_id == instrument.con_id]
        return [one for one in mine if first < one.day <= last]

    def dividends(self, instrument: Instrument, *, first: date, last: date) -> list[Dividend]:
        mine = [one for one in self._dividends if one.con_id == instrument.con_id]
        return [one for one in mine if first < one.ex_day <= last]


def read_calendar(path: Path, *, find: Callable[[str], Instrument | None]) -> FileCalendar:
    """Return the calendar of a TOML file of `[[split]]` and `[[dividend]]`. Raises BadCalendar."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadCalendar(f"{path}: {error}") from error
    unknown = sorted(set(content) - {"split", "dividend"})
    if unknown:
        raise BadCalendar(f"{path.name}: unknown entry {unknown[0]!r}; known: dividend, split")
    entries = {
        kind: [_Entry(path.name, kind, place, values, find) for place, values in enumerate(rows, start=1)]
        for kind, rows in content.items()
    }
    return FileCalendar(
        [_split_of(one) for one in entries.get("split", [])],
        [_dividend_of(one) for one in entries.get("dividend", [])],
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry with its place, for errors."""

    file: str
    kind: str
    place: int
    values: dict[str, Any]
    find: Callable[[str], Instrument | None]

    def error(self, key: str, why: str) -> BadCalendar:
        return BadCalendar(f"{self.file}: {self.kind} {self.place}, {key}: {why}")

    def instrument(self) -> Instrument:
        symbol = str(self.values.get("symbol", ""))
        found = self.find(symbol)
        if found is None:
            raise self.error("symbol", f"unknown symbol {symbol!r}")
        return found

    def day(self, key: str) -> date:
        value = self.values.get(key)
        if type(value) is not date:
            raise self.error(key, "must be a date like 2026-12-01")
        return value

    def number(self, key: str) -> float:
        value = self.values.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise self.error(key, "must be a number")
        if value <= 0:
            raise self.error(key, "must be above 0")
        return float(value)


def _split_of(entry: _Entry) -> Split:
    return Split(entry.instrument().con_id, entry.day("date"), entry.number("ratio"))


def _dividend_of(entry: _Entry) -> Dividend:
    ex_day = entry.day("ex_date")
    pay_day = entry.day("pay_date")
    if pay_day < ex_day:
        raise entry.error("pay_date", "before the ex_date")
    return Dividend(entry.instrument().con_id, ex_day, pay_day, entry.number("amount"))


def _business_day(day: date) -> date:
    while day.weekday() >= 5 or day in NYSE_HOLIDAYS:
        day += timedelta(days=1)
    return day
