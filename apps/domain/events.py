"""Everything a broker session can report, as values; `broker` makes them, `gateway` books them.

Facts leave a session in order and are never dropped; quotes leave by a lane of their own.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.orders import OrderType, Side


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker shows it in openOrder or completedOrder.

    `status` is IB's own word. Completed orders carry no ib_order_id (0): they are joined by
    order_ref or ib_perm_id. Prices the order does not use are None.
    """

    account: str
    order_ref: str
    ib_order_id: int
    ib_perm_id: int
    client_id: int
    ib_con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    side: Side
    order_type: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: str
    status: str
    filled: Decimal | None = None
    parent_ib_order_id: int = 0
    completed_at: datetime | None = None
    completed_status: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class OrderStatusReport:
    """One orderStatus message; quantities are a hint only, executions decide (ST7)."""

    ib_order_id: int
    ib_perm_id: int
    client_id: int
    status: str
    filled: Decimal
    remaining: Decimal
    why_held: str = ""


@dataclass(frozen=True, slots=True)
class PositionReport:
    """What the broker says is held; quantity is signed, 0 means closed."""

    account: str
    ib_con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    local_symbol: str
    quantity: Decimal
    average_cost: Decimal


@dataclass(frozen=True, slots=True)
class PortfolioReport:
    """The broker's own marks of one position."""

    account: str
    ib_con_id: int
    market_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """One account value: a tag with its currency, as text and, where it is one, as a number."""

    account: str
    tag: str
    currency: str
    text: str
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class PnlReport:
    """The broker's P&L of an account today; None where it does not know."""

    account: str
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None


@dataclass(frozen=True, slots=True)
class BrokerNotice:
    """An error or notice message. `request_id` is -1 for the session, else a request or order id."""

    request_id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The line is gone; nothing follows in this broker session."""

    reason: str


BrokerEvent = (
    BrokerOrder
    | OrderStatusReport
    | ExecutionReport
    | CommissionReport
    | PositionReport
    | PortfolioReport
    | BalanceReport
    | PnlReport
    | BrokerNotice
    | SessionLost
)


@dataclass(frozen=True, slots=True)
class OrderFrame:
    """What one placeOrder frame must say; `broker/ib` may write nothing else."""

    ib_order_id: int
    order_ref: str
    account: str
    ib_con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: str
    outside_rth: bool
    parent_ib_order_id: int = 0
    transmit: bool = True
    oca_group: str = ""
