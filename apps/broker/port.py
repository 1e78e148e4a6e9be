"""The port to a broker: what the gateway may ask of one broker session.

The real one lives in `broker/ib`, its in-memory twin in `memory.py`; one test suite runs
on both. A session is used once: after it is lost, a new object is made.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from apps.domain.candles import Candle, CandleInterval
from apps.domain.errors import DomainError
from apps.domain.events import (
    BalanceReport,
    BrokerEvent,
    BrokerOrder,
    OrderFrame,
    PositionReport,
)
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.instruments import InstrumentSpec
from apps.domain.quotes import MarketDataType, Quote


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Where IB Gateway listens and as whom we sign in; one client id for one role, for ever.

    Not `paced` means without our budget for orders and cancels, which IB would punish: for benches.
    """

    host: str
    port: int
    client_id: int
    market_data_type: MarketDataType
    connect_timeout_s: float = 15.0
    list_timeout_s: float = 10.0
    paced: bool = True


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """What the handshake told us; `time_zone` is where IB Gateway runs, empty if it did not say."""

    server_version: int
    accounts: tuple[str, ...]
    next_valid_id: int
    connected_at: datetime
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class BrokerSnapshot:
    """The four lists, each with its end marker received in this very session, and the account values.

    There is no partial snapshot: a list that failed raises instead of coming back empty.
    """

    open_orders: tuple[BrokerOrder, ...]
    completed_orders: tuple[BrokerOrder, ...]
    executions: tuple[ExecutionReport, ...]
    commissions: tuple[CommissionReport, ...]
    positions: tuple[PositionReport, ...]
    balances: tuple[BalanceReport, ...]


@dataclass(frozen=True, slots=True)
class CandleQuery:
    """One historical request: `duration` in IB's words (`1 D`), `end` None for now."""

    ib_con_id: int
    interval: CandleInterval
    duration: str
    what_to_show: str
    regular_hours_only: bool
    end: datetime | None = None


class BrokerUnavailable(DomainError):
    """The broker session is not there or ended while we waited."""

    code = "BROKER_NOT_READY"


class BrokerTimeout(DomainError):
    """The broker did not answer in time; nothing is known."""

    code = "BROKER_TIMEOUT"


class BrokerRefused(DomainError):
    """The broker answered a request with an error; `ib_code` and `ib_message` are its own."""

    code = "BROKER_REJECTED"

    def __init__(self, ib_code: int, ib_message: str) -> None:
        super().__init__(ib_message, ib_code=ib_code, ib_message=ib_message)
        self.ib_code = ib_code
        self.ib_message = ib_message


class FrameRefused(DomainError):
    """The last look before the socket found a frame that is not the intent; nothing was written."""

    code = "INTERNAL"


class Backpressure(DomainError):
    """The write buffer is not empty, so the frame was not handed over; nothing was written."""

    code = "GATEWAY_BACKPRESSURE"


class BrokerSession(Protocol):
    """One TCP session with a broker, from handshake to close."""

    async def connect(self) -> SessionIdentity:
        """Sign in and return who we are. Raises BrokerUnavailable, BrokerTimeout or BrokerRefused (326)."""

    async def snapshot(self, *, executions_since: datetime | None = None) -> BrokerSnapshot:
        """Ask for the four lists one after the other.

        Raises BrokerTimeout, BrokerUnavailable or BrokerRefused rather than return a part.
        """

    def facts(self) -> AsyncIterator[BrokerEvent]:
        """Yield what the broker says, in order; the last event is SessionLost."""

    def quotes(self) -> AsyncIterator[Sequence[Quote]]:
        """Yield batches of whole quotes, newest wins per instrument."""

    def order_wait_s(self, frames: int = 1) -> float:
        """Return the seconds until so many order frames fit into the message budget; 0 when they do now."""

    def write_order(self, frame: OrderFrame) -> None:
        """Write one placeOrder frame now, or raise and write nothing.

        Raises Backpressure, FrameRefused or BrokerUnavailable.
        """

    @property
    def takes_cancels(self) -> bool:
        """Tell whether a cancel written in this tick would go out."""

    def write_cancel(self, ib_order_id: int) -> None:
        """Write one cancelOrder frame now. Raises Backpressure or BrokerUnavailable."""

    def write_global_cancel(self) -> None:
        """Ask the broker to cancel everything in the account, TWS included."""

    async def current_time(self) -> datetime:
        """Ask the time; the answer is the heartbeat. Raises BrokerTimeout, BrokerUnavailable."""

    async def resolve(
        self, symbol: str, *, sec_type: str, exchange: str, currency: str
    ) -> list[InstrumentSpec]:
        """Return every contract that matches; none is an empty list.

        Raises BrokerTimeout or BrokerUnavailable.
        """

    async def candles(self, query: CandleQuery) -> list[Candle]:
        """Return candles ascending. Raises BrokerRefused (162 …), BrokerTimeout, BrokerUnavailable."""

    def subscribe(self, instrument: InstrumentSpec) -> None:
        """Open one market-data line for the instrument; a second call changes nothing."""

    def unsubscribe(self, ib_con_id: int) -> None:
        """Give the line back; unknown ids are ignored."""

    def ticker_refusal(self, ib_con_id: int) -> tuple[int, str] | None:
        """Return IB's code and text if it refused the line of this instrument."""

    @property
    def is_alive(self) -> bool:
        """Tell whether the socket is open as far as we know."""

    async def close(self, reason: str) -> None:
        """End the session; harmless when it is over."""


def decimal_of(text: str) -> Decimal | None:
    """Return the number in an account value's text, None where it is words."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None
