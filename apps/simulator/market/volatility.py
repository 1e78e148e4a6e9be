"""How much an instrument moves: what its past days say, and what its options would.

Both by the year, 0.25 for a quarter. History of them (bars.py) and generic ticks
(figures.py) read the same functions, so that they agree.
"""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from zlib import crc32

from apps.simulator.instruments.hours import DAY_S, eastern_date, midnight
from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.derived_prices import model_of
from apps.simulator.market.quotes import Market

DAYS_A_YEAR = 252
_DAYS_LOOKED_AT = 30
_SWING = 0.12


def historical_volatility(market: Market, instrument: Instrument, day: date) -> float:
    """Return the volatility of the thirty days before a day."""
    path, last = market.path(_moved_by(market, instrument)), day.toordinal()
    levels = [path.level(ordinal) for ordinal in range(last - _DAYS_LOOKED_AT, last + 1)]
    steps = [after - before for before, after in pairwise(levels)]
    mean = math.fsum(steps) / len(steps)
    variance = math.fsum([(one - mean) ** 2 for one in steps]) / (len(steps) - 1)
    return math.sqrt(variance * DAYS_A_YEAR)


def _moved_by(market: Market, instrument: Instrument) -> Instrument:
    """Return the instrument whose price moves this one's."""
    model = None if market.sources.has_tape(instrument) else model_of(instrument)
    return instrument if model is None else _moved_by(market, model.base)


def running_volatility(market: Market, instrument: Instrument, at: float) -> float:
    """Return the historical volatility with the present day in it, moving from one day's to the next."""
    today = eastern_date(at)
    part = (at - midnight(today)) / DAY_S
    before = historical_volatility(market, instrument, today)
    after = historical_volatility(market, instrument, date.fromordinal(today.toordinal() + 1))
    return before + (after - before) * part


def implied_volatility(market: Market, instrument: Instrument, at: float) -> float:
    """Return what options cost, as a volatility: the usual one, swinging slowly from day to day."""
    today = eastern_date(at)
    part = (at - midnight(today)) / DAY_S
    before, after = (_mood(market, instrument, today.toordinal() + place) for place in (0, 1))
    usual = instrument.daily_volatility * math.sqrt(DAYS_A_YEAR)
    return usual * math.exp(before + (after - before) * part)


def _mood(market: Market, instrument: Instrument, ordinal: int) -> float:
    dice = crc32(f"{market.seed}:{instrument.symbol}:mood:{ordinal}".encode())
    return _SWING * (dice / 0xFFFFFFFF * 2 - 1)
