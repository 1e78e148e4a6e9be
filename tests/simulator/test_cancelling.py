"""Cancels: in time, too late, before anybody heard of the order, and while the exchange is closed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.control import ask_async
from apps.simulator.server import SimulatorServer
from tests.simulator.conftest import client_of, until
from tests.simulator.raw_client import place_order

VERSION = 176


def statuses(frames, order_id=1):
    return [one[2] for one in frames if one[0] == "3" and one[1] == str(order_id)]


class TestCancel:
    async def test_of_an_order_that_was_never_transmitted_is_the_gateways_own(self, raw, simulator):
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=1, transmit=0))
        raw.send(4, 1, 1, "")

        assert statuses(await raw.settle()) == ["ApiCancelled"]
        assert list(simulator.venue.state.book.all_orders()) == []

    @pytest.mark.parametrize(("code", "words"), [(10148, "Filled"), (161, "permId"), (136, "cannot")])
    async def test_that_comes_too_late_has_the_code_of_the_policy(self, raw, simulator, code, words):
        await ask_async(simulator.control_port, "policies", late_cancel_code=code)
        raw.send(*place_order(VERSION, 1))
        await raw.until(59)
        raw.send(4, 1, 1, "")

        assert words in (await raw.error(code))[4]

    @pytest.mark.parametrize("code", [10147, 135])
    async def test_of_an_unknown_order_has_the_code_of_the_policy(self, raw, simulator, code):
        await ask_async(simulator.control_port, "policies", unknown_cancel_code=code)
        raw.send(4, 1, 99, "")

        assert (await raw.error(code))[2] == "99"

    async def test_twice_is_once(self, raw):
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=1))
        await raw.settle()
        raw.send(4, 1, 1, "")
        raw.send(4, 1, 1, "")
        told = await raw.settle()

        assert statuses(told) == ["Cancelled"]
        assert [one[3] for one in told if one[0] == "4"] == ["202", "10148"]


class TestParkedCancel:
    @pytest.fixture
    def clock(self):
        """Sunday noon in New York."""
        return ManualClock(datetime(2026, 11, 22, 17, 0, tzinfo=UTC))

    @pytest.fixture
    async def closed(self, clock):
        """A simulator whose exchange is closed, and which keeps cancels until it opens."""
        server = SimulatorServer(
            SimulatorConfig(port=0, control_port=0, clock=clock, pulse_s=0.01, hours="nyse")
        )
        await server.start()
        server.venue.policies.parks_cancels = True
        yield server
        await server.stop()

    async def test_is_carried_out_when_the_exchange_opens(self, closed, clock):
        client = await client_of(closed)
        client.send(*place_order(VERSION, 1, tif="GTC"))
        await client.settle()
        client.send(4, 1, 1, "")
        parked = await client.settle()
        clock.advance(22 * 3600)
        ended = await client.error(202)

        assert statuses(parked) == ["PendingCancel"]
        assert ended[2] == "1"
        assert [one for one in client.frames if one[0] == "11"] == []
        await client.close()

    async def test_is_forgotten_with_the_order_it_was_for(self, closed, clock):
        client = await client_of(closed)
        client.send(*place_order(VERSION, 1, kind="LMT", limit=1, tif="GTC"))
        client.send(4, 1, 1, "")
        await client.settle()
        client.send(58, 1)
        await client.error(202)
        clock.advance(22 * 3600)
        await until(lambda: closed.venue.market.is_open(clock.epoch()))

        assert statuses(await client.settle()) == []
        await client.close()
