"""What moves the venue's time: the machine, faster than it, or a hand; and that nothing is skipped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from apps.simulator.agenda import Agenda
from apps.simulator.clock import AcceleratedClock, ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.control import ControlError, ask_async
from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.server import SimulatorServer
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, contract, place_order

OPENING = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@pytest.fixture
def agenda():
    return Agenda(ManualClock(OPENING))


class TestAgenda:
    def test_does_what_is_due_in_the_order_of_time_and_of_entry(self, agenda):
        done = []
        for seconds, name in ((2, "c"), (1, "a"), (1, "b"), (3, "d")):
            agenda.after(seconds, lambda name=name: done.append(name))
        agenda._clock.advance(2)
        agenda.run_due()

        assert done == ["a", "b", "c"]
        assert agenda.next_at == OPENING.timestamp() + 3

    def test_forgets_what_is_called_off(self, agenda):
        done = []
        agenda.after(1, lambda: done.append("no")).call_off()
        agenda._clock.advance(5)
        agenda.run_due()

        assert (done, agenda.next_at) == ([], None)

    def test_a_deed_that_fails_takes_no_other_with_it(self, agenda):
        done = []
        agenda.after(1, lambda: 1 / 0)
        agenda.after(1, lambda: done.append("yes"))
        agenda._clock.advance(1)
        agenda.run_due()

        assert done == ["yes"]

    def test_a_deed_may_enter_another(self, agenda):
        done = []
        agenda.after(1, lambda: agenda.after(0, lambda: done.append("second")))
        agenda._clock.advance(1)
        agenda.run_due()

        assert done == ["second"]


class TestSteppedClock:
    @pytest.fixture
    def clock(self):
        return ManualClock(OPENING)

    async def test_stands_still_until_it_is_moved(self, simulator, raw):
        first = (await raw.ask(49, 49, 1))[2]
        await simulator.pacemaker.advance(90)
        second = (await raw.ask(49, 49, 1))[2]

        assert int(first) == OPENING.timestamp()
        assert int(second) - int(first) == 90

    async def test_every_bar_on_the_way_is_told(self, simulator, raw):
        raw.send(50, 3, 21, *contract("AAPL"), 5, "TRADES", 0, "")
        await raw.settle()
        await simulator.pacemaker.advance(60)
        bars = [int(one[3]) for one in await raw.settle() if one[0] == "50"]

        assert len(bars) >= 11
        assert {later - earlier for earlier, later in pairwise(bars)} == {5}

    async def test_a_stop_in_the_middle_of_the_way_is_not_jumped_over(self, simulator, raw):
        await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=200, hold=True)
        raw.send(*place_order(176, 1, action="SELL", quantity=1, kind="STP", stop=150))
        await raw.until(3)

        def plunge():
            simulator.venue.agenda.after(1, lambda: set_price(160))
            set_price(140)

        def set_price(dollars):
            instrument = BY_SYMBOL["AAPL"]
            simulator.venue.set_price(instrument, instrument.points(dollars), hold=True)

        simulator.venue.agenda.after(10, plunge)
        await simulator.pacemaker.advance(3600, step_s=60)
        fill = await raw.until(11)

        assert 139 < float(fill[20]) < 141

    async def test_is_moved_over_the_control_port(self, simulator):
        before = (await ask_async(simulator.control_port, "clock"))["epoch"]
        after = await ask_async(simulator.control_port, "advance", seconds=3.5)

        assert after["epoch"] - before == 3.5
        assert after["clock"].startswith("20261120 09:30:03")

    @pytest.mark.parametrize(
        "arguments", [{}, {"seconds": -1}, {"seconds": "1"}, {"seconds": True}, {"seconds": 1, "step_s": 0}]
    )
    async def test_says_what_is_wrong_with_a_move(self, simulator, arguments):
        with pytest.raises(ControlError, match=r"second|step_s|forward"):
            await ask_async(simulator.control_port, "advance", **arguments)


class TestRealClock:
    async def test_is_not_moved_by_hand(self, simulator):
        with pytest.raises(ControlError, match="stepped"):
            await ask_async(simulator.control_port, "advance", seconds=1)

    async def test_sees_to_appointments_between_two_pulses(self):
        server = SimulatorServer(SimulatorConfig(port=0, pulse_s=30.0))
        await server.start()
        done = asyncio.Event()
        await asyncio.sleep(0)
        server.venue.agenda.after(0.01, done.set)
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        await server.stop()


class TestAcceleratedClock:
    @pytest.fixture
    def clock(self):
        return AcceleratedClock(OPENING, speed=600)

    @pytest.fixture
    async def simulator(self, clock):
        server = SimulatorServer(SimulatorConfig(port=0, control_port=0, clock=clock))
        await server.start()
        yield server
        await server.stop()

    async def test_bars_come_faster_and_none_is_missing(self, raw):
        raw.send(50, 3, 21, *contract("AAPL"), 5, "TRADES", 0, "")
        bars = [int((await raw.until(50))[3]) for _ in range(24)]

        assert bars == list(range(bars[0], bars[0] + 120, 5))

    async def test_orders_work_in_the_time_of_the_venue(self, simulator, raw):
        await ask_async(simulator.control_port, "set_price", symbol="F", price=10, hold=True)
        raw.send(*place_order(176, 1, "F", quantity=20_000))
        fills = []
        while sum(float(one[19]) for one in fills) < 20_000:
            fills.append(await raw.until(11))
        times = [one[15] for one in fills]

        assert len(fills) > 3
        assert times == sorted(times)
        assert times[0] != times[-1]

    async def test_every_pulse_of_the_venue_is_on_the_grid(self, simulator):
        seen = set()
        pulse = simulator.pulse
        simulator.pulse = lambda: (seen.add(simulator.venue.clock.epoch()), pulse())
        await until(lambda: len(seen) > 100)
        times = sorted(seen)

        assert {round(later - earlier, 6) for earlier, later in pairwise(times)} == {0.25}

    async def test_tells_its_speed_and_its_lag(self, simulator):
        told = await ask_async(simulator.control_port, "clock")

        assert told["speed"] == 600
        assert told["lag_s"] >= 0
