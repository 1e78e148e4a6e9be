"""The order book of the account: every order, found by its ids, and the executions of the day.

Keeps and finds; it changes nothing about an order. Open orders are also found by
instrument, by parent and by OCA group, since those never change while an order lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TypeVar

from apps.simulator.exchange.orders import NOBODY, Execution, Order

Key = tuple[int, int]
Shelf = dict[Key, Order]
Name = TypeVar("Name")


class Book:
    """Orders by (client id, order id) and the executions, oldest first."""

    def __init__(self) -> None:
        self._orders: Shelf = {}
        self._open: Shelf = {}
        # Ended orders whose ids were given out again after the numbering began anew.
        self._former: list[Order] = []
        self._by_instrument: dict[int, Shelf] = {}
        self._by_parent: dict[Key, Shelf] = {}
        self._by_group: dict[str, Shelf] = {}
        self.executions: list[Execution] = []
        self.highest_id: dict[int, int] = {}

    def add(self, order: Order) -> None:
        former = self._orders.pop(order.key, None)
        if former is not None and former is not order:
            self._former.append(former)
        self._orders[order.key] = order
        if not order.is_done:
            self._open[order.key] = order
            self._by_instrument.setdefault(order.con_id, {})[order.key] = order
            if order.parent_id:
                self._by_parent.setdefault((order.client_id, order.parent_id), {})[order.key] = order
            if order.oca_group:
                self._by_group.setdefault(order.oca_group, {})[order.key] = order
        self.use_id(order.client_id, order.order_id)

    def use_id(self, client_id: int, order_id: int) -> None:
        """Remember an id as spent, so that it never names a second order."""
        self.highest_id[client_id] = max(order_id, self.highest_id.get(client_id, 0))

    def find(self, client_id: int, order_id: int) -> Order | None:
        return self._orders.get((client_id, order_id))

    def find_open_id(self, order_id: int) -> Order | None:
        """Return an open order of any client by its id."""
        return next((one for one in self._open.values() if one.order_id == order_id), None)

    def close(self, order: Order) -> None:
        self._open.pop(order.key, None)
        _take_from(self._by_instrument, order.con_id, order)
        _take_from(self._by_parent, (order.client_id, order.parent_id), order)
        _take_from(self._by_group, order.oca_group, order)

    def forget(self, order: Order) -> None:
        """Drop an order that was never transmitted."""
        self.close(order)
        if self._orders.get(order.key) is order:
            del self._orders[order.key]
        elif order in self._former:
            self._former.remove(order)

    def begin_ids_anew(self) -> None:
        """Let every id name a new order again, as after a reset of the API order ids."""
        self.highest_id.clear()
        for order in [one for one in self._orders.values() if one.is_done]:
            del self._orders[order.key]
            self._former.append(order)

    def find_perm_id(self, perm_id: int) -> Order | None:
        return next((one for one in self.all_orders() if one.perm_id == perm_id), None)

    def manual_orders(self) -> list[Order]:
        """Return the open orders typed in TWS that no client has bound."""
        return [one for one in self._open.values() if one.client_id == NOBODY]

    def next_manual_id(self) -> int:
        """Return a negative id no order has."""
        return min(0, *(one.order_id for one in self.all_orders()), 0) - 1

    def bind(self, order: Order, client_id: int) -> None:
        """Give a manual order to a client, under the id it has."""
        self.close(order)
        del self._orders[order.key]
        order.client_id = client_id
        self.add(order)

    def open_orders(self) -> list[Order]:
        return list(self._open.values())

    def instruments(self) -> list[int]:
        """Return the contract ids that have open orders."""
        return list(self._by_instrument)

    def open_in(self, con_id: int) -> list[Order]:
        """Return the open orders of one instrument."""
        return list(self._by_instrument.get(con_id, {}).values())

    def open_in_group(self, oca_group: str) -> list[Order]:
        """Return the open orders of one OCA group."""
        return list(self._by_group.get(oca_group, {}).values())

    def all_orders(self) -> Iterator[Order]:
        return chain(self._former, self._orders.values())

    def children_of(self, parent: Order) -> list[Order]:
        """Return the open children of an order."""
        return list(self._by_parent.get(parent.key, {}).values())

    def parent_of(self, order: Order) -> Order | None:
        return self.find(order.client_id, order.parent_id) if order.parent_id else None

    def next_order_id(self) -> int:
        """Return an id above every one used by anybody."""
        return max(self.highest_id.values(), default=0) + 1


def _take_from(shelves: dict[Name, Shelf], name: Name, order: Order) -> None:
    shelf = shelves.get(name)
    if shelf is not None:
        shelf.pop(order.key, None)
        if not shelf:
            del shelves[name]
