"""A combination traded: which leg trades how much at which price, so that the whole comes out right.

Each leg trades at the middle of its market; what is left of the price of the whole goes to
the dearest leg. Booking it is filling.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.simulator.instruments.instrument import Instrument, Leg
from apps.simulator.instruments.universe import instrument_of

_DIGITS = 8


@dataclass(frozen=True, slots=True)
class LegTrade:
    """What one leg trades: `shares` is negative for a sale, `price` is in its own currency."""

    instrument: Instrument
    shares: float
    price: float


def leg_trades(
    combo: Instrument, *, shares: float, price: float, middle: Callable[[Instrument], float]
) -> list[LegTrade]:
    """Return the trades of the legs that make `shares` (negative for a sale) of the whole at `price`."""
    parts = [(leg, instrument_of(leg.con_id)) for leg in combo.legs]
    prices = [middle(instrument) for _, instrument in parts]
    weights = [_weight(leg, instrument, combo) for leg, instrument in parts]
    missing = price - sum(weight * one for weight, one in zip(weights, prices, strict=True))
    dearest = max(range(len(prices)), key=lambda place: prices[place])
    prices[dearest] += missing / weights[dearest]
    return [
        LegTrade(instrument, shares * leg.signed_ratio, round(one, _DIGITS))
        for (leg, instrument), one in zip(parts, prices, strict=True)
    ]


def _weight(leg: Leg, instrument: Instrument, combo: Instrument) -> float:
    """Return what one unit of a leg's price adds to that of the whole."""
    return leg.signed_ratio * instrument.multiplier / combo.multiplier
