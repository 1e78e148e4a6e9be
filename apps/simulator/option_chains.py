"""Which options are listed: monthly expirations for a year, strikes on a fixed grid.

The grid hangs on the plausible price of the stock and not on the price of the moment, so
that an option once seen stays listed until it expires. Options are described, not priced.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import lru_cache

from apps.simulator.hours import NYSE_HOLIDAYS
from apps.simulator.listings import UNPRICED, AskedContract, Listing, stock_listing
from apps.simulator.universe import BY_SYMBOL, Instrument

MULTIPLIER = "100"
EXCHANGES = ("SMART", "AMEX", "BOX", "CBOE", "ISE", "PHLX")
ROOTS = ("AAPL", "NVDA", "MSFT", "AMZN", "GOOGL", "META", "TSLA", "AVGO", "WMT", "JPM")
MONTHS = 12
_STEPS = ((25, 0.5), (100, 1.0), (200, 2.5), (600, 5.0), (math.inf, 10.0))
_LOWEST, _HIGHEST = 0.5, 1.6
# Above every number of the universe; a stock has room for 480 months, two rights and 1000 strikes.
_FIRST_ID, _IDS_PER_ROOT = 610_000_000, 960_000


def expirations(today: date) -> list[date]:
    """Return the third Fridays of the next twelve months, or the day before if that is a holiday."""
    found: list[date] = []
    month = today.replace(day=1)
    while len(found) < MONTHS:
        middle = month.replace(day=15)
        day = middle + timedelta(days=(4 - middle.weekday()) % 7)
        if day in NYSE_HOLIDAYS:
            day -= timedelta(days=1)
        if day >= today:
            found.append(day)
        month = (month + timedelta(days=32)).replace(day=1)
    return found


def strike_step(instrument: Instrument) -> float:
    """Return the distance of a stock's strikes in dollars."""
    return next(step for below, step in _STEPS if instrument.start_price < below)


def strikes(instrument: Instrument) -> list[float]:
    """Return the strikes from half to one and a half of the stock's plausible price."""
    step = strike_step(instrument)
    first = math.ceil(instrument.start_price * _LOWEST / step)
    last = math.floor(instrument.start_price * _HIGHEST / step)
    return [place * step for place in range(first, last + 1)]


@lru_cache(maxsize=2 * len(ROOTS))
def options_of(symbol: str, today: date) -> tuple[Listing, ...]:
    """Return every option on a stock; none for a stock without a chain."""
    if symbol not in ROOTS:
        return ()
    stock = BY_SYMBOL[symbol]
    return tuple(
        _option(stock, day, strike, right)
        for day in expirations(today)
        for right in ("C", "P")
        for strike in strikes(stock)
    )


def _option(stock: Instrument, day: date, strike: float, right: str) -> Listing:
    month = (day.year - 2020) * 12 + day.month
    place = (month * 2 + (right == "P")) * 1000 + round(strike / strike_step(stock))
    return Listing(
        con_id=_FIRST_ID + ROOTS.index(stock.symbol) * _IDS_PER_ROOT + place,
        symbol=stock.symbol,
        sec_type="OPT",
        name=stock.name,
        exchange="SMART",
        valid_exchanges=EXCHANGES,
        local_symbol=f"{stock.symbol:<6}{day:%y%m%d}{right}{round(strike * 1000):08d}",
        trading_class=stock.symbol,
        expiry=f"{day:%Y%m%d}",
        strike=strike,
        right=right,
        multiplier=MULTIPLIER,
        under_con_id=stock.con_id,
        under_symbol=stock.symbol,
        under_sec_type="STK",
        industry=stock.industry,
    )


def matching_listings(asked: AskedContract, today: date) -> list[Listing]:
    """Return everything a client may mean, stocks first; empty if there is no such thing."""
    stock = asked.find()
    found = [stock_listing(stock)] if stock else []
    found += [one for one in UNPRICED if asked.fits(one)]
    return found + [one for one in options_of(_root(asked), today) if asked.fits(one)]


def _root(asked: AskedContract) -> str:
    place = (asked.con_id - _FIRST_ID) // _IDS_PER_ROOT
    if asked.con_id:
        return ROOTS[place] if 0 <= place < len(ROOTS) else ""
    # Who says nothing of the kind means the stock.
    if asked.sec_type != "OPT":
        return ""
    return (asked.symbol or asked.local_symbol[:6].strip()).upper()
