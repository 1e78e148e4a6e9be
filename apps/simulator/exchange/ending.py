"""How an order ends without being filled: cancelled by somebody, expired, or rejected.

The only place that closes an order in the book except for its last fill (filling.py).
Whether it must end is decided by whoever calls.
"""

from __future__ import annotations

from apps.simulator.clock import Clock
from apps.simulator.exchange.orders import Order, Status
from apps.simulator.exchange.venue_state import VenueState

BY_TRADER = "Cancelled by Trader"
BY_SYSTEM = "Cancelled by System:\n"
REJECTED = "Rejected by System:\n"


class Ending:
    """Ends orders, and with them those that depend on them."""

    def __init__(self, state: VenueState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def cancel(self, order: Order, *, by: str = BY_TRADER, reason: str = "") -> None:
        """End an order as cancelled and say so to its client; see to its children and its parent."""
        status = Status.CANCELLED
        if order.status is Status.API_PENDING:
            # The gateway had it alone: nobody else ever knew of it.
            status = Status.API_CANCELLED
            self._state.book.forget(order)
        elif order.tif == "IOC":
            order.status = Status.PENDING_CANCEL
            self._state.changed(order, with_terms=False)
        self.finish(order, status, by=by)
        self._state.notify(order.client_id, order.order_id, 202, f"Order Canceled - reason:{reason}")
        self._settle_family(order, by=by)

    def _settle_family(self, order: Order, *, by: str) -> None:
        """End the children of an order that opened nothing; cut the others to what it opened."""
        for child in self._state.book.children_of(order):
            if not order.filled:
                self.cancel(child, by=by)
            elif child.closes(order) and child.quantity > order.filled:
                child.quantity = order.filled
                self._state.changed(child)
        parent = self._state.book.parent_of(order)
        if parent is not None and not parent.is_done and order.asks.cancels_parent:
            self.cancel(parent, by=by)

    def reject(self, order: Order, *, is_told: bool = True) -> None:
        """End an order that was taken in and turned down; its reason is told by the caller."""
        order.transmit = True
        self.finish(order, Status.INACTIVE, by=REJECTED, with_terms=is_told, with_status=is_told)
        self._settle_family(order, by=REJECTED)

    def kill(self, order: Order) -> None:
        """End an order that had to be filled at once and whole, and was not."""
        self.finish(order, Status.INACTIVE, by=BY_SYSTEM)
        self._settle_family(order, by=BY_SYSTEM)

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
