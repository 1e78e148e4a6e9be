"""Price steps: the market rules by number, and whether a price stands on its contract's steps.

A rule is a ladder: from each lower edge on, prices are multiples of its increment.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from apps.simulator.instruments.instrument import STOCK_RULE, Instrument

Rule = tuple[tuple[float, float], ...]

PENNY_RULE, PILOT_RULE, NICKEL_RULE = 110, 109, 32
FX_RULE, YEN_RULE, COIN_RULE, METAL_RULE, BOND_RULE, INDEX_RULE = 239, 59, 1681, 28, 148, 23
FOP_RULE = 2114
FUTURE_RULES = {
    0.25: 67,
    1.0: 70,
    0.1: 1008,
    0.01: 32_001,
    0.005: 1007,
    0.001: 76,
    0.015625: 1006,
    0.00005: 69,
}

RULES: dict[int, Rule] = {
    STOCK_RULE: ((0.0, 0.01),),
    PENNY_RULE: ((0.0, 0.01),),
    PILOT_RULE: ((0.0, 0.01), (3.0, 0.05)),
    NICKEL_RULE: ((0.0, 0.05), (3.0, 0.1)),
    FOP_RULE: ((0.0, 0.05), (10.0, 0.25)),
    FX_RULE: ((0.0, 0.00005),),
    YEN_RULE: ((0.0, 0.005),),
    COIN_RULE: ((0.0, 0.01),),
    METAL_RULE: ((0.0, 0.01),),
    BOND_RULE: ((0.0, 0.001),),
    INDEX_RULE: ((0.0, 0.01),),
    **{number: ((0.0, increment),) for increment, number in FUTURE_RULES.items()},
}
_NOISE = 1e-6


def increment_at(instrument: Instrument, price: float) -> float:
    """Return the step of an instrument's prices at a price; a negative price steps like its amount."""
    rule = RULES[instrument.rule_id]
    return next(step for edge, step in reversed(rule) if abs(price) >= edge - _NOISE)


def is_conforming(instrument: Instrument, price: float) -> bool:
    """Return whether a price is one that an order may name; if not, it is refused with 110."""
    steps = price / increment_at(instrument, price)
    return abs(steps - round(steps)) <= _NOISE


def is_conforming_quantity(instrument: Instrument, quantity: float) -> bool:
    """Return whether a quantity is a multiple of the smallest one."""
    steps = quantity / instrument.size_step
    return abs(steps - round(steps)) <= _NOISE


def nearest(instrument: Instrument, price: float) -> int:
    """Return the conforming price nearest to a price, in points and never below one step."""
    return _at_step(instrument, price, round)


def at_or_below(instrument: Instrument, price: float) -> int:
    """Return the highest conforming price not above a price, in points and never below one step."""
    return _at_step(instrument, price, lambda steps: math.floor(steps + _NOISE))


def at_or_above(instrument: Instrument, price: float) -> int:
    """Return the lowest conforming price not below a price, in points."""
    return _at_step(instrument, price, lambda steps: math.ceil(steps - _NOISE))


def prices_below(instrument: Instrument, best: int, *, count: int) -> list[int]:
    """Return up to `count` conforming prices from the best one down, in points; none below one point."""
    if not instrument.is_option:
        lowest = best - count + 1 if instrument.legs else max(1, best - count + 1)
        return [*range(best, lowest - 1, -1)]
    found = [best]
    while len(found) < count and found[-1] > 1:
        below = at_or_below(instrument, instrument.price(found[-1] - 1))
        if below == found[-1]:
            break
        found.append(below)
    return found


def prices_above(instrument: Instrument, best: int, *, count: int) -> list[int]:
    """Return `count` conforming prices from the best one up, in points."""
    if not instrument.is_option:
        return [*range(best, best + count)]
    found = [best]
    while len(found) < count:
        found.append(at_or_above(instrument, instrument.price(found[-1] + 1)))
    return found


def _at_step(instrument: Instrument, price: float, whole: Callable[[float], int]) -> int:
    step = increment_at(instrument, price)
    return instrument.points(max(1, whole(price / step)) * step)
