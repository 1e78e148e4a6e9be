"""An option exercised by its holder: the option goes, its underlying comes or goes at the strike.

Played at once, where a real exercise waits for the clearing house of the night. Both sides
are executions of the day, so that books, corrections and clients see them as trades.
"""

from __future__ import annotations

from dataclasses import replace

from apps.simulator.clock import Clock
from apps.simulator.exchange.exposure import Exposure
from apps.simulator.exchange.orders import Execution, Order, Status
from apps.simulator.exchange.refusals import Refusal
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.universe import instrument_of

EXERCISE, LAPSE = 1, 2
_ACTIONS = (EXERCISE, LAPSE)


def exercise_order(option: Instrument, *, client_id: int, order_id: int, quantity: int) -> Order:
    """Return the order under which an instruction is told of; what it does is not yet known."""
    return Order(
        perm_id=0,
        order_id=order_id,
        client_id=client_id,
        con_id=option.con_id,
        exchange=option.exchange,
        action="SELL",
        quantity=float(quantity),
        kind="MKT",
        limit_price=None,
        aux_price=None,
        tif="DAY",
        oca_group="",
        oca_type=0,
        parent_id=0,
        order_ref="",
        transmit=True,
        account="",
        terms={"tif": "DAY"},
    )


class Exercising:
    """Instructions of a holder about his options."""

    def __init__(self, state: VenueState, *, clock: Clock, exposure: Exposure) -> None:
        self._state = state
        self._clock = clock
        self._exposure = exposure

    def instruct(self, order: Order, *, action: int, is_override: bool) -> None:
        """Exercise or let lapse what an order names; its quantity is in contracts."""
        with self._state.deed():
            refusal = self._refusal_of(order, action=action, is_override=is_override)
            if refusal is not None:
                self._state.notify(order.client_id, order.order_id, refusal.code, refusal.text)
                return
            self._enter(order)
            if action == EXERCISE:
                self._exercise(order)
            self._finish(order, Status.FILLED if action == EXERCISE else Status.CANCELLED)

    def _refusal_of(self, order: Order, *, action: int, is_override: bool) -> Refusal | None:
        option, book = instrument_of(order.con_id), self._state.book
        if order.order_id <= book.highest_id.get(order.client_id, 0):
            return Refusal(103, "Duplicate order id")
        if not option.is_option or action not in _ACTIONS or order.quantity <= 0:
            return Refusal(321, "Error validating request.-'cA' : cause - Invalid exercise instruction")
        if self._state.ledger.position(order.con_id).quantity < order.quantity:
            text = f"No unlapsed position exists in this option in account {order.account}"
            return Refusal(322, f"Error processing request.-'cA' : cause - {text}")
        if action == EXERCISE and not is_override and self._profit(option) <= 0:
            text = "The option is not in the money; override to exercise it"
            return Refusal(322, f"Error processing request.-'cA' : cause - {text}")
        return None

    def _profit(self, option: Instrument) -> float:
        away = self._exposure.mark(option.under_con_id) - option.strike
        return away if option.right == "C" else -away

    def _enter(self, order: Order) -> None:
        order.perm_id = self._state.next_perm_id()
        order.placed_at = self._clock.epoch()
        order.status = Status.PRE_SUBMITTED
        self._state.use_order_id(order.client_id, order.order_id)
        self._state.book.add(order)
        self._state.changed(order)

    def _exercise(self, order: Order) -> None:
        option = instrument_of(order.con_id)
        side = 1.0 if option.right == "C" else -1.0
        shares = side * order.quantity * option.multiplier
        order.filled = order.quantity
        self._book(order, option, shares=-order.quantity, price=0.0)
        self._book(order, instrument_of(option.under_con_id), shares=shares, price=option.strike)

    def _book(self, order: Order, instrument: Instrument, *, shares: float, price: float) -> None:
        realized = self._state.ledger.book(instrument.con_id, shares=shares, price=price, commission=0.0)
        fill = Execution(
            exec_id=self._state.next_exec_id(),
            perm_id=order.perm_id,
            order_id=order.execution_id,
            client_id=order.client_id,
            con_id=instrument.con_id,
            account=order.account,
            order_ref=order.order_ref,
            at=self._clock.epoch(),
            exchange=instrument.trading_exchange,
            side="BOT" if shares > 0 else "SLD",
            shares=abs(shares),
            price=price,
            cumulative=abs(shares),
            average_price=price,
            liquidity=0,
            commission=0.0,
            realized=None,
        )
        fill = replace(fill, realized=realized)
        self._state.executed(fill)
        self._state.charged(fill)

    def _finish(self, order: Order, status: Status) -> None:
        order.status = status
        order.completed_at = self._clock.epoch()
        order.completed_status = "Filled" if status is Status.FILLED else "Lapse instruction recorded"
        self._state.book.close(order)
        self._state.changed(order)
