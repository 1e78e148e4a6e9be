"""History of what is no price: volatilities, fees for borrowed shares, yields of bonds.

Told on the very bars on which prices are (bars.py); a figure stands in them as millionths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zlib import crc32

from apps.simulator.instruments.hours import eastern_date, midnight
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.spot_instruments import BOND_TERMS
from apps.simulator.market.bars import DAY, Bar, historical_bars
from apps.simulator.market.quotes import Market
from apps.simulator.market.volatility import implied_volatility, running_volatility

_STEP = 0.000001
_SAMPLES = 4
_YEAR_DAYS = 365.25
_WITH_OPTIONS, _LENT, _YIELDING = frozenset({"STK", "IND"}), frozenset({"STK"}), frozenset({"BOND"})
_PRICES_BEHIND = {
    "YIELD_BID": "BID",
    "YIELD_ASK": "ASK",
    "YIELD_BID_ASK": "BID_ASK",
    "YIELD_LAST": "TRADES",
}

Rate = Callable[[Market, Instrument, float], float]


def fee_rate(market: Market, instrument: Instrument, at: float) -> float:
    """Return what borrowing a share costs by the year, in percent; it changes from day to day."""
    dice = crc32(f"{market.seed}:{instrument.con_id}:fee:{eastern_date(at)}".encode())
    return 0.25 + (dice % 100) / 400


_RATES: dict[str, Rate] = {
    "HISTORICAL_VOLATILITY": running_volatility,
    "OPTION_IMPLIED_VOLATILITY": implied_volatility,
    "FEE_RATE": fee_rate,
}
RATE_KINDS = (*_RATES, *_PRICES_BEHIND)


def offers_rate(instrument: Instrument, kind: str) -> bool:
    """Return whether there is such a figure of an instrument."""
    if kind in _PRICES_BEHIND:
        return instrument.sec_type in _YIELDING
    return instrument.sec_type in (_LENT if kind == "FEE_RATE" else _WITH_OPTIONS)


def shown_as(instrument: Instrument, kind: str) -> Instrument:
    """Return the instrument in whose digits bars of a kind are written."""
    return replace(instrument, point=_STEP) if kind in RATE_KINDS else instrument


@dataclass(frozen=True, slots=True)
class BarSpan:
    """Which bars are meant: [start, end) in epoch seconds, and the length of one."""

    start: int
    end: int
    bar_s: int


def bars_of_kind(
    market: Market, instrument: Instrument, span: BarSpan, *, kind: str, now: float
) -> Iterator[Bar]:
    """Yield the bars of any kind, oldest first, in points of what they are shown as."""
    behind = _PRICES_BEHIND.get(kind, kind if kind not in _RATES else "MIDPOINT")
    bars = historical_bars(
        market, instrument, start=span.start, end=span.end, bar_s=span.bar_s, kind=behind, now=now
    )
    if kind in _PRICES_BEHIND:
        return (_as_yield(bar, instrument) for bar in bars)
    if kind in _RATES:
        return (_sampled(bar, market, instrument, rate=_RATES[kind], span=span, now=now) for bar in bars)
    return bars


def _sampled(
    bar: Bar, market: Market, instrument: Instrument, *, rate: Rate, span: BarSpan, now: float
) -> Bar:
    begin = bar.start if span.bar_s <= DAY else midnight(bar.day)
    end = min(begin + min(span.bar_s, DAY), now)
    step = max(0.0, end - begin) / _SAMPLES
    values = [round(rate(market, instrument, begin + step * place) / _STEP) for place in range(_SAMPLES + 1)]
    return replace(bar, opening=values[0], high=max(values), low=min(values), closing=values[-1], volume=-1)


def _as_yield(bar: Bar, instrument: Instrument) -> Bar:
    def told(points: int) -> int:
        return round(yield_at(instrument, instrument.price(points), bar.day) / _STEP)

    # The dearer the bond, the less it yields.
    return replace(
        bar,
        opening=told(bar.opening),
        high=told(bar.low),
        low=told(bar.high),
        closing=told(bar.closing),
        volume=-1,
    )


def yield_at(bond: Instrument, price: float, day: date) -> float:
    """Return a bond's yearly yield in percent if it is held to its end."""
    terms = BOND_TERMS[bond.con_id]
    matures = date.fromisoformat(terms.maturity)
    years = max(timedelta(days=30), matures - day).days / _YEAR_DAYS
    return (terms.coupon + (100.0 - price) / years) / ((100.0 + price) / 2) * 100
