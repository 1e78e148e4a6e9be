"""The price of a European option, and how it moves with what it is made of.

Arithmetic only: numbers in, numbers out. With `carry` equal to `rate` it is the model for
a stock without dividends, with a carry of nothing the one for a future.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_LOWEST, _HIGHEST = 0.0001, 20.0


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """One option at one instant. `years` to its end, rates and volatility by the year."""

    strike: float
    years: float
    is_call: bool
    rate: float
    carry: float


@dataclass(frozen=True, slots=True)
class Greeks:
    """An option's price and its sensitivities: vega by a point of volatility, theta by the day."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def normal_part(value: float) -> float:
    """Return the share of a normal distribution below a value."""
    return 0.5 * (1.0 + math.erf(value / math.sqrt(2.0)))


def _density(value: float) -> float:
    return math.exp(-0.5 * value * value) / math.sqrt(2.0 * math.pi)


def _places(terms: OptionTerms, spot: float, volatility: float) -> tuple[float, float]:
    spread = volatility * math.sqrt(terms.years)
    first = (math.log(spot / terms.strike) + (terms.carry + 0.5 * volatility**2) * terms.years) / spread
    return first, first - spread


def price_of(terms: OptionTerms, *, spot: float, volatility: float) -> float:
    """Return the price; at its end an option is worth what exercising it brings."""
    sign = 1.0 if terms.is_call else -1.0
    if terms.years <= 0.0:
        return max(0.0, sign * (spot - terms.strike))
    first, second = _places(terms, spot, volatility)
    grown = spot * math.exp((terms.carry - terms.rate) * terms.years)
    paid = terms.strike * math.exp(-terms.rate * terms.years)
    return max(0.0, sign * (grown * normal_part(sign * first) - paid * normal_part(sign * second)))


def greeks_of(terms: OptionTerms, *, spot: float, volatility: float) -> Greeks:
    """Return price and sensitivities; at its end only price and delta are left."""
    price = price_of(terms, spot=spot, volatility=volatility)
    sign = 1.0 if terms.is_call else -1.0
    if terms.years <= 0.0:
        return Greeks(price, sign if price > 0 else 0.0, 0.0, 0.0, 0.0)
    first, second = _places(terms, spot, volatility)
    growth = math.exp((terms.carry - terms.rate) * terms.years)
    discount = math.exp(-terms.rate * terms.years)
    root = math.sqrt(terms.years)
    decay = -spot * growth * _density(first) * volatility / (2.0 * root)
    holding = sign * (terms.carry - terms.rate) * spot * growth * normal_part(sign * first)
    financing = sign * terms.rate * terms.strike * discount * normal_part(sign * second)
    return Greeks(
        price=price,
        delta=sign * growth * normal_part(sign * first),
        gamma=growth * _density(first) / (spot * volatility * root),
        vega=spot * growth * _density(first) * root / 100.0,
        theta=(decay - holding - financing) / 365.0,
    )


def implied_volatility(terms: OptionTerms, *, spot: float, price: float) -> float | None:
    """Return the volatility at which an option costs a price, or None if there is none."""
    low, high = _LOWEST, _HIGHEST
    if terms.years <= 0.0 or price <= price_of(terms, spot=spot, volatility=low):
        return None
    if price >= price_of(terms, spot=spot, volatility=high):
        return None
    for _ in range(80):
        middle = 0.5 * (low + high)
        if price_of(terms, spot=spot, volatility=middle) < price:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
