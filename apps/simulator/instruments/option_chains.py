"""Which options are listed: on stocks and indices, and on futures; their dates, strikes and numbers.

The grid of strikes hangs on the plausible price of the underlying and not on the price of
the moment, so that an option once seen stays listed until it expires. A number says root,
week, right and strike, so that any option is made from its number alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

from apps.simulator.instruments.futures import MONTH_CODES, ROOT_BY_SYMBOL, futures_of, third_friday
from apps.simulator.instruments.hours import NYSE_HOLIDAYS
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.market_rules import FOP_RULE, NICKEL_RULE, PENNY_RULE, PILOT_RULE
from apps.simulator.instruments.small_stocks import FIRST_ID as FIRST_SMALL
from apps.simulator.instruments.small_stocks import small_stock_named, small_stock_with_id
from apps.simulator.instruments.spot_instruments import SPOT
from apps.simulator.instruments.stocks import BY_SYMBOL, STOCKS

EXCHANGES = ("SMART", "AMEX", "BOX", "CBOE", "ISE", "PHLX")
FIRST_ID, IDS_PER_ROOT = 710_000_000, 2 * 256 * 1024
MONTHS, WEEKS = 12, 6
INDEX_ROOTS, FUTURE_ROOTS = ("SPX", "NDX"), ("ES", "NQ")
_FIRST_MONDAY = date(2018, 12, 31)
_FIRST_INDEX, _FIRST_FUTURE, _FIRST_SMALL_ROOT = 100, 110, 200
# Every fourth of the unknown stocks has options, once a month.
_SMALL_SHARE = 4
_LAST_ROOT = 2683
_STEPS = ((25, 0.5), (100, 1.0), (200, 2.5), (600, 5.0), (math.inf, 10.0))
_WIDE_STEPS = ((10_000, 25.0), (math.inf, 100.0))
_PENNY_STOCKS = ("SPY", "QQQ", "IWM")
_EXPIRED_WEEKS = 26


@dataclass(frozen=True, slots=True)
class OptionRoot:
    """A family of options; `under` is what they are on, for futures the index behind them."""

    place: int
    under: Instrument
    sec_type: str
    has_weeks: bool

    @property
    def symbol(self) -> str:
        return self.under.symbol

    @property
    def exchanges(self) -> tuple[str, ...]:
        if self.sec_type == "FOP":
            return (ROOT_BY_SYMBOL[self.symbol].exchange,)
        return EXCHANGES if self.under.is_stock else ("SMART", "CBOE")

    @property
    def multiplier(self) -> float:
        return ROOT_BY_SYMBOL[self.symbol].multiplier if self.sec_type == "FOP" else 100.0

    @property
    def is_wide(self) -> bool:
        """Whether it is on an index, with a coarse grid."""
        return not self.under.is_stock

    def strikes(self) -> tuple[float, ...]:
        """Return the strikes around the plausible price of the underlying, ascending."""
        return _strikes(self.under.start_price, is_wide=self.is_wide)

    def expirations(self, today: date, *, with_expired: bool = False) -> list[date]:
        """Return the listed days, ascending: months for a year, and the coming weeks."""
        days = {*monthly_expirations(today)}
        weeks_back = _EXPIRED_WEEKS if with_expired else 0
        monday = today - timedelta(days=today.weekday() + 7 * weeks_back)
        for week in range(weeks_back + WEEKS):
            friday = monday + timedelta(days=7 * week + 4)
            if self.has_weeks or friday == third_friday(friday.year, friday.month):
                days.add(_trading_day(friday))
        return sorted(day for day in days if with_expired or day >= today)

    def classes(self, today: date) -> dict[tuple[str, int], list[date]]:
        """Return the listed days by trading class and number of the underlying."""
        found: dict[tuple[str, int], list[date]] = {}
        for day in self.expirations(today):
            _, trading_class, under = _naming(self, day)
            found.setdefault((trading_class, under), []).append(day)
        return found


def _trading_day(friday: date) -> date:
    return friday - timedelta(days=1) if friday in NYSE_HOLIDAYS else friday


def monthly_expirations(today: date) -> list[date]:
    """Return the third Fridays of the next twelve months, or the day before if that is a holiday."""
    found: list[date] = []
    month = today.replace(day=1)
    while len(found) < MONTHS:
        day = _trading_day(third_friday(month.year, month.month))
        if day >= today:
            found.append(day)
        month = (month + timedelta(days=32)).replace(day=1)
    return found


@lru_cache(maxsize=512)
def option_root(symbol: str, sec_type: str = "OPT") -> OptionRoot | None:
    """Return the family of options on a symbol, or None if there is none."""
    if sec_type == "FOP":
        if symbol not in FUTURE_ROOTS:
            return None
        place = _FIRST_FUTURE + FUTURE_ROOTS.index(symbol)
        return OptionRoot(place, _index(ROOT_BY_SYMBOL[symbol].follows, symbol), "FOP", has_weeks=True)
    if symbol in BY_SYMBOL:
        stock = BY_SYMBOL[symbol]
        return OptionRoot(STOCKS.index(stock), stock, "OPT", has_weeks=True)
    if symbol in INDEX_ROOTS:
        return OptionRoot(
            _FIRST_INDEX + INDEX_ROOTS.index(symbol), _index(symbol, symbol), "OPT", has_weeks=True
        )
    return _small_root(small_stock_named(symbol))


def _index(name: str, symbol: str) -> Instrument:
    found = next(one for one in SPOT if one.local_symbol == name)
    return found if name == symbol else replace(found, symbol=symbol)


def _small_root(stock: Instrument | None) -> OptionRoot | None:
    if stock is None or (stock.con_id - FIRST_SMALL) % _SMALL_SHARE:
        return None
    place = _FIRST_SMALL_ROOT + (stock.con_id - FIRST_SMALL) // _SMALL_SHARE
    return OptionRoot(place, stock, "OPT", has_weeks=False)


def _root_at(place: int) -> OptionRoot | None:
    if 0 <= place < len(STOCKS):
        return option_root(STOCKS[place].symbol)
    if 0 <= place - _FIRST_INDEX < len(INDEX_ROOTS):
        return option_root(INDEX_ROOTS[place - _FIRST_INDEX])
    if 0 <= place - _FIRST_FUTURE < len(FUTURE_ROOTS):
        return option_root(FUTURE_ROOTS[place - _FIRST_FUTURE], "FOP")
    if _FIRST_SMALL_ROOT <= place < _LAST_ROOT:
        return _small_root(small_stock_with_id(FIRST_SMALL + (place - _FIRST_SMALL_ROOT) * _SMALL_SHARE))
    return None


@lru_cache(maxsize=8192)
def option_with_id(con_id: int) -> Instrument | None:
    """Return the option of a number, expired or not, or None if it is no option's."""
    place, rest = divmod(con_id - FIRST_ID, IDS_PER_ROOT)
    root = _root_at(place)
    if root is None:
        return None
    week, rest = divmod(rest, 512)
    is_put, strike = divmod(rest, 256)
    friday = _FIRST_MONDAY + timedelta(days=7 * week + 4)
    strikes = root.strikes()
    if strike >= len(strikes) or not (root.has_weeks or friday == third_friday(friday.year, friday.month)):
        return None
    return option(root, _trading_day(friday), strike, right="P" if is_put else "C")


@lru_cache(maxsize=4096)
def _strikes(price: float, *, is_wide: bool) -> tuple[float, ...]:
    step = next(step for below, step in (_WIDE_STEPS if is_wide else _STEPS) if price < below)
    lowest, highest = (0.75, 1.25) if is_wide else (0.5, 1.6)
    places = range(math.ceil(price * lowest / step), math.floor(price * highest / step) + 1)
    return tuple(place * step for place in places)


def option(root: OptionRoot, day: date, strike: int, *, right: str) -> Instrument:
    """Return one option; `strike` counts from the lowest."""
    week = (day - _FIRST_MONDAY).days // 7
    price = root.strikes()[strike]
    name, trading_class, under = _naming(root, day)
    is_future = root.sec_type == "FOP"
    local = f"{name} {right}{price:g}" if is_future else f"{name}{right}{round(price * 1000):08d}"
    return Instrument(
        con_id=FIRST_ID + root.place * IDS_PER_ROOT + week * 512 + 256 * (right == "P") + strike,
        symbol=root.symbol, name=root.under.name, primary_exchange="", stock_type="",
        industry=root.under.industry, start_price=price, daily_volatility=root.under.daily_volatility,
        average_volume=0, spread_ticks=1, sec_type=root.sec_type, point=_point(root),
        multiplier=root.multiplier, exchange=root.exchanges[0], valid_exchanges=root.exchanges,
        local_symbol=local, trading_class=trading_class, expiry=f"{day:%Y%m%d}", strike=price, right=right,
        under_con_id=under, rule_id=_rule(root), lot=1,
    )  # fmt: skip


def _naming(root: OptionRoot, day: date) -> tuple[str, str, int]:
    """Return the first part of the local symbol, the trading class and the number of the underlying."""
    if root.sec_type != "FOP":
        return f"{root.symbol:<6}{day:%y%m%d}", root.symbol, root.under.con_id
    return _naming_on_future(root.symbol, day)


@lru_cache(maxsize=4096)
def _naming_on_future(symbol: str, day: date) -> tuple[str, str, int]:
    future = next(one for one in futures_of(ROOT_BY_SYMBOL[symbol], day) if one.expiry >= f"{day:%Y%m%d}")
    is_quarterly = future.expiry == f"{day:%Y%m%d}"
    family = symbol if is_quarterly else f"{_WEEKLY_CLASS[symbol]}{(day.day - 1) // 7 + 1}"
    return f"{family}{MONTH_CODES[day.month - 1]}{day.year % 10}", family, future.con_id


_WEEKLY_CLASS = {"ES": "EW", "NQ": "QN"}


def _rule(root: OptionRoot) -> int:
    if root.sec_type == "FOP":
        return FOP_RULE
    if root.symbol in _PENNY_STOCKS:
        return PENNY_RULE
    return PILOT_RULE if root.symbol in BY_SYMBOL else NICKEL_RULE


def _point(root: OptionRoot) -> float:
    return 0.01 if _rule(root) in (PENNY_RULE, PILOT_RULE) else 0.05


def options_of(
    root: OptionRoot,
    today: date,
    *,
    expiry: str = "",
    strike: float = 0.0,
    right: str = "",
    with_expired: bool = False,
) -> Iterator[Instrument]:
    """Yield the listed options that fit; what is left empty fits all."""
    places = [place for place, one in enumerate(root.strikes()) if not strike or one == strike]
    for day in root.expirations(today, with_expired=with_expired):
        if f"{day:%Y%m%d}".startswith(expiry):
            for side in (right,) if right else ("C", "P"):
                for place in places:
                    yield option(root, day, place, right=side)
