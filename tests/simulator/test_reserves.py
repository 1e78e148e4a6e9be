"""The sum of what working orders may come to need: always that of adding them up anew."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.exchange.exposure import Exposure
from apps.simulator.server import SimulatorServer
from tests.simulator.raw_client import RawClient, place_order

SYMBOLS = ("F", "T", "AAPL")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 18, 15, 0, tzinfo=UTC))


@pytest.fixture
async def simulator(clock):
    server = SimulatorServer(SimulatorConfig(port=0, clock=clock, pulse_s=3600, limits="none"))
    await server.start()
    yield server
    await server.stop()


def added_up(exposure: Exposure) -> float:
    orders = exposure._state.book.open_orders()
    return sum(exposure._reserve(one) for one in orders if one.transmit)


def some_order(random: Random, order_id: int) -> list[object]:
    """Return an order that fills, rests near the market or far from it, waits, or belongs to another."""
    kind = random.choice(("MKT", "LMT", "LMT", "STP"))
    price = random.choice((1, 5, 11, 40, 500))
    return place_order(
        176,
        order_id,
        random.choice(SYMBOLS),
        action=random.choice(("BUY", "SELL")),
        quantity=random.randrange(1, 300),
        kind=kind,
        limit=price if kind == "LMT" else "",
        stop=price if kind == "STP" else "",
        transmit=random.randrange(5) > 0,
        parent=random.randrange(max(1, order_id - 3), order_id)
        if order_id > 3 and random.random() < 0.2
        else 0,
        tif=random.choice(("DAY", "GTC")),
    )


class TestReserves:
    @pytest.mark.parametrize("seed", range(4))
    async def test_follow_every_order_fill_change_and_cancel(self, simulator, clock, raw: RawClient, seed):
        random = Random(seed)
        exposure = simulator.venue.exchange._exposure
        most = 0.0

        for order_id in range(1, 61):
            raw.send(*some_order(random, order_id))
            if random.random() < 0.3:
                raw.send(*some_order(random, random.randrange(1, order_id + 1)))
            if random.random() < 0.2:
                raw.send(4, 1, random.randrange(1, order_id + 1), "")
            await raw.settle()
            clock.advance(random.choice((0, 1, 60)))
            simulator.pulse()

            wanted = added_up(exposure)
            assert exposure._reserves.total() == pytest.approx(wanted, abs=1e-6)
            most = max(most, wanted)

        assert most > 0

    async def test_leave_out_the_order_that_is_replaced(self, simulator, raw: RawClient):
        raw.send(*place_order(176, 1, "F", quantity=100, kind="LMT", limit=1))
        raw.send(*place_order(176, 2, "F", quantity=100, kind="LMT", limit=2))
        await raw.settle()
        exposure, book = simulator.venue.exchange._exposure, simulator.venue.state.book

        whole, less = exposure._reserves.total(), exposure._reserves.total(without=book.find(1, 2))

        assert less == pytest.approx(whole / 3)
