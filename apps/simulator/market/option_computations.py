"""What the model says of an option: volatility, price and sensitivities, for the ticks of message 21.

The model itself is black_scholes.py, what an option is and follows is derived_prices.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.market.black_scholes import Greeks, greeks_of, implied_volatility
from apps.simulator.market.derived_prices import model_of, terms_at, volatility_of
from apps.simulator.market.quotes import Market, Quote
from apps.simulator.tick_types import Tick

MOST_VOLATILITY = 20.0


@dataclass(frozen=True, slots=True)
class Computation:
    """What is known of an option; volatilities by the year, None where nothing could be computed."""

    volatility: float | None
    price: float
    spot: float
    greeks: Greeks | None


def computations_of(
    market: Market, option: Instrument, quote: Quote, *, at: float
) -> list[tuple[Tick, Computation]]:
    """Return what bid, ask and last price say, and what the model does."""
    spot = spot_of(market, option, at)
    prices = ((Tick.BID_OPTION, quote.bid), (Tick.ASK_OPTION, quote.ask), (Tick.LAST_OPTION, quote.last))
    found = [
        (tick, from_price(option, price=option.price(points), spot=spot, at=at))
        for tick, points in prices
        if points > 0
    ]
    return [*found, (Tick.MODEL_OPTION, from_volatility(option, volatility_of(option), spot=spot, at=at))]


def spot_of(market: Market, option: Instrument, at: float) -> float:
    """Return the price of what an option is on."""
    model = model_of(option)
    base = option if model is None else model.base
    return base.price(market.last_points(base, at))


def from_price(option: Instrument, *, price: float, spot: float, at: float) -> Computation:
    """Return what a price means; a price below what exercising brings means no volatility at all."""
    terms = terms_at(option, at)
    volatility = implied_volatility(terms, spot=spot, price=price)
    greeks = None if volatility is None else greeks_of(terms, spot=spot, volatility=volatility)
    return Computation(volatility, price, spot, greeks)


def from_volatility(option: Instrument, volatility: float, *, spot: float, at: float) -> Computation:
    """Return what an option is worth at a volatility."""
    greeks = greeks_of(terms_at(option, at), spot=spot, volatility=volatility)
    return Computation(volatility, greeks.price, spot, greeks)
