"""Which futures are listed: roots, months, last trading days, and the number of each.

A contract's number says its root and month, so that any one, expired or not, is made from
its number alone. What they cost follows from their root's index (derived_prices.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from apps.simulator.instruments.hours import NYSE_HOLIDAYS
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.market_rules import FUTURE_RULES
from apps.simulator.instruments.spot_instruments import SPOT_BY_NAME, index

MONTH_CODES = "FGHJKMNQUVXZ"
FIRST_ID, IDS_PER_ROOT = 620_000_000, 1000
FIRST_YEAR, LAST_MONTH = 2010, 599
_QUARTERS, _EVEN, _ALL = (3, 6, 9, 12), (2, 4, 6, 8, 10, 12), tuple(range(1, 13))


@dataclass(frozen=True, slots=True)
class Root:
    """A family of futures. `carry` is what a year's waiting adds to the price, as a fraction."""

    symbol: str
    code: str
    exchange: str
    months: tuple[int, ...]
    point: float
    multiplier: float
    follows: str
    factor: float
    carry: float
    volume: int
    listed: int
    expires: str
    name: str


# symbol code exchange months tick multiplier follows factor carry% volume listed last-day name
_ROWS = """
ES ES CME Q 0.25 50 SPX 1 3.2 1500000 9 friday E-mini S&P 500
MES MES CME Q 0.25 5 SPX 1 3.2 1100000 6 friday Micro E-mini S&P 500
NQ NQ CME Q 0.25 20 NDX 1 3.6 600000 6 friday E-mini NASDAQ 100
MNQ MNQ CME Q 0.25 2 NDX 1 3.6 1300000 6 friday Micro E-mini NASDAQ 100
RTY RTY CME Q 0.1 50 RUT 1 3.0 200000 5 friday E-mini Russell 2000
YM YM CBOT Q 1 5 INDU 1 2.4 150000 4 friday Mini Dow Jones Industrial Average
EUR 6E CME Q 0.00005 125000 EUR.USD 1 1.8 220000 6 monday European Monetary Union Euro
GC GC COMEX E 0.1 100 XAUUSD 1 4.4 180000 8 month Gold
SI SI COMEX Q 0.005 5000 XAGUSD 1 4.4 70000 6 month Silver
CL CL NYMEX A 0.01 1000 - 70 -1.5 350000 14 crude Light Sweet Crude Oil
NG NG NYMEX A 0.001 10000 - 3.1 6.0 180000 14 gas Henry Hub Natural Gas
ZN ZN CBOT Q 0.015625 1000 - 110 -0.6 1800000 3 note 10 Year US Treasury Note
"""
_OWN_VOLATILITIES = {"CL": 0.022, "NG": 0.034, "ZN": 0.004}
# The number of the index a root's contracts name as their underlying.
_UNDER_IDS = {"ES": 11004968, "NQ": 11004958, "CL": 17340715, "GC": 17340716, "ZN": 17340717}
_FIRST_UNDER_ID = 610_000_000


def _root(row: str) -> Root:
    words = row.split(" ", 12)
    symbol, code, exchange, months, point, multiplier, follows, factor, carry, volume = words[:10]
    return Root(
        symbol=symbol, code=code, exchange=exchange,
        months={"Q": _QUARTERS, "E": _EVEN, "A": _ALL}[months], point=float(point),
        multiplier=float(multiplier), follows="" if follows == "-" else follows, factor=float(factor),
        carry=float(carry) / 100, volume=int(volume), listed=int(words[10]), expires=words[11],
        name=words[12],
    )  # fmt: skip


ROOTS: tuple[Root, ...] = tuple(_root(row) for row in _ROWS.strip().splitlines())
ROOT_BY_SYMBOL = {one.symbol: one for one in ROOTS}


def _underlying(place: int, root: Root) -> Instrument:
    followed = SPOT_BY_NAME.get(root.follows)
    return index(
        _UNDER_IDS.get(root.symbol, _FIRST_UNDER_ID + place),
        root.symbol,
        root.exchange,
        # Without anything to follow, the factor is the plausible price itself.
        price=root.factor * (followed.start_price if followed else 1.0),
        daily=followed.daily_volatility if followed else _OWN_VOLATILITIES[root.symbol],
        name=root.name,
        point=min(root.point, 0.01),
    )


UNDERLYINGS: tuple[Instrument, ...] = tuple(_underlying(place, root) for place, root in enumerate(ROOTS))


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month."""
    middle = date(year, month, 15)
    return middle + timedelta(days=(4 - middle.weekday()) % 7)


def _is_business_day(day: date) -> bool:
    return day.weekday() < 5 and day not in NYSE_HOLIDAYS


def _business_days_before(day: date, count: int) -> date:
    while count:
        day -= timedelta(days=1)
        count -= _is_business_day(day)
    return day


def _on_or_before(day: date) -> date:
    return day if _is_business_day(day) else _business_days_before(day, 1)


def _next_month(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1)


@lru_cache(maxsize=1024)
def last_trading_day(rule: str, year: int, month: int) -> date:
    """Return the last day of trading of a contract month under one of the roots' rules."""
    first = date(year, month, 1)
    if rule == "monday":
        # Two business days before the third Wednesday.
        return _on_or_before(third_wednesday(year, month) - timedelta(days=2))
    if rule == "month":
        return _business_days_before(_next_month(year, month), 3)
    if rule == "crude":
        return _business_days_before(_on_or_before((first - timedelta(days=1)).replace(day=25)), 3)
    if rule == "gas":
        return _business_days_before(first, 3)
    if rule == "note":
        return _business_days_before(_next_month(year, month), 8)
    return _on_or_before(third_friday(year, month))


def third_wednesday(year: int, month: int) -> date:
    """Return the third Wednesday of a month."""
    middle = date(year, month, 15)
    return middle + timedelta(days=(2 - middle.weekday()) % 7)


def future(root: Root, year: int, month: int) -> Instrument:
    """Return the contract of a root's month."""
    place = ROOTS.index(root)
    under = UNDERLYINGS[place]
    day = last_trading_day(root.expires, year, month)
    return Instrument(
        con_id=FIRST_ID + place * IDS_PER_ROOT + (year - FIRST_YEAR) * 12 + month,
        symbol=root.symbol, name=root.name, primary_exchange="", stock_type="", industry="",
        start_price=under.start_price, daily_volatility=under.daily_volatility, average_volume=root.volume,
        spread_ticks=1, sec_type="FUT", point=root.point, multiplier=root.multiplier, exchange=root.exchange,
        valid_exchanges=(root.exchange,), local_symbol=f"{root.code}{MONTH_CODES[month - 1]}{year % 10}",
        trading_class=root.code, expiry=f"{day:%Y%m%d}", under_con_id=under.con_id,
        rule_id=FUTURE_RULES[root.point], lot=5,
    )  # fmt: skip


def contract_month(instrument: Instrument) -> str:
    """Return the yyyymm a future is named after, which is not always that of its last day."""
    _, months = divmod(instrument.con_id - FIRST_ID, IDS_PER_ROOT)
    year, month = divmod(months - 1, 12)
    return f"{FIRST_YEAR + year}{month + 1:02d}"


@lru_cache(maxsize=2048)
def future_with_id(con_id: int) -> Instrument | None:
    """Return the future of a number, or None if it is no future's."""
    place, months = divmod(con_id - FIRST_ID, IDS_PER_ROOT)
    if not 0 <= place < len(ROOTS) or not 1 <= months <= LAST_MONTH:
        return None
    year, month = divmod(months - 1, 12)
    if month + 1 not in ROOTS[place].months:
        return None
    return future(ROOTS[place], FIRST_YEAR + year, month + 1)


def _months_from(root: Root, day: date) -> Iterator[tuple[int, int]]:
    year, month = day.year, day.month
    while True:
        if month in root.months:
            yield year, month
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def futures_of(root: Root, today: date, *, with_expired: bool = False) -> list[Instrument]:
    """Return a root's contracts, nearest first; `with_expired` adds those of the last two years."""
    begin = today - timedelta(days=730) if with_expired else today - timedelta(days=31)
    found: list[Instrument] = []
    alive = 0
    for year, month in _months_from(root, begin):
        one = future(root, year, month)
        is_alive = one.expiry >= f"{today:%Y%m%d}"
        if is_alive or with_expired:
            found.append(one)
        alive += is_alive
        if alive == root.listed:
            return found
    raise AssertionError("the months have no end")


def lead_contract(root: Root, today: date) -> Instrument:
    """Return the contract that trades most: the nearest with at least a week to go."""
    contracts = futures_of(root, today)
    edge = f"{today + timedelta(days=7):%Y%m%d}"
    return next((one for one in contracts if one.expiry >= edge), contracts[0])


def forward_factor(root: Root, years: float) -> float:
    """Return what the price of the underlying is multiplied by, so many years before the last day."""
    return math.exp(root.carry * years)
