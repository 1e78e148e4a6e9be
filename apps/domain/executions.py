"""Executions and commissions as the broker reports them, and how revisions of one are told apart."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.domain.orders import Side


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One report of the broker about one trade of an order; price per share, quantity > 0."""

    account: str
    ib_exec_id: str
    ib_order_id: int
    ib_perm_id: int
    client_id: int
    order_ref: str
    ib_con_id: int
    symbol: str
    sec_type: str
    currency: str
    side: Side
    quantity: Decimal
    price: Decimal
    exchange: str
    executed_at: datetime

    @property
    def root(self) -> str:
        """Return the part of the exec id that all revisions of one execution share."""
        return split_exec_id(self.ib_exec_id)[0]

    @property
    def revision(self) -> int:
        """Return the revision: a higher one replaces a lower one (spec/orders.md 6.2)."""
        return split_exec_id(self.ib_exec_id)[1]


@dataclass(frozen=True, slots=True)
class CommissionReport:
    """What the broker charged for one execution; realised P&L is None when it means nothing."""

    ib_exec_id: str
    commission: Decimal
    currency: str
    realized_pnl: Decimal | None


def split_exec_id(ib_exec_id: str) -> tuple[str, int]:
    """Split `0000e0d5.69b0c1f2.01.02` into its root and the revision 2.

    An id without a numeric last part is its own root with revision 0.
    """
    root, dot, last = ib_exec_id.rpartition(".")
    return (root, int(last)) if dot and last.isdigit() else (ib_exec_id, 0)


def average_price(fills: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Return the average of (quantity, price) pairs weighted by quantity, None without any."""
    pairs = list(fills)
    total = sum((quantity for quantity, _ in pairs), Decimal(0))
    if not total:
        return None
    return sum((quantity * price for quantity, price in pairs), Decimal(0)) / total
