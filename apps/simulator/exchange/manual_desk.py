"""Orders typed in TWS by hand: they belong to no API client until client 0 binds them.

What the market does with them is the same as with any order; what clients hear of them
depends on who has bound them (server.py, events.py).
"""

from __future__ import annotations

from apps.simulator.exchange.admission import refusal_of
from apps.simulator.exchange.ending import Ending
from apps.simulator.exchange.entering import Entering
from apps.simulator.exchange.events import OrderBound
from apps.simulator.exchange.exposure import Exposure
from apps.simulator.exchange.orders import NOBODY, Order
from apps.simulator.exchange.refusals import Refusal
from apps.simulator.exchange.venue_state import VenueState

BINDING_CLIENT = 0


class ManualDesk:
    """Somebody at the keyboard of TWS."""

    def __init__(self, state: VenueState, *, exposure: Exposure, entering: Entering, ending: Ending) -> None:
        self._state = state
        self._exposure = exposure
        self._entering = entering
        self._ending = ending
        self.binds_at_once = False

    def place(self, order: Order) -> Refusal | None:
        """Take an order of nobody; return why it is refused, if it is."""
        with self._state.deed():
            order.client_id, order.order_id = NOBODY, self._state.book.next_manual_id()
            order.account = order.account or self._exposure.account
            refusal = refusal_of(self._exposure.asked(order))
            if refusal is None:
                self._entering.enter(order)
                if self.binds_at_once and not order.is_done:
                    self._bind(order)
        return refusal

    def bind_all(self) -> None:
        """Give the open manual orders to client 0, each under a negative id of its own."""
        with self._state.deed():
            for order in self._state.book.manual_orders():
                self._bind(order)

    def cancel(self, perm_id: int) -> bool:
        """Cancel anybody's order, as from the order window of TWS; return whether it was open."""
        with self._state.deed():
            order = self._state.book.find_perm_id(perm_id)
            if order is None or order.is_done:
                return False
            self._ending.cancel(order)
        return True

    def _bind(self, order: Order) -> None:
        self._state.book.bind(order, BINDING_CLIENT)
        self._state.tell(OrderBound(order))
        self._state.changed(order)
