"""Prices that follow from another instrument's: indices, futures, options, contracts for difference.

A derived price is a function of the underlying's price alone while a half hour lasts, and
one that never turns around: so highs become highs (for puts, lows), and bars, quotes and
seconds agree here as they do in prices.py. Time passes for it from half hour to half hour.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from apps.simulator.clock import EASTERN
from apps.simulator.instruments.futures import ROOT_BY_SYMBOL, UNDERLYINGS, forward_factor
from apps.simulator.instruments.hours import midnight
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.market_rules import nearest
from apps.simulator.instruments.spot_instruments import FOLLOWS, SPOT_BY_NAME
from apps.simulator.instruments.universe import BY_SYMBOL, instrument_of
from apps.simulator.market.black_scholes import OptionTerms, price_of
from apps.simulator.market.prices import BLOCK_S, HEAD, HalfHour, Seconds

RATE = 0.04
YEAR_S = 365 * 86_400
TRADING_DAYS = 252
_CLOSE_S = 16 * 3600
_KEPT_BLOCKS = 3
# Options are listed for a year, futures for two.
_LISTED_DAYS = {True: 366, False: 731}
_OPTION_SHARE = 0.0004
# How much dearer volatility is for a strike below the plausible price, and on both wings.
_SKEW, _SMILE = -0.12, 0.35

PriceOf = Callable[[int], int]


class Model(Protocol):
    """How a price follows from another."""

    def at(self, start: int) -> PriceOf:
        """Return the function from the base's points to one's own, for the half hour from `start`."""


@dataclass(frozen=True, slots=True)
class Multiple:
    """A fixed multiple of the base."""

    base: Instrument
    own: Instrument
    factor: float = 1.0

    def at(self, start: int) -> PriceOf:
        factor = self.factor * self.base.point / self.own.point
        return lambda points: max(1, round(points * factor))


@dataclass(frozen=True, slots=True)
class Forward:
    """A future: the base with what carrying it to the last day costs."""

    base: Instrument
    own: Instrument

    def at(self, start: int) -> PriceOf:
        root = ROOT_BY_SYMBOL[self.own.symbol]
        factor = forward_factor(root, years_left(self.own, start)) * self.base.point / self.own.point
        return lambda points: max(1, round(points * factor))


@dataclass(frozen=True, slots=True)
class Optional:
    """An option: its model price on the base, on the steps of its contract."""

    base: Instrument
    own: Instrument

    def at(self, start: int) -> PriceOf:
        terms, volatility = terms_at(self.own, start), volatility_of(self.own)
        base, own = self.base, self.own
        return lambda points: nearest(own, price_of(terms, spot=base.price(points), volatility=volatility))


def model_of(instrument: Instrument) -> Multiple | Forward | Optional | None:
    """Return how an instrument's price follows from another's, or None if it has a path of its own."""
    if instrument.con_id in FOLLOWS:
        symbol, factor = FOLLOWS[instrument.con_id]
        return Multiple(BY_SYMBOL[symbol], instrument, factor)
    if instrument.sec_type == "IND" and instrument in UNDERLYINGS:
        root = ROOT_BY_SYMBOL[instrument.symbol]
        followed = SPOT_BY_NAME.get(root.follows)
        return Multiple(followed, instrument, root.factor) if followed else None
    if not instrument.under_con_id:
        return None
    base = instrument_of(instrument.under_con_id)
    if instrument.is_option:
        return Optional(base, instrument)
    return Multiple(base, instrument) if instrument.sec_type == "CFD" else Forward(base, instrument)


@lru_cache(maxsize=4096)
def last_second(expiry: str) -> int:
    """Return the second from which on a contract of this last day has its final price."""
    day = datetime.strptime(expiry, "%Y%m%d").replace(tzinfo=EASTERN).date()
    return midnight(day) + _CLOSE_S


def first_day(instrument: Instrument) -> date:
    """Return the day an instrument's history begins: contracts with a last day are not listed for ever."""
    if not instrument.expiry:
        return HEAD
    end = datetime.strptime(instrument.expiry, "%Y%m%d").replace(tzinfo=EASTERN).date()
    return end - timedelta(days=_LISTED_DAYS[instrument.is_option])


def years_left(instrument: Instrument, at: float) -> float:
    """Return the years until an instrument's last second, never below nothing."""
    return max(0.0, (last_second(instrument.expiry) - at) / YEAR_S)


def terms_at(instrument: Instrument, at: float) -> OptionTerms:
    """Return an option's terms as they stand at an instant."""
    return OptionTerms(
        strike=instrument.strike,
        years=years_left(instrument, at),
        is_call=instrument.right == "C",
        rate=RATE,
        carry=0.0 if instrument.sec_type == "FOP" else RATE,
    )


@lru_cache(maxsize=8192)
def volatility_of(instrument: Instrument) -> float:
    """Return the yearly volatility an option is priced with; the same for call and put of a strike."""
    under = instrument_of(instrument.under_con_id)
    distance = math.log(instrument.strike / under.start_price)
    wings = 1.0 + _SKEW * distance + _SMILE * distance * distance
    return under.daily_volatility * math.sqrt(TRADING_DAYS) * min(2.5, max(0.6, wings))


class _LastBlocks:
    """The seconds of the blocks somebody looked at last."""

    def __init__(self, make: Callable[[int], Seconds]) -> None:
        self._make = make
        self._blocks: OrderedDict[int, Seconds] = OrderedDict()

    def at(self, start: int) -> Seconds:
        found = self._blocks.get(start)
        if found is None:
            found = self._blocks[start] = self._make(start)
            if len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return found


class DerivedPath:
    """One instrument's prices, read off those of its base."""

    def __init__(
        self,
        model: Multiple | Forward | Optional,
        *,
        seconds: Callable[[int], Seconds],
        half_hours: Callable[[date, int, int], list[HalfHour]],
    ) -> None:
        self._model = model
        self._seconds = seconds
        self._half_hours = half_hours
        self._blocks = _LastBlocks(self._derive)
        own, base = model.own, model.base
        # An option trades a sliver of its stock, everything else has a volume of its own.
        self._share = _OPTION_SHARE if own.is_option else own.average_volume / max(1, base.average_volume)

    def seconds_of(self, start: int) -> Seconds:
        """Return the seconds of the block that begins at `start`, a multiple of BLOCK_S."""
        return self._blocks.at(start)

    def _derive(self, start: int) -> Seconds:
        base = self._seconds(start)
        price_of_base = self._model.at(start)
        prices = {one: price_of_base(one) for one in set(base.points)}
        return Seconds(
            array("i", [prices[one] for one in base.points]),
            array("i", [int(one * self._share) for one in base.volume]),
        )

    def half_hours(self, day: date, first: int, end: int) -> list[HalfHour]:
        """Return the blocks from `first` up to, not including, `end` of a US/Eastern day."""
        begin = midnight(day)
        blocks = self._half_hours(day, first, end)
        return [self._block(begin + place * BLOCK_S, one) for place, one in enumerate(blocks, first)]

    def _block(self, start: int, base: HalfHour) -> HalfHour:
        price = self._model.at(start)
        high, low = price(base.high), price(base.low)
        volume = int(base.volume * self._share)
        return HalfHour(price(base.opening), max(high, low), min(high, low), price(base.closing), volume)


class LegPrices(NamedTuple):
    """One leg of a combination: what a point of its price adds to the whole."""

    signed_ratio: float
    seconds: Callable[[int], Seconds]


class ComboPath:
    """A combination's prices: the sum of its legs', which may be nothing or less."""

    def __init__(self, legs: list[LegPrices]) -> None:
        self._legs = legs
        self._blocks = _LastBlocks(self._add_up)

    def seconds_of(self, start: int) -> Seconds:
        """Return the seconds of a block."""
        return self._blocks.at(start)

    def _add_up(self, start: int) -> Seconds:
        sums = [0.0] * BLOCK_S
        for leg in self._legs:
            ratio = leg.signed_ratio
            sums = [total + ratio * one for total, one in zip(sums, leg.seconds(start).points, strict=True)]
        return Seconds(array("i", [round(one) for one in sums]), array("i", [0]) * BLOCK_S)

    def half_hours(self, day: date, first: int, end: int) -> list[HalfHour]:
        """Return blocks of a US/Eastern day, second by second: sums have no shortcut."""
        found: list[HalfHour] = []
        for place in range(first, end):
            points = self.seconds_of(midnight(day) + place * BLOCK_S).points
            found.append(HalfHour(points[0], max(points), min(points), points[-1], 0))
        return found
