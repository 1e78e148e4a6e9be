"""The venue's deeds: place, preview, cancel, and the pulse by which time passes.

Every entry is one deed that is saved before anybody hears of it (venue_state.py). How an
order comes in is entering.py, what the market does with it working.py, how it ends
ending.py, and what it means for the account exposure.py.
"""

from __future__ import annotations

from datetime import date

from apps.simulator.clock import Clock
from apps.simulator.exchange.admission import refusal_of
from apps.simulator.exchange.auctions import Auctions
from apps.simulator.exchange.back_office import BackOffice
from apps.simulator.exchange.bonds import Bonds
from apps.simulator.exchange.cancelling import Cancelling
from apps.simulator.exchange.conditions import Conditions
from apps.simulator.exchange.corporate_desk import CorporateDesk
from apps.simulator.exchange.ending import BY_SYSTEM, Ending
from apps.simulator.exchange.entering import Entering
from apps.simulator.exchange.exercise import Exercising
from apps.simulator.exchange.exposure import Effect, Exposure
from apps.simulator.exchange.filling import Filling
from apps.simulator.exchange.ledger import Worth
from apps.simulator.exchange.lifetimes import end_of
from apps.simulator.exchange.manual_desk import ManualDesk
from apps.simulator.exchange.order_notices import needs_locate
from apps.simulator.exchange.orders import LOCATE, Order
from apps.simulator.exchange.policies import Policies
from apps.simulator.exchange.readiness import Readiness
from apps.simulator.exchange.refusals import Refusal
from apps.simulator.exchange.settlement import Settlement
from apps.simulator.exchange.size_rules import fix_quantity
from apps.simulator.exchange.trading import Trading
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.exchange.working import FillSwitch, Working
from apps.simulator.instruments.hours import eastern_date, midnight, session_at, session_before
from apps.simulator.instruments.universe import instrument_of


class Exchange:
    """The one venue and its one account."""

    def __init__(
        self,
        state: VenueState,
        *,
        clock: Clock,
        account: str,
        switch: FillSwitch,
        policies: Policies,
    ) -> None:
        self.state = state
        self.account = account
        self._clock = clock
        self._exposure = Exposure(state, clock=clock, account=account, policies=policies)
        self._ending = Ending(state, clock)
        self._cancelling = Cancelling(state, clock=clock, ending=self._ending, policies=policies)
        self._filling = Filling(state, Bonds(state, self._ending))
        self._auctions = Auctions(state, ending=self._ending, filling=self._filling)
        self._settlement = Settlement(state, self._ending)
        self._switch = switch
        conditions = Conditions(state, self._exposure)
        self._working = Working(
            state,
            switch=switch,
            ending=self._ending,
            trading=Trading(state, ending=self._ending, filling=self._filling),
            conditions=conditions,
            readiness=Readiness(state, conditions, mark=self._exposure.mark),
        )
        self._corporate = CorporateDesk(state, clock=clock, ending=self._ending, mark=self._exposure.mark)
        self._aged_at = 0
        self._entering = Entering(
            state,
            clock=clock,
            exposure=self._exposure,
            ending=self._ending,
            working=self._working,
            policies=policies,
        )
        self.exercising = Exercising(state, clock=clock, exposure=self._exposure)
        self.back_office = BackOffice(state)
        self.manual = ManualDesk(state, exposure=self._exposure, entering=self._entering, ending=self._ending)

    # --- reading ---------------------------------------------------------------------

    def mark(self, con_id: int) -> float:
        """Return the price at which a position is valued now."""
        return self._exposure.mark(con_id)

    def worth(self) -> Worth:
        return self._exposure.worth()

    # --- deeds -----------------------------------------------------------------------

    def place(self, wanted: Order) -> None:
        """Take a new order, a change of a working one, or refuse with IB's code."""
        with self.state.deed():
            self._entering.place(wanted)

    def preview(self, order: Order) -> Refusal | Effect:
        """Return what an order would do to the margin; no order is made, but its id is spent."""
        with self.state.deed():
            self.state.use_order_id(order.client_id, order.order_id)
        fix_quantity(order, self.mark)
        return refusal_of(self._exposure.asked(order)) or self._exposure.effect_of(order)

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel an order for a client, or tell it why not."""
        with self.state.deed():
            self._cancelling.cancel(client_id, order_id)

    def cancel_all(self) -> None:
        """Cancel every open order, whoever placed it."""
        with self.state.deed():
            self._cancelling.cancel_all()

    def fill_by_hand(self, order: Order, *, shares: float) -> None:
        """Trade some of an order at its limit or else the market price, open or not."""
        price = order.limit_price or self.mark(order.con_id)
        with self.state.deed():
            self._filling.fill(order, shares=shares, price=price, now=self._clock.epoch(), is_maker=False)

    def reject_by_hand(self, order: Order, refusal: Refusal, *, is_error_first: bool) -> None:
        """End an order that was taken in as rejected, and say why before or after its status."""
        with self.state.deed():
            if is_error_first:
                self.state.notify(order.client_id, order.order_id, refusal.code, refusal.text)
            self._ending.reject(order)
            if not is_error_first:
                self.state.notify(order.client_id, order.order_id, refusal.code, refusal.text)

    def release_located(self) -> None:
        """Let short sales work whose shares can be borrowed now."""
        now = self._clock.epoch()
        with self.state.deed():
            for order in self.state.book.open_orders():
                if order.why_held == LOCATE and not needs_locate(order, self._exposure):
                    order.why_held = ""
                    self.state.changed(order)
                    self._working.work(order, now)

    def begin_order_ids_anew(self) -> None:
        """Let the ids start at 1 again, as after a reset of the API order ids in the gateway."""
        with self.state.deed():
            self.state.begin_order_ids_anew()

    def pulse(self) -> None:
        """Let time pass: days turn, auctions are held, orders end, wake and trade."""
        now = self._clock.epoch()
        with self.state.deed():
            self._turn_day(now)
            self._cancelling.carry_out()
            if int(now) != self._aged_at:
                self._aged_at = int(now)
                if not self._switch.are_fills_held:
                    self._auctions.hold(now)
                self._expire(now)
                self._settlement.settle(now)
            self._working.pulse(now)

    def _expire(self, now: float) -> None:
        for order in self.state.book.open_orders():
            if order.expires_at is None:
                order.expires_at = end_of(order, self.state.market.hours_of(instrument_of(order.con_id)))
            if order.expires_at and now >= order.expires_at and not order.is_done:
                self._ending.cancel(order, by=BY_SYSTEM)

    def _turn_day(self, now: float) -> None:
        hours = self.state.market.hours
        session = session_at(hours, now) or session_before(hours, now)
        if self.state.ledger.day != session.day.isoformat():
            if self.state.ledger.day:
                self._corporate.settle(first=date.fromisoformat(self.state.ledger.day), last=session.day)
            keep_since = midnight(eastern_date(now))
            self.state.start_day(session.day.isoformat(), self.mark, keep_since=keep_since)
