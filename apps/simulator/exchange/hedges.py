"""How large an attached hedge is: it follows from what its parent traded.

A pair hedge trades a ratio of the parent's quantity, a beta hedge its value times beta, a
currency hedge its value. The hedge is sized when its parent has filled.
"""

from __future__ import annotations

from collections.abc import Callable

from apps.simulator.exchange.orders import Order
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.instruments.values import notional

PAIR, BETA, CURRENCY = "P", "B", "F"


def hedge_quantity(hedge: Order, parent: Order, mark: Callable[[int], float]) -> float:
    """Return the whole shares a hedge of a filled parent trades, at the present marks."""
    if hedge.asks.hedge == PAIR:
        return float(round(parent.filled * hedge.asks.hedge_ratio))
    value = abs(notional(instrument_of(parent.con_id), parent.filled, parent.average_price))
    if hedge.asks.hedge == BETA:
        value *= hedge.asks.hedge_ratio
    one = abs(notional(instrument_of(hedge.con_id), 1.0, mark(hedge.con_id)))
    return float(round(value / one)) if one else 0.0
