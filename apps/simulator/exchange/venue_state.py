"""Everything of the venue that outlives a restart, and the one road by which it is saved.

A deed (a request, a tick of the clock) changes orders, books and counters; here the rows
it touched are committed together, and only then are its events handed out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from apps.simulator.clock import Clock
from apps.simulator.exchange.book import Book
from apps.simulator.exchange.combo_orders import remember_combo
from apps.simulator.exchange.events import (
    CommissionCharged,
    Event,
    Executed,
    OrderChanged,
    OrderNotice,
    PositionChanged,
    TradeBusted,
)
from apps.simulator.exchange.journal import Journal
from apps.simulator.exchange.ledger import Ledger
from apps.simulator.exchange.orders import Execution, Order
from apps.simulator.market.quotes import Adjustment, Market

_PERM_IDS_PER_S = 40
_PERM_ID_RANGE = 2_000_000_000
_START_OF_2026 = 1_767_225_600


class VenueState:
    """Book, ledger, counters, and the events of the deed in progress."""

    def __init__(
        self,
        *,
        market: Market,
        ledger: Ledger,
        journal: Journal,
        clock: Clock,
        publish: Callable[[list[Event]], None],
    ) -> None:
        self.market = market
        self.ledger = ledger
        self.book = Book()
        self._journal = journal
        self._publish = publish
        self._events: list[Event] = []
        self._orders: dict[int, Order] = {}
        self._touched: dict[int, Order] = {}
        self._fills: dict[str, Execution] = {}
        self._positions: set[int] = set()
        self._gone: list[tuple[str, str]] = []
        self._is_counter_changed = False
        # Without a file the numbers start from the clock: a new run must not repeat those of the last one.
        self._run = int(clock.epoch())
        self._next_perm_id = 1 + (self._run - _START_OF_2026) * _PERM_IDS_PER_S % _PERM_ID_RANGE
        self._next_exec = 1

    @contextmanager
    def deed(self) -> Iterator[None]:
        """Save what is changed inside, then publish what happened."""
        yield
        self._save()
        events, self._events = self._events, []
        if events:
            self._publish(events)

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def notify(self, client_id: int, order_id: int, code: int, text: str, *, reject_json: str = "") -> None:
        """Note an error or notice about an order, to be told to one client."""
        self.tell(OrderNotice(client_id, order_id, code, text, reject_json))

    def changed(self, order: Order, *, with_terms: bool = True, with_status: bool = True) -> None:
        """Note a change of an order, to be saved and told as it stands now."""
        self.save_order(order)
        self.tell(OrderChanged(copy.copy(order), with_terms=with_terms, with_status=with_status))

    def take_touched(self) -> list[Order]:
        """Return the orders that changed since this was asked last (reserves.py)."""
        touched = [*self._touched.values()]
        self._touched.clear()
        return touched

    def save_order(self, order: Order) -> None:
        self._touched[order.perm_id] = order
        # Orders not transmitted are the gateway's own and are lost with it, as in reality.
        if order.transmit:
            self._orders[order.perm_id] = order

    def executed(self, fill: Execution) -> None:
        self.book.executions.append(fill)
        self._fills[fill.exec_id] = fill
        self._positions.add(fill.con_id)
        self.tell(Executed(fill))

    def corrected(self, fill: Execution, *, former: Execution) -> None:
        """Put a corrected execution in the place of the former one, and tell it."""
        executions = self.book.executions
        executions[executions.index(former)] = fill
        self._gone.append(("executions", former.exec_id))
        self._fills[fill.exec_id] = fill
        self._positions.add(fill.con_id)
        self.tell(Executed(fill))

    def rebooked(self, place: int, fill: Execution) -> None:
        """Keep what an execution of the day realizes after all."""
        self.book.executions[place] = fill
        self._fills[fill.exec_id] = fill

    def busted(self, fill: Execution) -> None:
        """Take an execution out of the day, and tell that it never was."""
        self.book.executions.remove(fill)
        self._gone.append(("executions", fill.exec_id))
        self._positions.add(fill.con_id)
        self.tell(TradeBusted(fill.con_id))
        self.tell(PositionChanged(fill.con_id))

    def position_moved(self, con_id: int) -> None:
        """Note that what is held of an instrument changed without an execution."""
        self._positions.add(con_id)
        self._is_counter_changed = True
        self.tell(PositionChanged(con_id))

    def charged(self, fill: Execution) -> None:
        self.tell(CommissionCharged(fill))
        self.tell(PositionChanged(fill.con_id))

    def use_order_id(self, client_id: int, order_id: int) -> None:
        self.book.use_id(client_id, order_id)
        self._is_counter_changed = True

    def begin_order_ids_anew(self) -> None:
        self.book.begin_ids_anew()
        self._is_counter_changed = True

    def next_perm_id(self) -> int:
        self._next_perm_id += 1
        self._is_counter_changed = True
        return self._next_perm_id

    def next_exec_id(self) -> str:
        self._next_exec += 1
        self._is_counter_changed = True
        return f"{self._run:08x}.{self._next_exec:08x}.01.01"

    def start_day(self, day: str, mark: Callable[[int], float], *, keep_since: float) -> None:
        """Begin a trading day in the ledger, and let go of what ended before it."""
        closed = {con_id for con_id, one in self.ledger.positions.items() if not one.quantity}
        self._gone += [("positions", str(con_id)) for con_id in closed]
        self.ledger.start_day(day, mark)
        self._positions = set(self.ledger.positions)
        self._is_counter_changed = True
        for order in [one for one in self.book.all_orders() if one.is_done and one.completed_at < keep_since]:
            self.book.forget(order)
            self._gone.append(("orders", str(order.perm_id)))
        self._gone += [("executions", one.exec_id) for one in self.book.executions if one.at < keep_since]
        self.book.executions = [one for one in self.book.executions if one.at >= keep_since]

    def save_adjustment(self, con_id: int, change: Adjustment) -> None:
        body = {"start": change.start, "factor": change.factor, "pinned_points": change.pinned_points}
        self._journal.write([("adjustments", f"{con_id}:{change.start}", {"con_id": con_id, **body})])

    def restore(self, *, keep_since: float) -> None:
        """Read back a saved state; a fresh file leaves everything as it is."""
        for body in self._journal.read("adjustments").values():
            self.market.adjust(body.pop("con_id"), Adjustment(**body))
        meta = self._journal.read("meta").get("venue")
        if meta is None:
            return
        self._run, self._next_perm_id, self._next_exec = meta["run"], meta["next_perm_id"], meta["next_exec"]
        for client_id, order_id in meta["ids"].items():
            self.book.use_id(int(client_id), order_id)
        self.ledger.restore(meta["ledger"], list(self._journal.read("positions").values()))
        for row in self._journal.read("orders").values():
            order = Order.from_row(row)
            remember_combo(order)
            if not order.is_done or order.completed_at >= keep_since:
                self.book.add(order)
            else:
                self._gone.append(("orders", str(order.perm_id)))
        fills = [Execution(**row) for row in self._journal.read("executions").values()]
        self._gone += [("executions", one.exec_id) for one in fills if one.at < keep_since]
        self.book.executions = [one for one in fills if one.at >= keep_since]

    def _save(self) -> None:
        if not (self._orders or self._fills or self._positions or self._gone or self._is_counter_changed):
            return
        if self._journal.is_kept:
            # What closed yesterday may be traded again in the same deed.
            again = {("positions", str(con_id)) for con_id in self._positions}
            self._journal.write(self._rows(), gone=[one for one in self._gone if one not in again])
        self._orders.clear()
        self._fills.clear()
        self._positions.clear()
        self._gone.clear()
        self._is_counter_changed = False

    def _rows(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return what the deed touched, as documents."""
        rows: list[tuple[str, str, dict[str, Any]]] = [("meta", "venue", self._meta())]
        rows += [("orders", str(one.perm_id), one.as_row()) for one in self._orders.values()]
        rows += [("executions", one.exec_id, one.as_row()) for one in self._fills.values()]
        rows += [
            ("positions", str(con_id), self.ledger.positions[con_id].as_row())
            for con_id in sorted(self._positions & self.ledger.positions.keys())
        ]
        return rows

    def _meta(self) -> dict[str, Any]:
        return {
            "run": self._run,
            "next_perm_id": self._next_perm_id,
            "next_exec": self._next_exec,
            "ids": {str(client_id): order_id for client_id, order_id in self.book.highest_id.items()},
            "ledger": self.ledger.as_row(),
        }
