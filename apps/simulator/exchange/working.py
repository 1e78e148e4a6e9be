"""What the market allows the open orders to do now: wait, wake, rest, trade; in whose turn.

Called whenever time passes or an order comes in. Orders of one instrument take their turn
by price, then by time; orders that the new quote and trades cannot concern are not looked
at, so that many resting orders cost little. What one order does in its turn is trading.py.
"""

from __future__ import annotations

from typing import Protocol

from apps.simulator.exchange.algos import starts_after_close
from apps.simulator.exchange.conditions import Conditions
from apps.simulator.exchange.ending import BY_SYSTEM, Ending
from apps.simulator.exchange.lifetimes import is_for_auction
from apps.simulator.exchange.orders import Order, Status
from apps.simulator.exchange.pricing import snapped_price, wanted_points
from apps.simulator.exchange.readiness import Readiness
from apps.simulator.exchange.trading import Trading
from apps.simulator.exchange.triggers import adjust_stop, start_trailing, wakes
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.market.looks import Look, Watch


class FillSwitch(Protocol):
    """What the exchange asks of the fault switches."""

    @property
    def are_fills_held(self) -> bool:
        """Return whether nothing may fill for now."""


class Working:
    """Works open orders against the moving market."""

    def __init__(
        self,
        state: VenueState,
        *,
        switch: FillSwitch,
        ending: Ending,
        trading: Trading,
        conditions: Conditions,
        readiness: Readiness,
    ) -> None:
        self._state = state
        self._switch = switch
        self._ending = ending
        self._trading = trading
        self._conditions = conditions
        self._readiness = readiness
        self._watch = Watch(state.market)

    def pulse(self, now: float) -> None:
        """Work every instrument that shows something new."""
        for con_id in self._state.book.instruments():
            look = self._watch.look(instrument_of(con_id), now)
            if look.is_new:
                self._work_all(look)

    def work(self, order: Order, now: float) -> None:
        """Work one order that came in, was changed or was woken; others first if it is their turn."""
        look = self._watch.look(instrument_of(order.con_id), now)
        if look.is_new:
            self._work_all(look)
        else:
            self._work(order, look)

    def _work_all(self, look: Look) -> None:
        orders = self._state.book.open_in(look.instrument.con_id)
        awake = [one for one in orders if not _sleeps(one, look)]
        if len(awake) > 1:
            awake.sort(key=lambda one: self._turn(one, look))
        for one in awake:
            self._work(one, look)

    def _turn(self, order: Order, look: Look) -> tuple[float, float, int]:
        """Return what orders the orders of a side: the better price, then the longer wait."""
        wanted = wanted_points(order, look, self._state.market)
        if wanted is None:
            return float("-inf"), order.worked_at, order.perm_id
        return float(-wanted if order.is_buy else wanted), order.worked_at, order.perm_id

    def _work(self, order: Order, look: Look) -> None:
        if order.is_done or order.status is Status.API_PENDING:
            return
        if not self._readiness.is_ready(order, look.now):
            return
        is_unwanted = order.asks.conditions_cancel and self._conditions.are_met(order, look.now)
        if is_unwanted or not order.remaining:
            self._ending.cancel(order, by=BY_SYSTEM)
        elif order.asks.algo and starts_after_close(order, self._state.market):
            self._trading.mark_working(order)
            reason = f"{order.asks.algo}: start time is after close time"
            self._ending.cancel(order, by=BY_SYSTEM, reason=reason)
        elif is_for_auction(order):
            self._trading.mark_working(order)
        elif not look.quote.is_halted and self._is_awake(order, look):
            self._let_trade(order, look)

    def _is_awake(self, order: Order, look: Look) -> bool:
        """Return whether an order waits for no trigger any more; tell what it waits for."""
        if order.nature.is_snapped and order.limit_price is None:
            order.limit_price = snapped_price(order, look)
        if not order.nature.waits_for_trigger or order.is_elected:
            return True
        before = order.trigger_price
        # Its first stop is the venue's to tell; where it goes from there anybody can follow.
        starts_trailing = order.nature.trails and order.stop_price is None
        start_trailing(order, look)
        has_turned = adjust_stop(order, look, self._state.market)
        order.is_elected = wakes(order, look, self._state.market)
        if has_turned or starts_trailing or (not order.is_elected and order.why_held == ""):
            order.why_held = "" if order.is_elected else "trigger"
            self._state.changed(order)
        elif before != order.trigger_price:
            self._state.save_order(order)
        return order.is_elected

    def _let_trade(self, order: Order, look: Look) -> None:
        if self._switch.are_fills_held:
            self._trading.mark_working(order)
            self._watch.look_again(order.con_id)
            return
        self._trading.trade(order, look)
        if order.status is Status.FILLED:
            for child in self._state.book.children_of(order):
                self.work(child, look.now)


def _sleeps(order: Order, look: Look) -> bool:
    """Return whether a resting limit order is out of reach of everything the look shows."""
    if order.queue_points is None or order.kind != "LMT" or order.status is not Status.SUBMITTED:
        return False
    if not order.asks.is_plain:
        return False
    return order.queue_points < look.lowest if order.is_buy else order.queue_points > look.highest
