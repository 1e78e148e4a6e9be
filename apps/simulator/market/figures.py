"""What the generic ticks say about an instrument at an instant.

A table from a generic tick's number to the function that knows its figures; everything is
a function of the market and of the seed, so that it is the same at every look. Which
numbers are legal is generic_ticks.py, when a line tells them is market_lines.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from zlib import crc32

from apps.simulator.instruments.hours import (
    HOURS,
    TradingHours,
    eastern_date,
    midnight,
    session_at,
    session_before,
    trading_second,
)
from apps.simulator.instruments.universe import Instrument, instrument_of
from apps.simulator.market.bars import DAY, historical_bars
from apps.simulator.market.quotes import Market, Stretch
from apps.simulator.market.ticks import TRADES, Ticker
from apps.simulator.market.volatility import historical_volatility, implied_volatility, running_volatility
from apps.simulator.tick_types import Tick
from apps.simulator.wire import number_text

# What changes with every trade; the rest is looked at once a minute.
LIVELY = frozenset({220, 221, 225, 232, 233, 293, 294, 295, 318, 375, 619})
_SHARES_A_TRADE = 130
_AUCTION_S = 600
_SLOW_S = 60
_KEPT_YEARS = 2000
_OPTIONS_OF_A_STOCK = 400


class Form(Enum):
    """How a figure goes over the wire; a price is in points."""

    PRICE = "price"
    SIZE = "size"
    GENERIC = "generic"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Figure:
    """One tick."""

    tick: Tick
    form: Form
    value: float | str


class Figures:
    """The figures of one market; remembers those of a year, which are dear."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._extremes: OrderedDict[tuple[int, int], list[tuple[int, int]]] = OrderedDict()

    def told_by(self, code: int, instrument: Instrument, at: float) -> list[Figure]:
        """Return the ticks of a generic tick's number; none for one without figures of its own."""
        teller = _TELLERS.get(code)
        return teller(Sight(self, instrument, int(at))) if teller else []

    def extremes(self, instrument: Instrument, at: int) -> list[tuple[int, int]]:
        """Return low and high of the 13, 26 and 52 weeks before a day, in points."""
        day = eastern_date(at)
        key = (instrument.con_id, day.toordinal())
        found = self._extremes.get(key)
        if found is None:
            found = self._extremes[key] = self._draw_extremes(instrument, midnight(day))
            if len(self._extremes) > _KEPT_YEARS:
                self._extremes.popitem(last=False)
        return found

    def _draw_extremes(self, instrument: Instrument, end: int) -> list[tuple[int, int]]:
        days = list(
            historical_bars(
                self.market,
                instrument,
                start=end - 364 * DAY,
                end=end,
                bar_s=DAY,
                kind="TRADES",
                now=end,
            )
        )
        spans = [[one for one in days if one.start >= end - weeks * 7 * DAY] for weeks in (13, 26, 52)]
        return [(min(one.low for one in span), max(one.high for one in span)) for span in spans if span]


@dataclass(frozen=True, slots=True)
class Sight:
    """One instrument at one second."""

    figures: Figures
    instrument: Instrument
    at: int

    @property
    def market(self) -> Market:
        return self.figures.market

    @property
    def hours(self) -> TradingHours:
        return self.market.hours_of(self.instrument)

    @property
    def last(self) -> int:
        return self.market.last_points(self.instrument, self.at)

    def day(self) -> Stretch:
        return self.market.day_summary(self.instrument, self.at).day

    def volume_of_last(self, seconds: int) -> int:
        """Return what was traded in the trading seconds up to now."""
        end = int(self.market.seen_at(self.instrument, self.at)) + 1
        return self.market.stretch(self.instrument, end - seconds, end).volume

    def dice(self, what: str, *, part: int = 0) -> float:
        """Return a number from 0 to 1 that belongs to this instrument and day."""
        name = f"{self.market.seed}:{self.instrument.con_id}:{what}:{eastern_date(self.at)}:{part}"
        return crc32(name.encode()) / 0xFFFFFFFF


def _price(tick: Tick, points: float) -> Figure:
    return Figure(tick, Form.PRICE, points)


def _size(tick: Tick, size: float) -> Figure:
    return Figure(tick, Form.SIZE, int(size))


def _generic(tick: Tick, value: float) -> Figure:
    return Figure(tick, Form.GENERIC, round(value, 8))


def _is_etf(sight: Sight) -> bool:
    return sight.instrument.stock_type == "ETF"


def _options_a_day(sight: Sight) -> float:
    one = sight.instrument
    stock = instrument_of(one.under_con_id) if one.is_option else one
    return stock.average_volume / 40


def _option_volume(sight: Sight) -> list[Figure]:
    if sight.instrument.is_option:
        ticks = (Tick.CALL_VOLUME, Tick.PUT_VOLUME)
        return _own_side(sight, ticks, sight.day().volume)
    day = midnight(eastern_date(sight.at))
    part = (sight.at - day) / DAY * _options_a_day(sight)
    calls = 0.45 + 0.2 * sight.dice("calls")
    return [_size(Tick.CALL_VOLUME, part * calls), _size(Tick.PUT_VOLUME, part * (1 - calls))]


def _open_interest(sight: Sight) -> list[Figure]:
    held = _options_a_day(sight) * 12 * (0.9 + 0.2 * sight.dice("interest"))
    if sight.instrument.is_option:
        ticks = (Tick.CALL_OPEN_INTEREST, Tick.PUT_OPEN_INTEREST)
        return _own_side(sight, ticks, held / _OPTIONS_OF_A_STOCK)
    return [_size(Tick.CALL_OPEN_INTEREST, held * 0.55), _size(Tick.PUT_OPEN_INTEREST, held * 0.45)]


def _own_side(sight: Sight, ticks: tuple[Tick, Tick], size: float) -> list[Figure]:
    """Return an option's own figure on its side, and nothing on the other."""
    is_call = sight.instrument.right == "C"
    return [_size(ticks[0], size if is_call else 0), _size(ticks[1], 0 if is_call else size)]


def _historical_volatility(sight: Sight) -> list[Figure]:
    day = eastern_date(sight.at)
    return [
        _generic(Tick.HISTORICAL_VOLATILITY, historical_volatility(sight.market, sight.instrument, day)),
    ]


def _average_option_volume(sight: Sight) -> list[Figure]:
    return [_size(Tick.AVERAGE_OPTION_VOLUME, _options_a_day(sight))]


def _implied_volatility(sight: Sight) -> list[Figure]:
    return [_generic(Tick.IMPLIED_VOLATILITY, implied_volatility(sight.market, sight.instrument, sight.at))]


def _index_future_premium(sight: Sight) -> list[Figure]:
    # What the nearest future costs above its index: some weeks of interest.
    weeks = 1 + 12 * sight.dice("premium")
    return [
        _generic(Tick.INDEX_FUTURE_PREMIUM, sight.instrument.price(sight.last * 0.04 * weeks / 52)),
    ]


def _miscellany(sight: Sight) -> list[Figure]:
    ticks = (
        (Tick.LOW_13_WEEKS, Tick.HIGH_13_WEEKS),
        (Tick.LOW_26_WEEKS, Tick.HIGH_26_WEEKS),
        (Tick.LOW_52_WEEKS, Tick.HIGH_52_WEEKS),
    )
    spans = sight.figures.extremes(sight.instrument, sight.at)
    figures = [
        _price(tick, points)
        for names, values in zip(ticks, spans, strict=False)
        for tick, points in zip(names, values, strict=True)
    ]
    # IB counts the average volume of stocks in hundreds.
    return [*figures, _size(Tick.AVERAGE_VOLUME, sight.instrument.average_volume / 100)]


def _mark_price(sight: Sight) -> list[Figure]:
    quote = sight.market.quote(sight.instrument, sight.at)
    return [_price(Tick.MARK_PRICE, min(max(quote.last, quote.bid), quote.ask))]


def _creditman_mark_price(sight: Sight) -> list[Figure]:
    return [*_mark_price(sight), _price(Tick.CREDITMAN_MARK_PRICE, sight.last)]


def _slow_mark_price(sight: Sight) -> list[Figure]:
    slow = Sight(sight.figures, sight.instrument, sight.at - sight.at % _SLOW_S)
    return [_price(Tick.CREDITMAN_SLOW_MARK_PRICE, slow.last)]


def _auction(sight: Sight) -> list[Figure]:
    """Return what the closing auction would do; there is nothing to say before its last minutes."""
    session = session_at(sight.hours, sight.at)
    if session is None or sight.at < session.end - _AUCTION_S:
        return []
    part = 1 - (session.end - sight.at) / _AUCTION_S
    size = sight.instrument.average_volume * 0.05 * part
    imbalance = size * (sight.dice("imbalance", part=sight.at // 5) - 0.5) / 2
    return [
        _size(Tick.AUCTION_VOLUME, size),
        _price(Tick.AUCTION_PRICE, sight.last),
        _size(Tick.AUCTION_IMBALANCE, imbalance),
        _size(Tick.REGULATORY_IMBALANCE, max(0.0, imbalance)),
    ]


def _trades_as_text(tick: Tick) -> Callable[[Sight], list[Figure]]:
    """Return the teller of `price;size;milliseconds;volume of the day;its average price;single`."""

    def tell(sight: Sight) -> list[Figure]:
        second = int(sight.market.seen_at(sight.instrument, sight.at))
        trades = Ticker(sight.market, sight.instrument, TRADES).trades_in(second)
        day, text = sight.day(), sight.instrument.text
        average = sight.instrument.average_text((day.high + day.low + day.closing) / 3)
        volume = day.volume - sum(one.size for one in trades)
        figures: list[Figure] = []
        for place, one in enumerate(trades):
            volume += one.size
            words = (text(one.points), one.size, second * 1000 + place, volume, average, "true")
            figures.append(Figure(tick, Form.TEXT, ";".join(map(str, words))))
        return figures

    return tell


def _shortable(sight: Sight) -> list[Figure]:
    # Above 2.5 there are at least a thousand shares to borrow.
    shares = int(sight.instrument.average_volume * (0.2 + 0.2 * sight.dice("shortable")))
    return [_generic(Tick.SHORTABLE, 3.0), _size(Tick.SHORTABLE_SHARES, shares)]


def _fundamentals(sight: Sight) -> list[Figure]:
    one, spans = sight.instrument, sight.figures.extremes(sight.instrument, sight.at)
    price = one.price(sight.last)
    earnings = one.start_price / (14 + one.con_id % 23)
    ratios = {
        "NPRICE": f"{price:.2f}",
        "NLOW": one.text(spans[-1][0]),
        "NHIG": one.text(spans[-1][1]),
        "VOL10DAVG": f"{one.average_volume / 1e6:.5f}",
        "MKTCAP": f"{price * one.average_volume / 5000:.1f}",
        "TTMEPSXCLX": f"{earnings:.5f}",
        "PEEXCLXOR": f"{price / earnings:.5f}",
        "BETA": f"{one.daily_volatility / 0.009:.5f}",
        "CURRENCY": one.currency,
    }
    text = ";".join(f"{name}={value}" for name, value in ratios.items())
    return [Figure(Tick.FUNDAMENTAL_RATIOS, Form.TEXT, text)]


def _trade_count(sight: Sight) -> list[Figure]:
    return [_generic(Tick.TRADE_COUNT, sight.day().volume // _SHARES_A_TRADE)]


def _trade_rate(sight: Sight) -> list[Figure]:
    return [_generic(Tick.TRADE_RATE, sight.volume_of_last(60) // _SHARES_A_TRADE)]


def _volume_rate(sight: Sight) -> list[Figure]:
    return [_generic(Tick.VOLUME_RATE, sight.volume_of_last(60))]


def _last_rth_trade(sight: Sight) -> list[Figure]:
    regular = int(trading_second(HOURS["nyse"], sight.at))
    return [_price(Tick.LAST_RTH_TRADE, sight.market.last_points(sight.instrument, regular))]


def _rt_historical_volatility(sight: Sight) -> list[Figure]:
    value = running_volatility(sight.market, sight.instrument, sight.at)
    return [_generic(Tick.RT_HISTORICAL_VOLATILITY, value)]


def _dividends(sight: Sight) -> list[Figure]:
    """Return what was paid in a year and will be in the next, and the next ex-day with its amount."""
    today = eastern_date(sight.at)
    year = timedelta(days=365)
    sources = sight.market.sources
    past = sources.dividends_between(sight.instrument, today - year, today)
    coming = sources.dividends_between(sight.instrument, today, today + year)
    if not coming:
        return []
    sums = [number_text(sum(one.amount for one in part)) for part in (past, coming)]
    words = (*sums, f"{coming[0].ex_day:%Y%m%d}", number_text(coming[0].amount))
    return [Figure(Tick.IB_DIVIDENDS, Form.TEXT, ",".join(words))]


def _bond_factor(sight: Sight) -> list[Figure]:
    return [_generic(Tick.BOND_FACTOR, 1.0)]


def _net_asset_value(sight: Sight, points: int) -> int:
    """Return what a fund holds when it costs so much: it trades within a few points of it."""
    return points + round((sight.dice("asset value", part=sight.at // 15) - 0.5) * 4)


def _nav_quote(sight: Sight) -> list[Figure]:
    if not _is_etf(sight):
        return []
    value = _net_asset_value(sight, sight.last)
    return [_price(Tick.ETF_NAV_BID, value - 1), _price(Tick.ETF_NAV_ASK, value + 1)]


def _nav_last(sight: Sight) -> list[Figure]:
    return [_price(Tick.ETF_NAV_LAST, _net_asset_value(sight, sight.last))] if _is_etf(sight) else []


def _nav_frozen(sight: Sight) -> list[Figure]:
    return [_price(Tick.ETF_FROZEN_NAV_LAST, _net_asset_value(sight, sight.last))] if _is_etf(sight) else []


def _nav_closes(sight: Sight) -> list[Figure]:
    if not _is_etf(sight):
        return []
    now = session_at(sight.hours, sight.at) or session_before(sight.hours, sight.at)
    last = session_before(sight.hours, now.start)
    prior = session_before(sight.hours, last.start)
    closes = [sight.market.last_points(sight.instrument, one.end - 1) for one in (last, prior)]
    return [_price(Tick.ETF_NAV_CLOSE, closes[0]), _price(Tick.ETF_NAV_PRIOR_CLOSE, closes[1])]


def _nav_extremes(sight: Sight) -> list[Figure]:
    if not _is_etf(sight):
        return []
    day = sight.day()
    return [_price(Tick.ETF_NAV_HIGH, day.high), _price(Tick.ETF_NAV_LOW, day.low)]


def _futures_open_interest(sight: Sight) -> list[Figure]:
    held = sight.instrument.average_volume * 1.4 * (0.95 + 0.1 * sight.dice("interest"))
    return [_size(Tick.FUTURES_OPEN_INTEREST, held)]


def _short_term_volume(sight: Sight) -> list[Figure]:
    ticks = ((Tick.VOLUME_3_MIN, 180), (Tick.VOLUME_5_MIN, 300), (Tick.VOLUME_10_MIN, 600))
    return [_size(tick, sight.volume_of_last(seconds)) for tick, seconds in ticks]


_TELLERS: dict[int, Callable[[Sight], list[Figure]]] = {
    100: _option_volume,
    101: _open_interest,
    104: _historical_volatility,
    105: _average_option_volume,
    106: _implied_volatility,
    162: _index_future_premium,
    165: _miscellany,
    220: _creditman_mark_price,
    221: _mark_price,
    225: _auction,
    232: _mark_price,
    233: _trades_as_text(Tick.RT_VOLUME),
    236: _shortable,
    256: _shortable,
    258: _fundamentals,
    293: _trade_count,
    294: _trade_rate,
    295: _volume_rate,
    318: _last_rth_trade,
    375: _trades_as_text(Tick.RT_TRADE_VOLUME),
    411: _rt_historical_volatility,
    456: _dividends,
    460: _bond_factor,
    576: _nav_quote,
    577: _nav_last,
    578: _nav_closes,
    588: _futures_open_interest,
    595: _short_term_volume,
    614: _nav_extremes,
    619: _slow_mark_price,
    623: _nav_frozen,
}
