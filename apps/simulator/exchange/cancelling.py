"""A client's wish to cancel: whose order it may be, when it comes too late, when it has to wait.

How an order then ends is ending.py.
"""

from __future__ import annotations

from apps.simulator.clock import Clock
from apps.simulator.exchange.ending import Ending
from apps.simulator.exchange.orders import Order, Status
from apps.simulator.exchange.policies import Policies
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.universe import instrument_of

_CANCELLED = "Order Canceled - reason:"


class Cancelling:
    """Takes cancels; `carry_out` ends the orders whose cancel had to wait."""

    def __init__(self, state: VenueState, *, clock: Clock, ending: Ending, policies: Policies) -> None:
        self._state = state
        self._clock = clock
        self._ending = ending
        self._policies = policies
        self._parked = [one for one in state.book.open_orders() if one.status is Status.PENDING_CANCEL]

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel an order by its id, or tell the client why not."""
        order = self._state.book.find(client_id, order_id)
        if order is None and self._policies.cross_client_cancel:
            order = self._state.book.find_open_id(order_id)
        if order is None:
            code = self._policies.unknown_cancel_code
            self._state.notify(client_id, order_id, code, _unknown(code, order_id))
        elif order.is_done:
            code = self._policies.late_cancel_code
            self._state.notify(client_id, order_id, code, _too_late(code, order))
        elif self._has_to_wait(order):
            self._park(order)
        else:
            self._ending.cancel(order)
            if order.client_id != client_id:
                self._state.notify(client_id, order_id, 202, _CANCELLED)

    def cancel_all(self) -> None:
        for order in self._state.book.open_orders():
            if not order.is_done:
                self._ending.cancel(order)

    def carry_out(self) -> None:
        """End the parked orders whose exchange is open by now."""
        waiting, self._parked = self._parked, []
        for order in waiting:
            if order.is_done:
                continue
            if self._has_to_wait(order):
                self._parked.append(order)
            else:
                self._ending.cancel(order)

    def _has_to_wait(self, order: Order) -> bool:
        is_there = order.status not in (Status.API_PENDING,)
        if not (self._policies.parks_cancels and is_there):
            return False
        market, instrument = self._state.market, instrument_of(order.con_id)
        outside = order.asks.outside_rth
        return not market.is_open_for(self._clock.epoch(), instrument, outside_rth=outside)

    def _park(self, order: Order) -> None:
        if order not in self._parked:
            self._parked.append(order)
        order.status = Status.PENDING_CANCEL
        self._state.changed(order, with_terms=False)


def _unknown(code: int, order_id: int) -> str:
    if code == 10147:
        return f"OrderId {order_id} that needs to be cancelled is not found."
    return f"Can't find order with ID ={order_id}"


def _too_late(code: int, order: Order) -> str:
    if code == 10148:
        head = f"OrderId {order.wire_id} that needs to be cancelled cannot be cancelled"
        return f"{head}, state: {order.status}."
    if code == 161:
        head = "Cancel attempted when order is not in a cancellable state"
        return f"{head}.  Order permId = {order.perm_id}"
    return "This order cannot be cancelled."
