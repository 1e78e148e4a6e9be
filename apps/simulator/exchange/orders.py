"""What an order, an execution and a position are inside the simulator.

Values and one-object properties. What may happen to them is exchange.py and ledger.py;
how they are written on the wire is order_messages.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from apps.simulator.exchange.kinds import KINDS, Kind
from apps.simulator.instructions import Instructions, read_instructions

QUANTITY_NOISE = 1e-9
# The client of an order typed in TWS that no API client has bound; on the wire it is nobody's, number 0.
NOBODY = -1
# Why a short sale is held until somebody lends its shares.
LOCATE = "locate"


class Status(StrEnum):
    """Order statuses, in IB's spelling."""

    API_PENDING = "ApiPending"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    API_CANCELLED = "ApiCancelled"
    INACTIVE = "Inactive"


DONE = frozenset({Status.FILLED, Status.CANCELLED, Status.API_CANCELLED, Status.INACTIVE})


class _Slotted(Protocol):
    __slots__: tuple[str, ...]


def _row_of(record: _Slotted) -> dict[str, Any]:
    """Return the fields by name. Shallow: a row is written down at once, and orders are saved often."""
    return {name: getattr(record, name) for name in record.__slots__ if not name.startswith("_")}


@dataclass(slots=True)
class Order:
    """One order as the venue keeps it. Prices in dollars; `terms` are the fields as received.

    `worked_at` is since when it stands in its place of the queue, `active_at` since when it
    may trade at all (0: not yet), `expires_at` when the system ends it (0: never, None: not
    reckoned yet), `stop_price` a stop that moves, `queue_points` the price it queues at,
    `cut_from` the size asked for if it was too large.
    """

    perm_id: int
    order_id: int
    client_id: int
    con_id: int
    exchange: str
    action: str
    quantity: float
    kind: str
    limit_price: float | None
    aux_price: float | None
    tif: str
    oca_group: str
    oca_type: int
    parent_id: int
    order_ref: str
    transmit: bool
    account: str
    terms: dict[str, str] = field(default_factory=dict)
    status: Status = Status.API_PENDING
    filled: float = 0.0
    filled_value: float = 0.0
    last_fill_price: float = 0.0
    commission: float = 0.0
    why_held: str = ""
    is_elected: bool = False
    placed_at: float = 0.0
    completed_at: float = 0.0
    completed_status: str = ""
    worked_at: float = 0.0
    active_at: float = 0.0
    expires_at: float | None = None
    stop_price: float | None = None
    queue_points: int | None = None
    queue_ahead: float = 0.0
    shown_left: float = 0.0
    is_adjusted: bool = False
    cut_from: float = 0.0
    _asks: Instructions | None = field(default=None, repr=False, compare=False)

    @property
    def asks(self) -> Instructions:
        """Return what its terms ask for. Raises BadField if they cannot be read."""
        if self._asks is None:
            self._asks = read_instructions(self.terms, self.kind)
        return self._asks

    def take_terms(self, terms: dict[str, str]) -> None:
        """Replace the terms, and with them what they ask for."""
        self.terms = terms
        self._asks = None

    @property
    def nature(self) -> Kind:
        """Return its row in the table of kinds."""
        return KINDS[self.kind]

    @property
    def key(self) -> tuple[int, int]:
        return self.client_id, self.order_id

    @property
    def wire_id(self) -> int:
        """The order id a client is told: 0 for a manual order that is not bound."""
        return 0 if self.client_id == NOBODY else self.order_id

    @property
    def execution_id(self) -> int:
        """The order id its executions carry; those of a manual order may say that it is not set."""
        return int(self.terms.get("executionOrderId", self.wire_id))

    @property
    def is_buy(self) -> bool:
        return self.action == "BUY"

    @property
    def is_done(self) -> bool:
        return self.status in DONE

    @property
    def remaining(self) -> float:
        left = self.quantity - self.filled
        return left if left > QUANTITY_NOISE else 0.0

    @property
    def average_price(self) -> float:
        return self.filled_value / self.filled if self.filled else 0.0

    @property
    def is_stop(self) -> bool:
        return self.nature.is_stop

    def closes(self, parent: Order) -> bool:
        """Return whether it takes back what its parent opens."""
        return self.con_id == parent.con_id and self.is_buy != parent.is_buy

    @property
    def trigger_price(self) -> float:
        """Return the price that wakes it, as it stands now."""
        return self.stop_price if self.stop_price is not None else self.aux_price or 0.0

    def as_row(self) -> dict[str, Any]:
        return _row_of(self)

    @staticmethod
    def from_row(row: dict[str, Any]) -> Order:
        known = {name: value for name, value in row.items() if name in Order.__slots__}
        return Order(**{**known, "status": Status(row["status"])})


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill, with its commission and what it realized (None for an opening trade)."""

    exec_id: str
    perm_id: int
    order_id: int
    client_id: int
    con_id: int
    account: str
    order_ref: str
    at: float
    exchange: str
    side: str
    shares: float
    price: float
    cumulative: float
    average_price: float
    liquidity: int
    commission: float
    realized: float | None

    @property
    def signed_shares(self) -> float:
        return self.shares if self.side == "BOT" else -self.shares

    def as_row(self) -> dict[str, Any]:
        return _row_of(self)


@dataclass(slots=True)
class Position:
    """What is held of one instrument; short is negative.

    `average_cost` is what one unit cost in dollars, multiplier and commission included.
    """

    con_id: int
    quantity: float = 0.0
    average_cost: float = 0.0
    realized_today: float = 0.0
    day_start_value: float = 0.0
    day_cash_flow: float = 0.0
    day_start_quantity: float = 0.0
    day_start_cost: float = 0.0

    def as_row(self) -> dict[str, Any]:
        return _row_of(self)
