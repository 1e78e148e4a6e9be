"""What the account is worth and what an order would add to it: the figures admission asks for.

Reads the ledger and the open orders at present marks; changes nothing.
"""

from __future__ import annotations

from apps.simulator.clock import Clock
from apps.simulator.ledger import Worth
from apps.simulator.orders import Order
from apps.simulator.refusals import Admission
from apps.simulator.reserves import Reserves
from apps.simulator.universe import instrument_of
from apps.simulator.values import commission_for, margin_on, notional
from apps.simulator.venue_state import VenueState


class Exposure:
    """The account at present prices."""

    def __init__(self, state: VenueState, *, clock: Clock, account: str) -> None:
        self.account = account
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
        held = self._state.ledger.position(order.con_id).quantity
        if order.parent_id:
            # A child only ever closes what its parent opened, so it needs no margin of its own.
            held = -order.quantity if order.is_buy else order.quantity
        return Admission(
            order=order,
            account=self.account,
            worth=self.worth(),
            held=held,
            price=self.mark(order.con_id),
            reserved=self._reserves.total(without=replacing),
            now=self._clock.epoch(),
            hours=self._state.market.hours_of(instrument_of(order.con_id)),
        )

    def effect_of(self, order: Order) -> dict[str, float]:
        """Return margin before, its change, the equity and the commission of a whole order, in dollars."""
        worth = self.worth()
        held = self._state.ledger.position(order.con_id).quantity
        signed = order.quantity if order.is_buy else -order.quantity
        price = order.limit_price or order.aux_price or self.mark(order.con_id)
        instrument = instrument_of(order.con_id)
        value = notional(instrument, order.quantity, price)
        return {
            "before": worth.initial_margin,
            "change": margin_on(instrument, notional(instrument, abs(held + signed) - abs(held), price)),
            "equity": worth.equity,
            "commission": commission_for(instrument, order.quantity, value),
        }

    def _reserve(self, order: Order) -> float:
        """Return the margin that a working order may come to need."""
        if order.parent_id:
            return 0.0
        held = self._state.ledger.position(order.con_id).quantity
        signed = order.remaining if order.is_buy else -order.remaining
        increase = max(0.0, abs(held + signed) - abs(held))
        price = order.limit_price or order.aux_price or self.mark(order.con_id)
        instrument = instrument_of(order.con_id)
        return margin_on(instrument, notional(instrument, increase, price))
