"""How an order comes to the venue: new, changed, or released with the group it waited for.

Asks admission.py whether it may, tells its client what became of it, and hands it to
working.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from apps.simulator.clock import EASTERN, Clock
from apps.simulator.exchange.admission import refusal_of, refusal_of_change
from apps.simulator.exchange.ending import Ending
from apps.simulator.exchange.exposure import Exposure
from apps.simulator.exchange.lifetimes import end_of
from apps.simulator.exchange.order_notices import Notice, after_entry, before_entry, needs_locate
from apps.simulator.exchange.orders import LOCATE, Order, Status
from apps.simulator.exchange.policies import ERROR_ONLY, STATUS_FIRST, Policies
from apps.simulator.exchange.queues import leave
from apps.simulator.exchange.refusals import Refusal
from apps.simulator.exchange.size_rules import fix_quantity
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.exchange.working import Working
from apps.simulator.instruments.hours import session_after
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.wire import number_text

_CHANGEABLE = ("quantity", "kind", "limit_price", "aux_price", "tif", "order_ref", "transmit", "oca_type")
_TRIGGER = ("kind", "aux_price")
_LONG_NAMES = {"NASDAQ": "NASDAQ.NMS"}


class Entering:
    """Takes orders and changes of orders."""

    def __init__(
        self,
        state: VenueState,
        *,
        clock: Clock,
        exposure: Exposure,
        ending: Ending,
        working: Working,
        policies: Policies,
    ) -> None:
        self._state = state
        self._clock = clock
        self._exposure = exposure
        self._ending = ending
        self._working = working
        self._policies = policies

    def place(self, wanted: Order) -> None:
        """Take a new order, a change of a working one, or refuse with IB's code."""
        fix_quantity(wanted, self._exposure.mark)
        current = self._state.book.find(wanted.client_id, wanted.order_id)
        if current is not None:
            self._change(current, wanted)
        elif wanted.order_id <= self._state.book.highest_id.get(wanted.client_id, 0) or wanted.order_id < 0:
            self._refuse(wanted, Refusal(103, "Duplicate order id"))
        else:
            self.enter(wanted)

    def enter(self, order: Order) -> None:
        """Take in an order whose id is known to be its own, or refuse it."""
        refusal = self._refusal_of_parent(order) or refusal_of(self._exposure.asked(order))
        if refusal is not None and not refusal.is_rejection:
            return self._refuse(order, refusal)
        order.perm_id = self._state.next_perm_id()
        order.account = self._exposure.account
        order.placed_at = order.worked_at = self._clock.epoch()
        order.expires_at = end_of(order, self._state.market.hours_of(instrument_of(order.con_id)))
        self._state.use_order_id(order.client_id, order.order_id)
        self._state.book.add(order)
        if refusal is not None:
            return self._reject(order, refusal)
        if order.transmit:
            self._release_group(order)
        return None

    def _reject(self, order: Order, refusal: Refusal) -> None:
        """End an order that IB took and turned down; whether code or status comes first is a policy."""
        reject_order = self._policies.reject_order
        if reject_order != STATUS_FIRST:
            self._refuse(order, refusal)
        self._ending.reject(order, is_told=reject_order != ERROR_ONLY)
        if reject_order == STATUS_FIRST:
            self._refuse(order, refusal)

    def _refusal_of_parent(self, order: Order) -> Refusal | None:
        parent = self._state.book.parent_of(order)
        if order.parent_id and parent is None:
            return Refusal(10006, f"Missing parent order {order.parent_id}.")
        if parent is not None and parent.is_done and parent.status is not Status.FILLED:
            return Refusal(135, f"Can't find order with ID = {order.parent_id}")
        return None

    def _release_group(self, order: Order) -> None:
        """Transmit an order with everything that waited for it: parents first, then their children."""
        waiting = [one for one in self._family_of(order) if one.status is Status.API_PENDING]
        for one in waiting:
            self._tell(one, before_entry(one, self._exposure))
            one.transmit = True
            one.status = Status.PRE_SUBMITTED
            one.why_held = self._why_held(one)
            self._state.changed(one)
        now = self._clock.epoch()
        for one in waiting:
            self._tell(one, after_entry(one))
            self._explain_wait(one, now)
            self._working.work(one, now)

    def _family_of(self, order: Order) -> list[Order]:
        """Return an order's highest ancestor and all that descends from it, generation by generation."""
        root = order
        while (parent := self._state.book.parent_of(root)) is not None:
            root = parent
        family = [root]
        for one in family:
            family.extend(self._state.book.children_of(one))
        return family

    def _explain_wait(self, order: Order, now: float) -> None:
        market, instrument = self._state.market, instrument_of(order.con_id)
        if market.is_open_for(now, instrument, outside_rth=order.asks.outside_rth):
            return
        opening = session_after(market.hours_of(instrument), now, is_extended=order.asks.outside_rth).start
        text = (
            f"Order Message:\n{order.action} {number_text(order.quantity)} {instrument.symbol} "
            f"{_LONG_NAMES.get(instrument.primary_exchange, instrument.primary_exchange)}\n"
            f"Warning: Your order will not be placed at the exchange until {_eastern(opening)}."
        )
        self._state.notify(order.client_id, order.order_id, 399, text)

    def _why_held(self, order: Order) -> str:
        if needs_locate(order, self._exposure):
            return LOCATE
        return "trigger" if order.nature.waits_for_trigger and not order.parent_id else ""

    def _change(self, current: Order, wanted: Order) -> None:
        wanted.account = wanted.account or current.account
        refusal = _refusal_of_done(current) or refusal_of_change(current, wanted)
        if refusal is None:
            wanted.filled = current.filled
            refusal = refusal_of(self._exposure.asked(wanted, replacing=current))
        if refusal is not None:
            return self._refuse(wanted, refusal)
        was_waiting = current.status is Status.API_PENDING
        _take_over(current, wanted, now=self._clock.epoch())
        current.expires_at = end_of(current, self._state.market.hours_of(instrument_of(current.con_id)))
        if was_waiting:
            if current.transmit:
                self._release_group(current)
            return None
        current.transmit = True
        self._state.changed(current)
        return self._working.work(current, self._clock.epoch())

    def _refuse(self, order: Order, refusal: Refusal) -> None:
        self._state.notify(
            order.client_id, order.order_id, refusal.code, refusal.text, reject_json=refusal.reject_json
        )

    def _tell(self, order: Order, notices: Iterable[Notice]) -> None:
        for code, text in notices:
            self._state.notify(order.client_id, order.order_id, code, text)


def _refusal_of_done(order: Order) -> Refusal | None:
    if not order.is_done:
        return None
    if order.status is Status.FILLED:
        return Refusal(104, "Cannot modify a filled order.")
    return Refusal(103, "Duplicate order id")


def _take_over(current: Order, wanted: Order, *, now: float) -> None:
    """Give a working order its new terms; it keeps its place in the queue only if it got smaller."""
    is_same_price = (current.kind, current.limit_price, current.aux_price) == (
        wanted.kind,
        wanted.limit_price,
        wanted.aux_price,
    )
    if not is_same_price or wanted.quantity > current.quantity or current.asks != wanted.asks:
        leave(current)
        current.worked_at = now
    has_new_trigger = any(getattr(current, name) != getattr(wanted, name) for name in _TRIGGER)
    if has_new_trigger or current.asks.trail_stop != wanted.asks.trail_stop:
        current.is_elected = current.is_adjusted = False
        current.stop_price = None
    for name in _CHANGEABLE:
        setattr(current, name, getattr(wanted, name))
    current.take_terms(wanted.terms)


def _eastern(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, EASTERN):%Y-%m-%d %H:%M:%S} US/Eastern"
