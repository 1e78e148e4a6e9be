"""How much of an order may trade now: all of it, a component, or a strategy's share of the time.

Strategies let the parts of an order go by the clock (algos.py); the rest waits though the
market would take it.
"""

from __future__ import annotations

from apps.simulator.exchange.algos import released_part
from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.pricing import component_left
from apps.simulator.market.looks import Look
from apps.simulator.market.quotes import Market


def allowance(order: Order, look: Look, market: Market) -> float:
    """Return the shares that may trade now."""
    allowed = component_left(order) if order.asks.scale else order.remaining
    if not order.asks.algo:
        return allowed
    released = released_part(order, look, market) * order.quantity
    # Whole shares only, as an exchange takes them; the last part is whatever is left.
    whole = order.quantity if released >= order.quantity else float(int(released))
    return max(0.0, min(allowed, whole - order.filled))
