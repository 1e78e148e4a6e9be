"""What an order asks for beyond side, size and price, read once from its terms.

Only reading: what is allowed is order_rules.py, what comes of it stands in the modules
that work orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.simulator.wire import BadField, flag_of, number_of

_LOWEST_TRIGGER_METHOD, _HIGHEST_TRIGGER_METHOD = 0, 8


@dataclass(frozen=True, slots=True)
class AdjustedStop:
    """What a stop becomes once the market has reached `trigger_price`; prices in currency."""

    kind: str
    trigger_price: float
    stop_price: float | None
    limit_price: float | None
    trailing_amount: float | None
    is_percent: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """A limit order cut into components, each `increment` worse than the one before it."""

    first_size: float
    later_size: float
    increment: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What PEG BENCH follows: so much for each step of another instrument."""

    con_id: int
    starting_price: float
    change: float
    reference_change: float
    reference_price: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class Instructions:
    """The terms of one order that the venue acts on; sizes in shares, prices in currency."""

    outside_rth: bool
    all_or_none: bool
    hidden: bool
    min_quantity: float
    display_size: float
    discretionary: float
    trigger_method: int
    percent_offset: float
    trail_stop: float | None
    trailing_percent: float | None
    limit_offset: float | None
    good_after: str
    good_till: str
    conditions: str
    conditions_cancel: bool
    conditions_ignore_rth: bool
    cancels_parent: bool
    algo: str
    algo_params: str
    hedge: str
    hedge_ratio: float
    adjusted: AdjustedStop | None
    scale: Scale | None
    benchmark: Benchmark | None

    @property
    def is_plain(self) -> bool:
        """Return whether a resting order of this kind has nothing to do until its price is reached."""
        return not (self.algo or self.scale or self.hidden or self.discretionary or self.conditions)


def read_instructions(terms: Mapping[str, str], kind: str) -> Instructions:
    """Return the instructions in an order's terms. Raises BadField if one cannot be read."""
    return Instructions(
        outside_rth=_flag(terms, "outsideRth"),
        all_or_none=_flag(terms, "allOrNone"),
        hidden=_flag(terms, "hidden"),
        min_quantity=_amount(terms, "minQty"),
        display_size=_amount(terms, "displaySize"),
        discretionary=_amount(terms, "discretionaryAmt"),
        trigger_method=_trigger_method(terms),
        percent_offset=_amount(terms, "percentOffset"),
        trail_stop=_price(terms, "trailStopPrice"),
        trailing_percent=_price(terms, "trailingPercent"),
        limit_offset=_price(terms, "lmtPriceOffset"),
        good_after=terms.get("goodAfterTime", ""),
        good_till=terms.get("goodTillDate", ""),
        conditions=terms.get("conditions", ""),
        conditions_cancel=_flag(terms, "conditionsCancelOrder"),
        conditions_ignore_rth=_flag(terms, "conditionsIgnoreRth"),
        cancels_parent=_flag(terms, "autoCancelParent"),
        algo=terms.get("algoStrategy", ""),
        algo_params=terms.get("algoParams", ""),
        hedge=terms.get("hedgeType", ""),
        hedge_ratio=_number(terms, "hedgeParam") or 1.0,
        adjusted=_adjusted(terms),
        scale=_scale(terms),
        benchmark=_benchmark(terms) if kind == "PEG BENCH" else None,
    )


def _flag(terms: Mapping[str, str], name: str) -> bool:
    return flag_of(terms.get(name, ""))


def _number(terms: Mapping[str, str], name: str) -> float | None:
    text = terms.get(name)
    return number_of(text) if text else None


def _amount(terms: Mapping[str, str], name: str) -> float:
    value = _number(terms, name) or 0.0
    if value < 0:
        raise BadField(f"{name} must not be negative")
    return value


def _price(terms: Mapping[str, str], name: str) -> float | None:
    # Clients write 0 where they mean nothing.
    return _number(terms, name) or None


def _trigger_method(terms: Mapping[str, str]) -> int:
    value = int(_number(terms, "triggerMethod") or 0)
    if not _LOWEST_TRIGGER_METHOD <= value <= _HIGHEST_TRIGGER_METHOD:
        raise BadField(f"invalid trigger method {value}")
    return value


def _adjusted(terms: Mapping[str, str]) -> AdjustedStop | None:
    kind = terms.get("adjustedOrderType", "")
    trigger = _price(terms, "triggerPrice")
    if kind in ("", "None") or trigger is None:
        return None
    return AdjustedStop(
        kind=kind.upper(),
        trigger_price=trigger,
        stop_price=_price(terms, "adjustedStopPrice"),
        limit_price=_price(terms, "adjustedStopLimitPrice"),
        trailing_amount=_price(terms, "adjustedTrailingAmount"),
        is_percent=_flag(terms, "adjustableTrailingUnit") or terms.get("adjustableTrailingUnit") == "100",
    )


def _scale(terms: Mapping[str, str]) -> Scale | None:
    increment = _price(terms, "scalePriceIncrement")
    if increment is None:
        return None
    first = _amount(terms, "scaleInitLevelSize")
    return Scale(first, _amount(terms, "scaleSubsLevelSize") or first, increment)


def _benchmark(terms: Mapping[str, str]) -> Benchmark:
    is_decrease = _flag(terms, "isPeggedChangeAmountDecrease")
    change = _amount(terms, "peggedChangeAmount")
    return Benchmark(
        con_id=int(_number(terms, "referenceContractId") or 0),
        starting_price=_amount(terms, "startingPrice"),
        change=-change if is_decrease else change,
        reference_change=_amount(terms, "referenceChangeAmount"),
        reference_price=_price(terms, "stockRefPrice"),
        lowest=_price(terms, "stockRangeLower"),
        highest=_price(terms, "stockRangeUpper"),
    )
