"""A real simulator on the test's own loop, and real clients for it."""

from __future__ import annotations

import asyncio

# ib_insync asks for a loop while it is imported; the tests run on loops of their own.
_loop_for_import = asyncio.new_event_loop()
asyncio.set_event_loop(_loop_for_import)

from collections.abc import AsyncIterator, Awaitable, Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import ib_insync  # noqa: E402
import pytest  # noqa: E402

from apps.simulator.clock import Clock, WallClock  # noqa: E402
from apps.simulator.config import SimulatorConfig  # noqa: E402
from apps.simulator.control import ask_async  # noqa: E402
from apps.simulator.instruments.universe import BY_SYMBOL  # noqa: E402
from apps.simulator.server import SimulatorServer  # noqa: E402
from tests.simulator.raw_client import RawClient  # noqa: E402

asyncio.set_event_loop(None)
_loop_for_import.close()

Connect = Callable[..., Awaitable[RawClient]]


@pytest.fixture
def clock() -> Clock:
    """The clock the simulator follows; a test that moves time overrides it."""
    return WallClock()


@pytest.fixture
def simulator_options() -> dict[str, Any]:
    """What a test's simulator is told beyond the ordinary; most tests ask faster than a user may."""
    return {"limits": "counts"}


@pytest.fixture
async def simulator(clock: Clock, simulator_options: dict[str, Any]) -> AsyncIterator[SimulatorServer]:
    """An ordinary day on a free port, moving fast."""
    server = SimulatorServer(
        SimulatorConfig(port=0, control_port=0, pulse_s=0.02, clock=clock, **simulator_options)
    )
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def connect(simulator: SimulatorServer) -> AsyncIterator[Connect]:
    """Open raw clients; they are closed at the end of the test."""
    clients: list[RawClient] = []

    async def open_client(**options: int) -> RawClient:
        client = await RawClient.open(simulator.port, **options)
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        await client.close()


@pytest.fixture
async def raw(connect: Connect) -> RawClient:
    """A client at 176 that has been greeted."""
    client = await connect()
    await client.settle()
    return client


@pytest.fixture
async def ib(simulator: SimulatorServer) -> AsyncIterator[ib_insync.IB]:
    """An unmodified ib_insync, connected and synchronized."""
    client = ib_insync.IB()
    client.RequestTimeout = 5
    await client.connectAsync("127.0.0.1", simulator.port, clientId=7, timeout=4)
    yield client
    client.disconnect()


@pytest.fixture
async def life(clock: Clock, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[SimulatorServer]]]:
    """Run one life of a simulator after the other on the same directory."""
    running: list[SimulatorServer] = []

    async def begin() -> SimulatorServer:
        for server in running:
            await server.stop()
        server = SimulatorServer(SimulatorConfig(port=0, clock=clock, pulse_s=0.01, state=tmp_path))
        await server.start()
        running[:] = [server]
        return server

    yield begin
    for server in running:
        await server.stop()


async def client_of(server: SimulatorServer) -> RawClient:
    """Return a client that has been greeted."""
    client = await RawClient.open(server.port)
    await client.settle()
    return client


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Wait until something is true, and fail if it does not become so in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  what is waited for sets no event
            await asyncio.sleep(0.005)


@pytest.fixture
def throw(simulator: SimulatorServer) -> Callable[..., Awaitable[dict]]:
    """Throw a fault switch over the control port."""

    async def over_http(name: str, **arguments: object) -> dict:
        return await ask_async(simulator.control_port, "fault", name=name, **arguments)

    return over_http


@pytest.fixture
def hold_price(simulator: SimulatorServer) -> Callable[[str, float], None]:
    """Set a price and keep it there."""

    def hold(symbol: str, price: float) -> None:
        instrument = BY_SYMBOL[symbol]
        simulator.venue.set_price(instrument, instrument.points(price), hold=True)

    return hold
