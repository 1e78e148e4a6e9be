"""What one fill does: to the order, to the account, and to the orders bound to it.

Books the execution and its commission and tells them in the order of the wire. At what
price and how much is traded is decided in trading.py and auctions.py.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from apps.simulator.exchange.bonds import Bonds
from apps.simulator.exchange.orders import Execution, Order, Status
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.combo_trades import LegTrade, leg_trades
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.instruments.values import commission_for, notional


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
        whole = self._execution(order, shares=shares, price=price, now=now, is_maker=is_maker)
        if instrument_of(order.con_id).legs:
            self._tell(order, [whole, *self._legs(order, whole)], now=now)
        else:
            value = notional(instrument_of(order.con_id), 1.0, order.filled_value)
            charge = commission_for(instrument_of(order.con_id), order.filled, value) - order.commission
            self._tell(order, [self._booked(whole, charge)], now=now)
        self._bonds.after_fill(order, shares)

    def _booked(self, fill: Execution, commission: float) -> Execution:
        """Book a fill in the ledger and return it with what it cost and realized."""
        realized = self._state.ledger.book(
            fill.con_id, shares=fill.signed_shares, price=fill.price, commission=commission
        )
        return replace(fill, commission=commission, realized=realized)

    def _legs(self, order: Order, whole: Execution) -> list[Execution]:
        """Book what the legs of a combination traded: the whole is told beside them, but books nothing."""
        combo = instrument_of(order.con_id)
        trades = leg_trades(
            combo, shares=whole.signed_shares, price=whole.price, middle=partial(self._middle, now=whole.at)
        )
        fills = []
        for place, trade in enumerate(trades):
            fill = _leg_execution(whole, trade, place=place, part=order.filled / whole.shares)
            fills.append(self._booked(fill, _charge(trade, before=order.filled - whole.shares, whole=whole)))
        return fills

    def _middle(self, instrument: Instrument, *, now: float) -> float:
        quote = self._state.market.quote(instrument, now)
        return instrument.price((quote.bid + quote.ask) / 2)

    def _tell(self, order: Order, fills: list[Execution], *, now: float) -> None:
        for fill in fills:
            self._state.executed(fill)
        if order.status is Status.FILLED:
            order.completed_at = now
            order.completed_status = "Filled"
            self._state.book.close(order)
        self._state.changed(order)
        order.commission += sum(fill.commission for fill in fills)
        if order.status is Status.FILLED:
            self._state.changed(order, with_status=False)
        self._state.save_order(order)
        for fill in fills:
            if not instrument_of(fill.con_id).legs:
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


def _leg_execution(whole: Execution, trade: LegTrade, *, place: int, part: float) -> Execution:
    """Return the execution of one leg; `part` is how often the whole fits in what was traded so far."""
    head = whole.exec_id.rsplit(".", 2)[0]
    return replace(
        whole,
        exec_id=f"{head}.{place + 2:02d}.01.01",
        con_id=trade.instrument.con_id,
        exchange=trade.instrument.trading_exchange,
        side="BOT" if trade.shares > 0 else "SLD",
        shares=abs(trade.shares),
        price=trade.price,
        cumulative=round(abs(trade.shares) * part, 8),
        average_price=trade.price,
    )


def _charge(trade: LegTrade, *, before: float, whole: Execution) -> float:
    """Return what a leg's trade adds to the commission of all it has traded for the order."""
    each = abs(trade.shares) / whole.shares

    def total(units: float) -> float:
        quantity = units * each
        return commission_for(trade.instrument, quantity, notional(trade.instrument, quantity, trade.price))

    return total(before + whole.shares) - (total(before) if before else 0.0)
