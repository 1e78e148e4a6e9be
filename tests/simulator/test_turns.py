"""Many clients at once: nobody waits for all that another has asked, and what is said stays in order."""

from __future__ import annotations

from apps.simulator.config import SimulatorConfig
from apps.simulator.server import SimulatorServer
from tests.simulator.raw_client import RawClient, place_order


class TestTurns:
    async def test_a_client_is_answered_in_the_middle_of_the_requests_of_another(self):
        server = SimulatorServer(SimulatorConfig(port=0, pulse_s=3600, limits="none"))
        await server.start()
        busy = await RawClient.open(server.port, client_id=1)
        other = await RawClient.open(server.port, client_id=2)
        for order_id in range(1, 301):
            busy.send(*place_order(176, order_id, kind="LMT", limit=1))

        await other.ask(49, 49, 1)
        placed = len(server.venue.state.book.open_orders())

        await busy.close()
        await other.close()
        await server.stop()
        assert placed < 300

    async def test_what_one_turn_says_keeps_its_order(self):
        server = SimulatorServer(SimulatorConfig(port=0, pulse_s=3600, limits="none"))
        await server.start()
        client = await RawClient.open(server.port)
        await client.settle()

        for order_id in range(1, 51):
            client.send(*place_order(176, order_id, kind="LMT", limit=1, tif="GTC"))
        frames = await client.settle()

        await client.close()
        await server.stop()
        told = [int(one[1]) for one in frames if one[0] in ("3", "5")]
        assert told == sorted(told)
        assert set(told) == set(range(1, 51))
