"""What one fill does: to the order, to the account, and to the orders bound to it.

Books the execution and its commission and tells them in the order of the wire. At what
price and how much is traded is decided in trading.py and auctions.py.
"""

from __future__ import annotations

from dataclasses import replace

from apps.simulator.bonds import Bonds
from apps.simulator.orders import Execution, Order, Status
from apps.simulator.universe import instrument_of
from apps.simulator.values import commission_for, notional
from apps.simulator.venue_state import VenueState


class Filling:
    """Books fills."""

    def __init__(self, state: VenueState, bonds: Bonds) -> None:
        self._state = state
        self._bonds = bonds

    def fill(self, order: Order, *, shares: float, price: float, now: float, is_maker: bool) -> None:
        """Book a trade of an order; cancel or shrink what it makes superfluous."""
        order.filled += shares
        order.filled_value += shares * price
        order.last_fill_price = price
        order.why_held = ""
        order.status = Status.SUBMITTED if order.remaining else Status.FILLED
        instrument = instrument_of(order.con_id)
        value = notional(instrument, 1.0, order.filled_value)
        commission = commission_for(instrument, order.filled, value) - order.commission
        realized = self._state.ledger.book(
            order.con_id, shares=shares if order.is_buy else -shares, price=price, commission=commission
        )
        fill = self._execution(order, shares=shares, price=price, now=now, is_maker=is_maker)
        fill = replace(fill, commission=commission, realized=realized)
        self._tell(order, fill, now=now)
        self._bonds.after_fill(order, shares)

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

    def _execution(
        self, order: Order, *, shares: float, price: float, now: float, is_maker: bool
    ) -> Execution:
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
            liquidity=1 if is_maker else 2,
            commission=0.0,
            realized=None,
        )
