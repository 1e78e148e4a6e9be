"""The flood of ticks: how many come, what they say, and what the switches make of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.control import ControlError, ask_async
from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.server import SimulatorServer
from tests.simulator.raw_client import Frame, RawClient, contract

SYMBOLS = ("AAPL", "MSFT", "SPY")
BID, ASK, LAST = "1", "2", "4"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 18, 15, 0, tzinfo=UTC))


@pytest.fixture
async def simulator(clock):
    """A simulator whose time moves only by hand, and whose pulse does too."""
    server = SimulatorServer(SimulatorConfig(port=0, control_port=0, pulse_s=3600, clock=clock))
    await server.start()
    yield server
    await server.stop()


async def subscribe(client: RawClient, symbols: tuple[str, ...] = SYMBOLS) -> None:
    for request_id, symbol in enumerate(symbols, 1):
        client.send(1, 11, request_id, *contract(symbol), 0, "", 0, 0, "")
    await client.settle()


async def flood(simulator: SimulatorServer, client: RawClient, *, seconds: float = 1.0) -> list[Frame]:
    """Move the clock under a flood and return its ticks, without the truth that follows."""
    simulator._bursts.pulse(simulator.venue.clock.epoch(), ticks_per_s=0, sessions=[])
    for _ in range(round(seconds * 10)):
        simulator.venue.clock.advance(0.1)
        simulator._pulse_bursts(simulator.venue.clock.epoch())
    return await client.settle()


class TestBurst:
    async def test_gives_each_client_the_ticks_it_was_asked_for(self, simulator, connect):
        simulator.venue.faults.switch("burst", {"ticks_per_s": 600})
        clients = [await connect(client_id=one) for one in (1, 2)]
        for client in clients:
            await subscribe(client)

        first = await flood(simulator, clients[0])
        second = await clients[1].settle()

        assert 590 <= len(first) <= 610
        assert first == second

    async def test_tells_a_moving_quote_that_never_crosses(self, simulator, connect):
        client = await connect()
        simulator.venue.faults.switch("burst", {"ticks_per_s": 600})
        await subscribe(client, ("AAPL",))

        ticks = await flood(simulator, client, seconds=3)

        prices = [one for one in ticks if one[0] == "1"]
        told = {side: [float(one[4]) for one in prices if one[3] == side] for side in (BID, ASK, LAST)}
        assert all(bid < ask for bid, ask in zip(told[BID], told[ASK], strict=False))
        assert len(set(told[BID])) > 3
        assert len({one[5] for one in prices}) > 3

    async def test_follows_each_price_by_its_size(self, simulator, connect):
        client = await connect()
        simulator.venue.faults.switch("burst", {"ticks_per_s": 600})
        await subscribe(client)

        ticks = await flood(simulator, client)

        size_of = {BID: "0", ASK: "3", LAST: "5"}
        for price, size in zip(ticks[::2], ticks[1::2], strict=True):
            assert size == ["2", "6", price[2], size_of[price[3]], price[5]]

    async def test_is_the_same_twice(self, connect):
        floods = []
        for _ in range(2):
            clock = ManualClock(datetime(2026, 11, 18, 15, 0, tzinfo=UTC))
            server = SimulatorServer(SimulatorConfig(port=0, pulse_s=3600, clock=clock))
            await server.start()
            client = await RawClient.open(server.port)
            await subscribe(client)
            server.venue.faults.switch("burst", {"ticks_per_s": 900})
            floods.append(await flood(server, client))
            await client.close()
            await server.stop()

        assert floods[0] == floods[1]
        assert len(floods[0]) > 800

    async def test_ends_with_the_true_quote(self, simulator, connect):
        client = await connect()
        await subscribe(client, ("AAPL",))
        simulator.venue.faults.switch("burst", {"ticks_per_s": 600})
        await flood(simulator, client)

        simulator.venue.faults.switch("burst", {"ticks_per_s": 0})
        simulator.pulse()
        truth = {one[3]: float(one[4]) for one in await client.settle() if one[0] == "1"}

        market, now = simulator.venue.market, simulator.venue.clock.epoch()
        quote = market.quote(BY_SYMBOL["AAPL"], now)
        assert truth[BID] == pytest.approx(quote.bid / 100)
        assert truth[ASK] == pytest.approx(quote.ask / 100)
        assert truth[LAST] == pytest.approx(quote.last / 100)

    async def test_keeps_what_is_withheld_back(self, simulator, connect):
        client = await connect()
        await subscribe(client)
        simulator.venue.faults.switch("burst", {"ticks_per_s": 600})
        simulator.venue.faults.switch("withhold", {"messages": [2]})

        ticks = await flood(simulator, client)

        assert {one[0] for one in ticks} == {"1"}

    async def test_is_silent_about_a_halted_instrument(self, simulator, connect):
        client = await connect()
        await subscribe(client)
        simulator.venue.faults.switch("burst", {"ticks_per_s": 600})
        simulator.halt_symbol("AAPL", is_halted=True)

        ticks = await flood(simulator, client)

        assert {one[2] for one in ticks} == {"2", "3"}

    async def test_refuses_a_rate_nobody_can_mean(self, simulator):
        with pytest.raises(ControlError, match="ticks_per_s"):
            await ask_async(simulator.control_port, "fault", name="burst", ticks_per_s=-1)


class TestRealTime:
    async def test_comes_between_two_pulses(self, connect, simulator):
        server = SimulatorServer(SimulatorConfig(port=0, pulse_s=0.05))
        await server.start()
        client = await RawClient.open(server.port)
        await subscribe(client)
        server.venue.faults.switch("burst", {"ticks_per_s": 5000})

        for _ in range(1000):
            await client.until(1)

        await client.close()
        await server.stop()
