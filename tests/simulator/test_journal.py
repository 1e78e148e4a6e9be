"""The journal: what it keeps, in which order, and what leaves it when a day turns."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.exchange.journal import Journal
from apps.simulator.server import SimulatorServer
from tests.simulator.raw_client import RawClient, place_order


@pytest.fixture
def journal(tmp_path):
    kept = Journal(tmp_path / "state.db")
    yield kept
    kept.close()


class TestJournal:
    def test_keeps_documents_in_the_order_of_their_first_writing(self, journal):
        journal.write([("orders", "2", {"n": 1}), ("orders", "1", {"n": 2})])

        journal.write([("orders", "2", {"n": 3})])

        assert list(journal.read("orders").items()) == [("2", {"n": 3}), ("1", {"n": 2})]

    def test_drops_what_is_gone(self, journal):
        journal.write([("orders", "1", {}), ("orders", "2", {})])

        journal.write([("orders", "3", {})], gone=[("orders", "1")])

        assert list(journal.read("orders")) == ["2", "3"]

    def test_keeps_nothing_without_a_file(self):
        journal = Journal(None)

        journal.write([("orders", "1", {})])

        assert not journal.is_kept
        assert journal.read("orders") == {}


class TestDayTurn:
    async def test_drops_what_ended_yesterday(self, tmp_path):
        clock = ManualClock(datetime(2026, 11, 18, 20, 0, tzinfo=UTC))
        state = tmp_path / "state.db"
        server = SimulatorServer(SimulatorConfig(port=0, state=state, clock=clock, pulse_s=3600))
        await server.start()
        client = await RawClient.open(server.port)
        client.send(*place_order(176, 1, "F", quantity=1))
        client.send(*place_order(176, 2, kind="LMT", limit=1, tif="GTC"))
        await client.settle()

        clock.advance(86_400)
        server.pulse()
        await client.close()
        await server.stop()
        journal = Journal(state)
        orders, executions = journal.read("orders"), journal.read("executions")
        journal.close()

        assert [one["order_id"] for one in orders.values()] == [2]
        assert executions == {}
