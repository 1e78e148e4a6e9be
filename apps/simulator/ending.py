"""How an order ends without being filled: cancelled by somebody, expired, or rejected.

The only place that closes an order in the book except for its last fill (filling.py).
Whether it must end is decided by whoever calls.
"""

from __future__ import annotations

from apps.simulator.clock import Clock
from apps.simulator.orders import Order, Status
from apps.simulator.venue_state import VenueState

BY_TRADER = "Cancelled by Trader"
BY_SYSTEM = "Cancelled by System:\n"
REJECTED = "Rejected by System:\n"


class Ending:
    """Ends orders, and with them those that depend on them."""

    def __init__(self, state: VenueState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def cancel(self, order: Order, *, by: str = BY_TRADER) -> None:
        """End an order and its children as cancelled, and say so to their client."""
        if order.status is Status.API_PENDING:
            self._state.book.forget(order)
        self.finish(order, Status.CANCELLED, by=by)
        self._state.notify(order.client_id, order.order_id, 202, "Order Canceled - reason:")
        for child in self._state.book.children_of(order):
            self.cancel(child, by=by)

    def reject(self, order: Order, *, is_told: bool = True) -> None:
        """End an order that was taken in and turned down; its reason is told by the caller."""
        order.transmit = True
        self.finish(order, Status.INACTIVE, by=REJECTED, with_terms=is_told, with_status=is_told)

    def finish(
        self, order: Order, status: Status, *, by: str, with_terms: bool = False, with_status: bool = True
    ) -> None:
        """Close an order under a status; `by` is what completed orders tell of it."""
        order.status = status
        order.why_held = ""
        order.completed_at = self._clock.epoch()
        order.completed_status = by
        self._state.book.close(order)
        self._state.changed(order, with_terms=with_terms, with_status=with_status)
