"""What a fill or an end means for the orders bound to that order: OCA groups and families.

An OCA group shares one quantity: what one order trades, the others lose, in proportion
(types 2 and 3) or altogether (type 1). Children of one parent close what it opened: none
of them keeps more than is still open. Type 2 and 3 differ at IB in whether the group is
blocked while one of it trades; here each fill is followed by its reduction before anything
else trades, so a group never overfills.
"""

from __future__ import annotations

from apps.simulator.exchange.ending import BY_SYSTEM, Ending
from apps.simulator.exchange.orders import QUANTITY_NOISE, Order, Status
from apps.simulator.exchange.venue_state import VenueState

_CANCEL_ALL = 1


class Bonds:
    """Keeps bound orders right after a fill."""

    def __init__(self, state: VenueState, ending: Ending) -> None:
        self._state = state
        self._ending = ending

    def after_fill(self, order: Order, shares: float) -> None:
        """Cancel or shrink what a fill of so many shares makes superfluous."""
        if order.oca_group:
            self._reduce_group(order, shares)
        if order.parent_id:
            self._reduce_siblings(order)

    def _reduce_group(self, order: Order, shares: float) -> None:
        before = order.remaining + shares
        for other in self._state.book.open_in_group(order.oca_group):
            if other is order or not other.transmit or other.is_done:
                continue
            kept = other.remaining * (1.0 - shares / before) if before else 0.0
            if order.oca_type == _CANCEL_ALL or order.status is Status.FILLED:
                kept = 0.0
            self._keep(other, kept)

    def _reduce_siblings(self, order: Order) -> None:
        parent = self._state.book.parent_of(order)
        if parent is None or not order.closes(parent):
            return
        siblings = [
            one
            for one in self._state.book.children_of(parent)
            if one is not order and one.transmit and one.closes(parent)
        ]
        closed = order.filled + sum(one.filled for one in siblings)
        still_open = max(0.0, parent.filled - closed)
        for one in siblings:
            if one.remaining > still_open:
                self._keep(one, still_open)

    def _keep(self, order: Order, remaining: float) -> None:
        """Leave an order with so many shares to trade, whole ones if it was whole."""
        if order.quantity == int(order.quantity):
            remaining = float(int(remaining + QUANTITY_NOISE))
        if remaining <= QUANTITY_NOISE:
            self._ending.cancel(order, by=BY_SYSTEM)
        elif remaining < order.remaining:
            order.quantity = order.filled + remaining
            self._state.changed(order)
