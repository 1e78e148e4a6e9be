"""What the steps judge: a quote, an order book, an order at work, put together from the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.interop.journal import Arguments, Journal


@dataclass
class Quote:
    """What was told about one market data line: values by tick type; None if a library cannot tell."""

    ticks: dict[int, Any]
    market_data_type: int
    min_tick: float | None
    bbo_exchange: str


@dataclass
class Book:
    """An order book: price, size and market maker by row, best first."""

    bids: list[tuple[float, float, str]] = field(default_factory=list)
    asks: list[tuple[float, float, str]] = field(default_factory=list)

    def apply(self, row: Arguments) -> None:
        """Take one message of either kind of depth: position, market maker, operation, side, price, size."""
        position, maker, operation, side, price, size = row
        levels = self.bids if side == 1 else self.asks
        if operation == 2:
            levels.pop(position)
        elif operation == 1:
            levels[position] = (price, float(size), maker)
        else:
            levels.insert(position, (price, float(size), maker))


class Working:
    """One order of ours as the callbacks tell it."""

    def __init__(self, journal: Journal, order_id: int, contract: Any, order: Any) -> None:
        self.order_id = order_id
        self.contract = contract
        self.order = order
        self._journal = journal

    @property
    def statuses(self) -> list[str]:
        return [one[1] for one in self._journal.of("orderStatus", self.order_id)]

    @property
    def last(self) -> SimpleNamespace:
        """Return the last orderStatus."""
        names = ("order_id", "status", "filled", "remaining", "average", "perm_id", "parent_id", "last_price")
        return SimpleNamespace(
            **dict(zip(names, self._journal.of("orderStatus", self.order_id)[-1], strict=False))
        )

    @property
    def status(self) -> str:
        return self.statuses[-1] if self.statuses else ""

    @property
    def codes(self) -> list[int]:
        return [one.code for one in self._journal.notices if one.request_id == self.order_id]

    @property
    def executions(self) -> list[Any]:
        """Return the live executions, each once."""
        found = {one[2].execId: one[2] for one in self._journal.of("execDetails", -1)}
        # ib_insync hands over live executions under an id it made up for the synchronisation: take all.
        found |= {one[2].execId: one[2] for one in self._journal.calls["execDetails"]}
        return [one for one in found.values() if one.orderId == self.order_id]

    @property
    def commissions(self) -> list[Any]:
        reports = {one[0].execId: one[0] for one in self._journal.calls["commissionReport"]}
        return [reports[one.execId] for one in self.executions if one.execId in reports]

    async def reaches(self, *statuses: str) -> None:
        """Wait until the order has one of these statuses."""
        await self._journal.until(
            lambda: self.status in statuses, f"{'/'.join(statuses)} after {self.statuses or 'nothing'}"
        )

    async def is_charged(self) -> None:
        """Wait until the fills make up the order and each has its commission."""
        quantity = float(self.order.totalQuantity)

        def look() -> bool:
            shares = sum(float(one.shares) for one in self.executions)
            return shares == quantity and len(self.commissions) == len(self.executions)

        await self._journal.until(look, "fills and commissions of the whole order")

    async def is_refused(self, *codes: int) -> None:
        await self._journal.notice(self.order_id, *codes)

    def forgive(self, *codes: int) -> None:
        self._journal.forgive(self.order_id, *codes)
