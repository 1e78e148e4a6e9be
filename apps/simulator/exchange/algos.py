"""The strategies that work an order by the clock, as IB's gateway knows them for US stocks.

Known names with their parameters, and how much of an order each has let go by now. What is
let go trades like a plain order: at its limit, or at the market.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from apps.simulator.exchange.orders import Order
from apps.simulator.instruments.hours import session_after
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.layout import rows_of
from apps.simulator.market.looks import Look
from apps.simulator.market.quotes import Market
from apps.simulator.time_texts import epoch_of
from apps.simulator.wire import BadField, number_of

_PAIR = 2
_START_END = ("startTime", "endTime")
_PAST_END = ("allowPastEndTime",)
_TIMES = (*_START_END, *_PAST_END)
_RISKS = ("Get Done", "Aggressive", "Neutral", "Passive")
_PRIORITIES = {"Urgent": 1.0, "Normal": 30.0, "Patient": 120.0}
_DEFAULT_PART_OF_VOLUME = 0.1
# A strategy never works longer than this where the venue does not close.
_LONGEST_S = 6.5 * 3600


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a strategy works, and how far it has come, 0 to 1."""

    start: float
    end: float
    now: float

    @property
    def part(self) -> float:
        if self.now >= self.end:
            return 1.0
        return max(0.0, (self.now - self.start) / (self.end - self.start))


@dataclass(frozen=True, slots=True)
class Task:
    """What a strategy may look at."""

    order: Order
    span: Span
    params: Mapping[str, str]
    look: Look
    market: Market


Pace = Callable[[Task], float]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One strategy: the parameters it knows, and how much it has let go (0 to 1)."""

    params: tuple[str, ...]
    pace: Pace


def _evenly(task: Task) -> float:
    """Let go one twentieth of the time at once, so that the first slice does not wait."""
    return min(1.0, task.span.part + 0.05) if task.span.now >= task.span.start else 0.0


def _early(task: Task) -> float:
    part = _evenly(task)
    return 1.0 - (1.0 - part) ** 2


def _late(task: Task) -> float:
    return _evenly(task) ** 2


def _with_volume(task: Task) -> float:
    """Let go as much as the market trades times the part it may have of it."""
    part = _decimal(task.params, "pctVol", "maxPctVol") or _DEFAULT_PART_OF_VOLUME
    start, end = int(task.span.start), int(task.look.quote.last_second) + 1
    if end <= start:
        return 0.0
    traded = task.market.stretch(task.look.instrument, start, end).volume
    return min(1.0, traded * part / task.order.quantity)


def _adaptive(task: Task) -> float:
    waits = _PRIORITIES.get(task.params.get("adaptivePriority", "Normal"), 30.0)
    return min(1.0, (task.span.now - task.span.start + 1.0) / waits)


def _by_components(task: Task) -> float:
    size = _decimal(task.params, "componentSize") or task.order.quantity
    pause = _decimal(task.params, "timeBetweenOrders") or 60.0
    steps = int((task.span.now - task.span.start) // pause) + 1 if task.span.now >= task.span.start else 0
    return min(1.0, steps * size / task.order.quantity)


STRATEGIES: dict[str, Strategy] = {
    "Adaptive": Strategy(("adaptivePriority",), _adaptive),
    "Twap": Strategy((*_TIMES, "catchUp"), _evenly),
    "Vwap": Strategy(("maxPctVol", *_TIMES, "noTakeLiq", "speedUp", "monetaryValue"), _evenly),
    "ArrivalPx": Strategy(
        ("maxPctVol", "riskAversion", *_TIMES, "forceCompletion", "monetaryValue"), _early
    ),
    "DarkIce": Strategy(("displaySize", *_TIMES, "monetaryValue"), _evenly),
    "PctVol": Strategy(("pctVol", *_START_END, "noTakeLiq", "monetaryValue"), _with_volume),
    "ClosePx": Strategy(
        ("maxPctVol", "riskAversion", "startTime", "forceCompletion", "monetaryValue"), _late
    ),
    "AD": Strategy(
        (
            "componentSize", "timeBetweenOrders", "randomizeTime20", "randomizeSize55", "giveUp", "catchUp",
            "waitForFill", *_START_END, "activeTimeStart", "activeTimeEnd",
        ),
        _by_components,
    ),
}  # fmt: skip
# These two are for options only; for a stock the gateway does not find them.
OPTION_STRATEGIES: dict[str, Strategy] = {
    "BalanceImpactRisk": Strategy(("maxPctVol", "riskAversion", "forceCompletion"), _early),
    "MinImpact": Strategy(("maxPctVol",), _evenly),
}


def strategy_named(name: str, sec_type: str) -> Strategy | None:
    """Return a strategy that the gateway offers for a kind of security."""
    if sec_type in ("OPT", "FOP") and name in OPTION_STRATEGIES:
        return OPTION_STRATEGIES[name]
    return STRATEGIES.get(name)


def params_of(order: Order) -> dict[str, str]:
    """Return the parameters an order gives its strategy."""
    return {row[0]: row[1] for row in rows_of(order.asks.algo_params, _PAIR)}


def fault_of(order: Order, *, now: float) -> str:
    """Return what is wrong with the values of a strategy's parameters, empty if nothing."""
    params = params_of(order)
    for name in ("maxPctVol", "pctVol"):
        part = _decimal(params, name)
        if part is not None and not 0.0 < part <= 0.5:
            return f"The value of {name} must be between 0.01 and 0.5"
    if params.get("riskAversion", "Neutral") not in _RISKS:
        return f"Invalid value of riskAversion: {params['riskAversion']}"
    if params.get("adaptivePriority", "Normal") not in _PRIORITIES:
        return f"Invalid value of adaptivePriority: {params['adaptivePriority']}"
    for name in _START_END:
        if params.get(name):
            epoch_of(params[name], now=now)
    return ""


def span_of(order: Order, market: Market, now: float) -> Span:
    """Return the time a strategy has: what its parameters say, else from now to the close."""
    params = params_of(order)
    start, close = _start_and_close(order, market, params)
    if params.get("endTime"):
        end = min(close, epoch_of(params["endTime"], now=order.placed_at))
    else:
        end = min(close, start + _LONGEST_S)
    return Span(start, max(end, start + 1.0), now)


def starts_after_close(order: Order, market: Market) -> bool:
    """Return whether a strategy would begin when its session is over already."""
    start, close = _start_and_close(order, market, params_of(order))
    return start >= close


def _start_and_close(order: Order, market: Market, params: Mapping[str, str]) -> tuple[float, float]:
    begun = order.active_at or order.placed_at
    close = float(session_after(market.hours_of(instrument_of(order.con_id)), begun).end)
    if not params.get("startTime"):
        return begun, close
    return max(begun, epoch_of(params["startTime"], now=order.placed_at)), close


def released_part(order: Order, look: Look, market: Market) -> float:
    """Return how much of an order its strategy has let go by now, 0 to 1."""
    strategy = strategy_named(order.asks.algo, look.instrument.sec_type)
    if strategy is None:
        return 1.0
    span = span_of(order, market, look.now)
    if span.now < span.start:
        return 0.0
    return max(0.0, min(1.0, strategy.pace(Task(order, span, params_of(order), look, market))))


def _decimal(params: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        if params.get(name):
            try:
                return number_of(params[name])
            except BadField:
                raise BadField(f"{name} is not a number") from None
    return None
