"""Sessions over real sockets, closed after each test, and the values they trade."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest

from apps.broker.ib.session import IbSession
from apps.broker.port import BrokerSession, ConnectionSettings
from apps.domain.events import BrokerEvent, OrderFrame
from apps.domain.instruments import InstrumentSpec
from apps.domain.orders import OrderType, Side
from apps.domain.quotes import MarketDataType
from tests.broker.peer import Peer


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer() as listening:
        yield listening


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., IbSession]]:
    """Make sessions that end with the test."""
    async with AsyncExitStack() as stack:

        def make(port: int, **changed: float) -> IbSession:
            limits = {"connect_timeout_s": 2.0, "list_timeout_s": 2.0, **changed}
            session = IbSession(ConnectionSettings("127.0.0.1", port, 7, MarketDataType.LIVE, **limits))
            stack.push_async_callback(session.close, "end of the test")
            return session

        yield make


@pytest.fixture
async def session(peer: Peer, dial: Callable[..., IbSession]) -> IbSession:
    """A session that is signed in at the peer."""
    signed_in = dial(peer.port)
    await signed_in.connect()
    await peer.until(lambda: bool(peer.of_kind("92")))
    return signed_in


class Heard:
    """Everything a session says, and a way to wait for it."""

    def __init__(self, session: BrokerSession) -> None:
        self.events: list[BrokerEvent] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._listen(session), name="listener of the test")

    async def until(self, condition: Callable[[list[BrokerEvent]], bool], *, limit_s: float = 5.0) -> None:
        async with asyncio.timeout(limit_s):
            while not condition(self.events):
                self._changed.clear()
                await self._changed.wait()

    async def end(self) -> list[BrokerEvent]:
        async with asyncio.timeout(5):
            await self._task
        return self.events

    def of(self, kind: type) -> list[BrokerEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    async def _listen(self, session: BrokerSession) -> None:
        async for event in session.facts():
            self.events.append(event)
            self._changed.set()


def order_frame(ib_order_id: int = 5, **changed: object) -> OrderFrame:
    """Return a limit order for ten shares."""
    values: dict[str, object] = {
        "order_ref": "jb:HUDYBLC4P7SKU7J4TPI2D3IAPR",
        "account": "DU1234567",
        "ib_con_id": 265598,
        "symbol": "AAPL",
        "sec_type": "STK",
        "exchange": "SMART",
        "currency": "USD",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "quantity": Decimal(10),
        "limit_price": Decimal("215.50"),
        "stop_price": None,
        "time_in_force": "DAY",
        "outside_rth": False,
        **changed,
    }
    return OrderFrame(ib_order_id=ib_order_id, **values)


def apple(ib_con_id: int = 265598) -> InstrumentSpec:
    """Return Apple as the broker resolves it."""
    return InstrumentSpec(
        ib_con_id=ib_con_id,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        primary_exchange="NASDAQ",
        currency="USD",
        local_symbol="AAPL",
        trading_class="NMS",
        name="APPLE INC",
        multiplier="",
        min_tick=Decimal("0.01"),
        lot_size=Decimal(1),
        time_zone="US/Eastern",
        trading_hours="",
        liquid_hours="",
    )
