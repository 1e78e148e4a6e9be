"""The margin that all working orders together may come to need, kept as they change.

Summed anew for each order, a day with thousands of resting ones would be spent adding.
What one order needs is exposure.py's answer; an order is looked at again when it changed
(venue_state.py notes it), when the position in its instrument did, or always if it has no
price of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.venue_state import VenueState


class Reserves:
    """What each open order needs, and the sum of it. Children need nothing of their own."""

    def __init__(self, state: VenueState, *, need_of: Callable[[Order], float]) -> None:
        self._state = state
        self._need_of = need_of
        self._needs: dict[int, float] = {}
        self._sum = 0.0
        self._orders: dict[int, dict[int, Order]] = {}
        self._held: dict[int, float] = {}
        self._unpriced: dict[int, Order] = {}
        for order in state.book.open_orders():
            self._note(order)

    def total(self, *, without: Order | None = None) -> float:
        """Return the sum at present, of one order less if it is about to be replaced."""
        for order in self._state.take_touched():
            self._note(order)
        self._follow_positions()
        own = self._needs.get(without.perm_id, 0.0) if without is not None else 0.0
        unpriced = (self._need_of(one) for one in self._unpriced.values() if one is not without)
        return self._sum - own + sum(unpriced)

    def _note(self, order: Order) -> None:
        self._drop(order)
        if order.is_done or not order.transmit or order.parent_id:
            return
        if not (order.limit_price or order.aux_price):
            self._unpriced[order.perm_id] = order
            return
        if order.con_id not in self._orders:
            self._held[order.con_id] = self._quantity(order.con_id)
        self._orders.setdefault(order.con_id, {})[order.perm_id] = order
        self._needs[order.perm_id] = need = self._need_of(order)
        self._sum += need

    def _drop(self, order: Order) -> None:
        self._unpriced.pop(order.perm_id, None)
        self._sum -= self._needs.pop(order.perm_id, 0.0)
        if not self._needs:
            # So that the noise of many additions ends with the last order.
            self._sum = 0.0
        orders = self._orders.get(order.con_id, {})
        if orders.pop(order.perm_id, None) is not None and not orders:
            del self._orders[order.con_id], self._held[order.con_id]

    def _follow_positions(self) -> None:
        moved = [con_id for con_id, held in self._held.items() if held != self._quantity(con_id)]
        for con_id in moved:
            self._held[con_id] = self._quantity(con_id)
            for order in list(self._orders[con_id].values()):
                self._note(order)

    def _quantity(self, con_id: int) -> float:
        position = self._state.ledger.positions.get(con_id)
        return position.quantity if position else 0.0
