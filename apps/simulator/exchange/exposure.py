"""What the account is worth and what an order would add to it: the figures admission asks for.

Reads the ledger and the open orders at present marks; changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.clock import Clock
from apps.simulator.exchange.ledger import Worth
from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.policies import Policies
from apps.simulator.exchange.refusals import Admission
from apps.simulator.exchange.reserves import Reserves
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.combo_trades import LegTrade, leg_trades
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.instruments.values import commission_for, maintenance_of, margin_on, notional

_CLOSED = "The exchange is closed: your order would not be placed there until it opens."


@dataclass(frozen=True, slots=True)
class Effect:
    """What an order would do, in dollars: each margin as it is and by how much it would change."""

    initial: tuple[float, float]
    maintenance: tuple[float, float]
    equity: float
    commission: float
    warning: str


class Exposure:
    """The account at present prices."""

    def __init__(self, state: VenueState, *, clock: Clock, account: str, policies: Policies) -> None:
        self.account = account
        self._policies = policies
        self._state = state
        self._clock = clock
        self._reserves = Reserves(state, need_of=self._reserve)

    def mark(self, con_id: int) -> float:
        """Return the price at which a position is valued now."""
        instrument = instrument_of(con_id)
        return instrument.price(self._state.market.last_points(instrument, self._clock.epoch()))

    def worth(self) -> Worth:
        return self._state.ledger.worth(self.mark)

    def asked(self, order: Order, *, replacing: Order | None = None) -> Admission:
        """Return what the rules of admission may look at for one order."""
        mark = self.mark(order.con_id)
        price = max(mark, order.limit_price or 0.0) if order.is_buy else mark
        return Admission(
            order=order,
            account=self.account,
            worth=self.worth(),
            policies=self._policies,
            needs=self._needs(order, price),
            price=mark,
            reserved=self._reserves.total(without=replacing),
            now=self._clock.epoch(),
            hours=self._state.market.hours_of(instrument_of(order.con_id)),
        )

    def effect_of(self, order: Order) -> Effect:
        """Return what a whole order would do to the account."""
        worth = self.worth()
        price = self._own_price(order)
        trades = self._trades(order, order.quantity, price)
        initial = [(one.instrument, self._margin_change(one)) for one in trades]
        return Effect(
            initial=(worth.initial_margin, sum(change for _, change in initial)),
            maintenance=(
                worth.maintenance_margin,
                sum(maintenance_of(instrument, change) for instrument, change in initial),
            ),
            equity=worth.equity,
            commission=sum(_commission(one) for one in trades),
            warning="" if self._is_open_for(order) else _CLOSED,
        )

    def _is_open_for(self, order: Order) -> bool:
        instrument = instrument_of(order.con_id)
        outside = order.asks.outside_rth
        return self._state.market.is_open_for(self._clock.epoch(), instrument, outside_rth=outside)

    def held(self, con_id: int) -> float:
        return self._state.ledger.position(con_id).quantity

    def is_hard_to_borrow(self, symbol: str) -> bool:
        return symbol in self._policies.hard_to_borrow

    def short_sale(self, order: Order) -> float:
        """Return how many shares of a sale are not held."""
        if order.is_buy:
            return 0.0
        return max(0.0, order.remaining - max(0.0, self._state.ledger.position(order.con_id).quantity))

    def _reserve(self, order: Order) -> float:
        """Return the margin that a working order may come to need."""
        return self._needs(order, self._own_price(order))

    def _own_price(self, order: Order) -> float:
        return order.limit_price or order.aux_price or self.mark(order.con_id)

    def _needs(self, order: Order, price: float) -> float:
        """Return the margin that an order may come to need."""
        if order.parent_id:
            # A child only ever closes what its parent opened, so it needs no margin of its own.
            return 0.0
        trades = self._trades(order, order.remaining, price)
        return max(0.0, sum(self._margin_change(one) for one in trades))

    def _trades(self, order: Order, quantity: float, price: float) -> list[LegTrade]:
        """Return what an order would trade: one instrument, or the legs of a combination."""
        instrument = instrument_of(order.con_id)
        signed = quantity if order.is_buy else -quantity
        if not instrument.legs:
            return [LegTrade(instrument, signed, price)]
        return leg_trades(instrument, shares=signed, price=price, middle=lambda leg: self.mark(leg.con_id))

    def _margin_change(self, trade: LegTrade) -> float:
        held = self._state.ledger.position(trade.instrument.con_id).quantity
        increase = abs(held + trade.shares) - abs(held)
        return margin_on(trade.instrument, notional(trade.instrument, increase, abs(trade.price)))


def _commission(trade: LegTrade) -> float:
    value = notional(trade.instrument, abs(trade.shares), abs(trade.price))
    return commission_for(trade.instrument, abs(trade.shares), value)
