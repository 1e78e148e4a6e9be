"""The conditions an order may wait for: price, time, margin, execution, volume, percent change.

Answers whether they hold now. That an order waits for them is readiness.py, that it is
cancelled by them working.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.simulator.exchange.exposure import Exposure
from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.triggers import LAST, is_reached
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.universe import Instrument, instrument_of, known_instrument
from apps.simulator.layout import conditions_of
from apps.simulator.market.looks import Look
from apps.simulator.time_texts import epoch_of
from apps.simulator.wire import BadField, flag_of, number_of

PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE = "1", "3", "4", "5", "6", "7"
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it stands in the order: its type, how it joins the next, and its fields."""

    kind: str
    is_and: bool
    fields: tuple[str, ...]

    @property
    def is_more(self) -> bool:
        return flag_of(self.fields[0])

    @property
    def value(self) -> float:
        """Return the figure it compares with. Raises BadField if there is none."""
        found = number_of(self.fields[1])
        if found is None:
            raise BadField("the condition has no value")
        return found

    @property
    def con_id(self) -> int:
        """Return the contract it looks at, of those kinds that look at one."""
        return int(number_of(self.fields[2]) or 0)

    def compares(self, seen: float) -> bool:
        return seen >= self.value if self.is_more else seen <= self.value


def read_conditions(text: str) -> list[Condition]:
    """Return the conditions in an order's terms. Raises BadField if one is not understood."""
    return [Condition(kind, join != "o", tuple(rest)) for kind, join, *rest in conditions_of(text)]


class Conditions:
    """Judges conditions against market, clock and account."""

    def __init__(self, state: VenueState, exposure: Exposure) -> None:
        self._state = state
        self._exposure = exposure
        self._judges: dict[str, Callable[[Condition, Order, float], bool]] = {
            PRICE: self._by_price,
            TIME: self._by_time,
            MARGIN: self._by_margin,
            EXECUTION: self._by_execution,
            VOLUME: self._by_volume,
            PERCENT_CHANGE: self._by_change,
        }

    def are_met(self, order: Order, now: float) -> bool:
        """Return whether an order's conditions hold together; `and` binds stronger than `or`."""
        if not order.asks.conditions_ignore_rth and not self._state.market.is_open(
            now, instrument_of(order.con_id)
        ):
            return False
        groups: list[list[Condition]] = [[]]
        for one in read_conditions(order.asks.conditions):
            groups[-1].append(one)
            if not one.is_and:
                groups.append([])
        return any(
            group and all(self._judges[one.kind](one, order, now) for one in group) for group in groups
        )

    def _by_price(self, condition: Condition, order: Order, now: float) -> bool:
        instrument = instrument_of(condition.con_id)
        quote = self._state.market.quote(instrument, now)
        method = int(number_of(condition.fields[4]) or 0) or LAST
        return is_reached(
            instrument.points(condition.value),
            Look(instrument, quote, now, is_new=False),
            self._state.market,
            rises=condition.is_more,
            method=method,
            since=order.placed_at,
        )

    def _by_time(self, condition: Condition, order: Order, now: float) -> bool:
        at = epoch_of(condition.fields[1], now=order.placed_at)
        return now >= at if condition.is_more else now <= at

    def _by_margin(self, condition: Condition, order: Order, now: float) -> bool:
        worth = self._exposure.worth()
        return condition.compares(worth.available / worth.equity * _PERCENT if worth.equity > 0 else 0.0)

    def _by_execution(self, condition: Condition, order: Order, now: float) -> bool:
        sec_type, _, symbol = condition.fields
        return any(
            fill.at >= order.placed_at and _is_of(instrument_of(fill.con_id), symbol, sec_type)
            for fill in self._state.book.executions
        )

    def _by_volume(self, condition: Condition, order: Order, now: float) -> bool:
        summary = self._state.market.day_summary(instrument_of(condition.con_id), now)
        return condition.compares(summary.day.volume)

    def _by_change(self, condition: Condition, order: Order, now: float) -> bool:
        instrument = instrument_of(condition.con_id)
        before = self._state.market.day_summary(instrument, now).previous_close
        last = self._state.market.last_points(instrument, now)
        return condition.compares((last / before - 1) * _PERCENT)


def _is_of(instrument: Instrument, symbol: str, sec_type: str) -> bool:
    return symbol in ("*", "", instrument.symbol) and sec_type in ("", instrument.sec_type)


def fault_of(condition: Condition, *, now: float) -> str:
    """Return what is wrong with a condition, empty if nothing. Raises BadField, BadTime."""
    if condition.kind == TIME:
        epoch_of(condition.fields[1], now=now)
    elif condition.kind != EXECUTION:
        _ = condition.value
    if condition.kind in (PRICE, VOLUME, PERCENT_CHANGE) and known_instrument(condition.con_id) is None:
        return "The conditional contract info is incomplete."
    return ""
