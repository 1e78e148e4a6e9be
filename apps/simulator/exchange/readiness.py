"""Whether an order's time has come: its parent filled, its hour struck, its conditions met.

Once it has, that is kept on the order; only the venue's hours are asked again and again.
"""

from __future__ import annotations

from collections.abc import Callable

from apps.simulator.exchange.conditions import Conditions
from apps.simulator.exchange.hedges import hedge_quantity
from apps.simulator.exchange.orders import LOCATE, Order, Status
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.time_texts import epoch_of


class Readiness:
    """Answers whether orders may act. `mark` is the price at which an instrument is valued now."""

    def __init__(self, state: VenueState, conditions: Conditions, *, mark: Callable[[int], float]) -> None:
        self._state = state
        self._conditions = conditions
        self._mark = mark

    def is_ready(self, order: Order, now: float) -> bool:
        """Return whether an order may act at this instant."""
        # Asked first: the conditions of an order may come true while the venue is closed.
        is_active = order.active_at > 0 or self._becomes_active(order, now)
        return is_active and self._state.market.is_open_for(
            now, instrument_of(order.con_id), outside_rth=order.asks.outside_rth
        )

    def _becomes_active(self, order: Order, now: float) -> bool:
        if order.why_held == LOCATE:
            return False
        parent = self._state.book.parent_of(order)
        if parent is not None and not has_opened(parent):
            return False
        if order.asks.good_after and now < epoch_of(order.asks.good_after, now=order.placed_at):
            return False
        waits = bool(order.asks.conditions) and not order.asks.conditions_cancel
        if waits and not self._conditions.are_met(order, now):
            return False
        if order.asks.hedge and parent is not None:
            order.quantity = hedge_quantity(order, parent, self._mark)
        order.active_at = order.worked_at = now
        self._state.save_order(order)
        return True


def has_opened(parent: Order) -> bool:
    """Return whether a parent has done what its children wait for: filled, or ended with a part filled."""
    return parent.status is Status.FILLED or (parent.is_done and parent.filled > 0)
