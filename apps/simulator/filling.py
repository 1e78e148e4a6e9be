"""What one fill does: to the order, to the account, and to the orders bound to it.

Books the execution and its commission and tells them in the order of the wire. At what
price and how much is traded is decided in working.py.
"""

from __future__ import annotations

from dataclasses import replace

from apps.simulator.ending import BY_SYSTEM, Ending
from apps.simulator.orders import Execution, Order, Status
from apps.simulator.universe import instrument_of
from apps.simulator.values import commission_for, notional
from apps.simulator.venue_state import VenueState

SLICE_PAUSE_S = 0.3


class Filling:
    """Books fills."""

    def __init__(self, state: VenueState, ending: Ending) -> None:
        self._state = state
        self._ending = ending

    def fill(self, order: Order, *, shares: float, price: float, now: float) -> None:
        """Book a trade of an order; cancel or shrink what it makes superfluous."""
        order.filled += shares
        order.filled_value += shares * price
        order.last_fill_price = price
        order.why_held = ""
        order.next_slice_at = now + SLICE_PAUSE_S
        order.status = Status.SUBMITTED if order.remaining else Status.FILLED
        instrument = instrument_of(order.con_id)
        value = notional(instrument, 1.0, order.filled_value)
        commission = commission_for(instrument, order.filled, value) - order.commission
        realized = self._state.ledger.book(
            order.con_id, shares=shares if order.is_buy else -shares, price=price, commission=commission
        )
        fill = self._execution(order, shares=shares, price=price, now=now)
        fill = replace(fill, commission=commission, realized=realized)
        self._tell(order, fill, now=now)
        self._relieve_rivals(order, shares)

    def _tell(self, order: Order, fill: Execution, *, now: float) -> None:
        self._state.executed(fill)
        if order.status is Status.FILLED:
            order.completed_at = now
            order.completed_status = "Filled"
            self._state.book.close(order)
        self._state.changed(order)
        order.commission += fill.commission
        if order.status is Status.FILLED:
            self._state.changed(order, with_status=False)
        self._state.save_order(order)
        self._state.charged(fill)

    def _execution(self, order: Order, *, shares: float, price: float, now: float) -> Execution:
        return Execution(
            exec_id=self._state.next_exec_id(),
            perm_id=order.perm_id,
            order_id=order.execution_id,
            client_id=order.client_id,
            con_id=order.con_id,
            account=order.account,
            order_ref=order.order_ref,
            at=now,
            exchange=instrument_of(order.con_id).trading_exchange,
            side="BOT" if order.is_buy else "SLD",
            shares=shares,
            price=price,
            cumulative=order.filled,
            average_price=order.average_price,
            liquidity=1 if order.has_rested and order.kind == "LMT" else 2,
            commission=0.0,
            realized=None,
        )

    def _relieve_rivals(self, order: Order, shares: float) -> None:
        for other in self._rivals(order):
            is_whole = order.status is Status.FILLED or other.quantity - shares <= other.filled
            if is_whole or order.oca_type == 1:
                self._ending.cancel(other, by=BY_SYSTEM)
            else:
                other.quantity -= shares
                self._state.changed(other)

    def _rivals(self, order: Order) -> list[Order]:
        others = [one for one in self._state.book.open_orders() if one is not order and one.transmit]
        family = (order.client_id, order.parent_id)
        return [
            one
            for one in others
            if (order.oca_group and one.oca_group == order.oca_group)
            or (order.parent_id and (one.client_id, one.parent_id) == family)
        ]
