"""The venue: takes orders, changes and cancels, and fills them against the moving quote.

Moved by the simulator's clock through `pulse`; every entry is one deed that is saved
before anybody hears of it (venue_state.py). Whether an order may enter is admission.py,
what a fill does to the account is ledger.py, prices come from quotes.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from apps.simulator.admission import Admission, Refusal, refusal_of, refusal_of_change
from apps.simulator.clock import Clock
from apps.simulator.events import OrderNotice
from apps.simulator.hours import eastern_date, midnight, session_at, session_before
from apps.simulator.ledger import INITIAL_MARGIN, Worth, commission_for
from apps.simulator.matching import executable_cents, is_stop_elected, session_end_for
from apps.simulator.orders import Execution, Order, Status
from apps.simulator.quotes import Quote
from apps.simulator.universe import BY_CON_ID
from apps.simulator.venue_state import VenueState

SLICE_PAUSE_S = 0.3
_CHANGEABLE = (
    "quantity",
    "kind",
    "limit_price",
    "aux_price",
    "tif",
    "order_ref",
    "transmit",
    "oca_type",
    "terms",
)


class FillSwitch(Protocol):
    """What the exchange asks of the fault switches."""

    @property
    def are_fills_held(self) -> bool:
        """Return whether nothing may fill for now."""


class Exchange:
    """The one venue and its one account."""

    def __init__(
        self,
        state: VenueState,
        *,
        clock: Clock,
        account: str,
        switch: FillSwitch,
        cross_client_cancel: bool = True,
    ) -> None:
        self.state = state
        self.account = account
        self._clock = clock
        self._switch = switch
        self._cross_client_cancel = cross_client_cancel
        self._quotes: dict[int, Quote] = {}
        self._quoted_at = 0.0

    # --- reading ---------------------------------------------------------------------

    def mark(self, con_id: int) -> float:
        """Return the price at which a position is valued now."""
        return self.state.market.last_cents(BY_CON_ID[con_id], self._clock.epoch()) / 100

    def worth(self) -> Worth:
        return self.state.ledger.worth(self.mark)

    # --- deeds -----------------------------------------------------------------------

    def place(self, wanted: Order) -> None:
        """Take a new order, a change of a working one, or refuse with IB's code."""
        with self.state.deed():
            current = self.state.book.find(wanted.client_id, wanted.order_id)
            if current is not None:
                self._change(current, wanted)
            elif (
                wanted.order_id <= self.state.book.highest_id.get(wanted.client_id, 0) or wanted.order_id < 0
            ):
                self._refuse(wanted, Refusal(103, "Duplicate order id"))
            else:
                self._enter(wanted)

    def preview(self, order: Order) -> tuple[Refusal | None, dict[str, float]]:
        """Return what an order would do to the margin; no order is made, but its id is spent."""
        with self.state.deed():
            self.state.use_order_id(order.client_id, order.order_id)
        refusal = refusal_of(self._asked(order))
        worth = self.worth()
        held = self.state.ledger.position(order.con_id).quantity
        signed = order.quantity if order.is_buy else -order.quantity
        price = order.limit_price or order.aux_price or self.mark(order.con_id)
        change = (abs(held + signed) - abs(held)) * price * INITIAL_MARGIN
        commission = commission_for(order.quantity, order.quantity * price)
        return refusal, {
            "before": worth.initial_margin,
            "change": change,
            "equity": worth.equity,
            "commission": commission,
        }

    def cancel(self, client_id: int, order_id: int) -> None:
        with self.state.deed():
            order = self.state.book.find(client_id, order_id)
            if order is None and self._cross_client_cancel:
                order = self.state.book.find_open_id(order_id)
            if order is None:
                text = f"OrderId {order_id} that needs to be cancelled is not found."
                self._notice(client_id, order_id, 10147, text)
            elif order.is_done:
                text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: "
                self._notice(client_id, order_id, 10148, f"{text}{order.status}.")
            else:
                self._cancel(order)
                if order.client_id != client_id:
                    self._notice(client_id, order_id, 202, "Order Canceled - reason:")

    def cancel_all(self) -> None:
        with self.state.deed():
            for order in self.state.book.open_orders():
                if not order.is_done:
                    self._cancel(order)

    def pulse(self) -> None:
        """Let time pass: days turn, DAY orders end, stops are elected, orders fill."""
        now = self._clock.epoch()
        with self.state.deed():
            self._turn_day(now)
            for order in self.state.book.open_orders():
                if not order.is_done and self._has_expired(order, now):
                    self._cancel(order, by="Cancelled by System:\n")
                self._work(order, now)

    def _has_expired(self, order: Order, now: float) -> bool:
        return order.tif == "DAY" and now >= session_end_for(self.state.market.hours, order.placed_at)

    # --- entering and changing ---------------------------------------------------------

    def _enter(self, order: Order) -> None:
        parent = self.state.book.parent_of(order)
        if order.parent_id and parent is None:
            return self._refuse(order, Refusal(10006, f"Missing parent order {order.parent_id}."))
        if parent is not None and parent.is_done and parent.status is not Status.FILLED:
            return self._refuse(order, Refusal(135, f"Can't find order with ID = {order.parent_id}"))
        refusal = refusal_of(self._asked(order))
        if refusal is not None and not refusal.is_rejection:
            return self._refuse(order, refusal)
        order.perm_id = self.state.next_perm_id()
        order.account = self.account
        order.placed_at = self._clock.epoch()
        self.state.use_order_id(order.client_id, order.order_id)
        self.state.book.add(order)
        if refusal is not None:
            order.transmit = True
            self._finish(order, Status.INACTIVE, by="Rejected by System:\n", with_terms=True)
            return self._refuse(order, refusal)
        if order.transmit:
            self._release_group(order)
        return None

    def _release_group(self, order: Order) -> None:
        """Transmit an order with everything that waited for it: its parent first, then all children."""
        root = self.state.book.parent_of(order) or order
        group = [root, *self.state.book.children_of(root)]
        waiting = [one for one in group if one.status is Status.API_PENDING]
        for one in waiting:
            self._tell_preset(one)
            one.transmit = True
            one.status = Status.PRE_SUBMITTED
            one.why_held = "trigger" if one.is_stop and not one.parent_id else ""
            self.state.changed(one)
        now = self._clock.epoch()
        for one in waiting:
            self._explain_wait(one, now)
            self._work(one, now)

    def _explain_wait(self, order: Order, now: float) -> None:
        if not self.state.market.is_open(now):
            text = "Order Message:\nWarning: your order will not be placed at the exchange until the open."
            self._notice(order.client_id, order.order_id, 399, text)

    def _tell_preset(self, order: Order) -> None:
        # Told before the first status: clients take the notice for a cancel until a status follows.
        if order.terms.get("tif", "") == "":
            text = "Order TIF was set to DAY based on order preset."
            self._notice(order.client_id, order.order_id, 10349, text)

    def _change(self, current: Order, wanted: Order) -> None:
        wanted.account = wanted.account or current.account
        if current.is_done:
            filled = current.status is Status.FILLED
            refusal: Refusal | None = (
                Refusal(104, "Cannot modify a filled order.")
                if filled
                else Refusal(103, "Duplicate order id")
            )
        else:
            refusal = refusal_of_change(current, wanted)
        if refusal is None:
            wanted.filled = current.filled
            refusal = refusal_of(self._asked(wanted, replacing=current))
        if refusal is not None:
            return self._refuse(wanted, refusal)
        was_waiting = current.status is Status.API_PENDING
        for name in _CHANGEABLE:
            setattr(current, name, getattr(wanted, name))
        current.has_rested = False
        if was_waiting:
            if current.transmit:
                self._release_group(current)
            return None
        current.transmit = True
        self.state.changed(current)
        return self._work(current, self._clock.epoch())

    def _asked(self, order: Order, *, replacing: Order | None = None) -> Admission:
        price = self.mark(order.con_id)
        others = [one for one in self.state.book.open_orders() if one is not replacing and one.transmit]
        reserved = sum(self._reserve(one) for one in others)
        held = self.state.ledger.position(order.con_id).quantity
        if order.parent_id:
            # A child only ever closes what its parent opened, so it needs no margin of its own.
            held = -order.quantity if order.is_buy else order.quantity
        return Admission(
            order=order, account=self.account, worth=self.worth(), held=held, price=price, reserved=reserved
        )

    def _reserve(self, order: Order) -> float:
        """Return the value by which a working order may enlarge what is held."""
        if order.parent_id:
            return 0.0
        held = self.state.ledger.position(order.con_id).quantity
        signed = order.remaining if order.is_buy else -order.remaining
        increase = max(0.0, abs(held + signed) - abs(held))
        return increase * (order.limit_price or order.aux_price or self.mark(order.con_id))

    def _refuse(self, order: Order, refusal: Refusal) -> None:
        self._notice(order.client_id, order.order_id, refusal.code, refusal.text)

    def _notice(self, client_id: int, order_id: int, code: int, text: str) -> None:
        self.state.tell(OrderNotice(client_id, order_id, code, text))

    # --- ending --------------------------------------------------------------------------

    def _cancel(self, order: Order, *, by: str = "Cancelled by Trader") -> None:
        if order.status is Status.API_PENDING:
            self.state.book.forget(order)
        self._finish(order, Status.CANCELLED, by=by)
        self._notice(order.client_id, order.order_id, 202, "Order Canceled - reason:")
        for child in self.state.book.children_of(order):
            self._cancel(child, by=by)

    def _finish(self, order: Order, status: Status, *, by: str, with_terms: bool = False) -> None:
        order.status = status
        order.why_held = ""
        order.completed_at = self._clock.epoch()
        order.completed_status = by
        self.state.book.close(order)
        self.state.changed(order, with_terms=with_terms)

    # --- working -------------------------------------------------------------------------

    def _quote(self, con_id: int, now: float) -> Quote:
        if self._quoted_at != now:
            self._quotes.clear()
            self._quoted_at = now
        found = self._quotes.get(con_id)
        if found is None:
            found = self._quotes[con_id] = self.state.market.quote(BY_CON_ID[con_id], now)
        return found

    def _work(self, order: Order, now: float) -> None:
        """Do for one order what the present quote allows."""
        if order.is_done or order.status is Status.API_PENDING or not self.state.market.is_open(now):
            return
        parent = self.state.book.parent_of(order)
        if parent is not None and parent.status is not Status.FILLED:
            return
        quote = self._quote(order.con_id, now)
        if quote.is_halted:
            return
        if order.is_stop and not order.is_elected:
            if not is_stop_elected(order, quote):
                if order.parent_id and order.why_held == "":
                    order.why_held = "trigger"
                    self.state.changed(order)
                return
            order.is_elected = True
        if self._switch.are_fills_held:
            self._mark_working(order)
            return
        if now >= order.next_slice_at:
            self._trade(order, quote, now)

    def _trade(self, order: Order, quote: Quote, now: float) -> None:
        cents = executable_cents(order, quote)
        shown = quote.ask_size if order.is_buy else quote.bid_size
        if cents is None or (order.tif == "FOK" and shown < order.remaining):
            self._rest(order)
            return
        self._fill(order, min(order.remaining, float(shown)), cents / 100, now)
        if order.tif == "IOC" and not order.is_done:
            self._cancel(order, by="Cancelled by System:\n")

    def _rest(self, order: Order) -> None:
        if order.tif == "FOK":
            self._finish(order, Status.INACTIVE, by="Cancelled by System:\n")
        elif order.tif == "IOC":
            self._cancel(order, by="Cancelled by System:\n")
        else:
            order.has_rested = True
            self._mark_working(order)

    def _mark_working(self, order: Order) -> None:
        if order.status is Status.PRE_SUBMITTED:
            order.status = Status.SUBMITTED
            order.why_held = ""
            self.state.changed(order)

    def _fill(self, order: Order, shares: float, price: float, now: float) -> None:
        order.filled += shares
        order.filled_value += shares * price
        order.last_fill_price = price
        order.why_held = ""
        order.next_slice_at = now + SLICE_PAUSE_S
        order.status = Status.SUBMITTED if order.remaining else Status.FILLED
        commission = commission_for(order.filled, order.filled_value) - order.commission
        realized = self.state.ledger.book(
            order.con_id, shares=shares if order.is_buy else -shares, price=price, commission=commission
        )
        fill = self._execution(order, shares, price, now)
        fill = replace(fill, commission=commission, realized=realized)
        self.state.executed(fill)
        if order.status is Status.FILLED:
            order.completed_at = now
            order.completed_status = "Filled"
            self.state.book.close(order)
        self.state.changed(order)
        order.commission += commission
        if order.status is Status.FILLED:
            self.state.changed(order, with_status=False)
        self.state.save_order(order)
        self.state.charged(fill)
        self._after_fill(order, shares, now)

    def _execution(self, order: Order, shares: float, price: float, now: float) -> Execution:
        return Execution(
            exec_id=self.state.next_exec_id(),
            perm_id=order.perm_id,
            order_id=order.order_id,
            client_id=order.client_id,
            con_id=order.con_id,
            account=order.account,
            order_ref=order.order_ref,
            at=now,
            exchange=BY_CON_ID[order.con_id].primary_exchange,
            side="BOT" if order.is_buy else "SLD",
            shares=shares,
            price=price,
            cumulative=order.filled,
            average_price=order.average_price,
            liquidity=1 if order.has_rested and order.kind == "LMT" else 2,
            commission=0.0,
            realized=None,
        )

    def _after_fill(self, order: Order, shares: float, now: float) -> None:
        """Cancel or shrink what the fill makes superfluous, and wake the children of a filled parent."""
        for other in self._rivals(order):
            if (
                order.status is Status.FILLED
                or order.oca_type == 1
                or other.quantity - shares <= other.filled
            ):
                self._cancel(other, by="Cancelled by System:\n")
            else:
                other.quantity -= shares
                self.state.changed(other)
        if order.status is Status.FILLED:
            for child in self.state.book.children_of(order):
                self._work(child, now)

    def _rivals(self, order: Order) -> list[Order]:
        others = [one for one in self.state.book.open_orders() if one is not order and one.transmit]
        family = (order.client_id, order.parent_id)
        return [
            one
            for one in others
            if (order.oca_group and one.oca_group == order.oca_group)
            or (order.parent_id and (one.client_id, one.parent_id) == family)
        ]

    # --- days ----------------------------------------------------------------------------

    def _turn_day(self, now: float) -> None:
        hours = self.state.market.hours
        session = session_at(hours, now) or session_before(hours, now)
        if self.state.ledger.day != session.day.isoformat():
            keep_since = midnight(eastern_date(now))
            self.state.start_day(session.day.isoformat(), self.mark, keep_since=keep_since)
