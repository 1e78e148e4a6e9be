"""What a state file brings over a restart, what it must not, and that it does not grow without end."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from apps.simulator.clock import ManualClock
from tests.simulator.conftest import client_of
from tests.simulator.raw_client import place_order

VERSION = 176
DAY_S = timedelta(days=1).total_seconds()


@pytest.fixture
def clock():
    """Tuesday noon in New York."""
    return ManualClock(datetime(2026, 11, 24, 17, 0, tzinfo=UTC))


def rows(tmp_path):
    """Return how many rows each table of the state file has."""
    with contextlib.closing(sqlite3.connect(tmp_path / "simulator.db")) as database:
        counts = database.execute(
            "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM executions),"
            " (SELECT count(*) FROM positions)"
        ).fetchone()
    return dict(zip(("orders", "executions", "positions"), counts, strict=True))


class TestRestart:
    async def test_keeps_what_the_venue_knew_and_loses_what_only_the_gateway_did(self, life):
        first = await life()
        client = await client_of(first)
        client.send(*place_order(VERSION, 1, quantity=50))
        client.send(*place_order(VERSION, 2, kind="LMT", limit=1, tif="GTC", ref="gtc"))
        client.send(*place_order(VERSION, 3, kind="LMT", limit=1, tif="DAY", ref="day"))
        client.send(*place_order(VERSION, 4, kind="LMT", limit=1, tif="GTC", transmit=0, ref="waiting"))
        await client.settle()
        await client.close()
        before = first.venue.state

        state = (await life()).venue.state

        assert [one.order_ref for one in state.book.open_orders()] == ["gtc", "day"]
        assert state.ledger.cash == before.ledger.cash
        assert state.ledger.position(265598) == before.ledger.position(265598)
        assert state.book.executions == before.book.executions
        assert state.book.next_order_id() == 5
        assert state.next_perm_id() > max(one.perm_id for one in before.book.all_orders())

    async def test_after_the_night_day_orders_are_gone(self, life, clock):
        first = await life()
        client = await client_of(first)
        client.send(*place_order(VERSION, 1, kind="LMT", limit=1, tif="GTC", ref="gtc"))
        client.send(*place_order(VERSION, 2, kind="LMT", limit=1, tif="DAY", ref="day"))
        await client.settle()
        await client.close()
        clock.advance(2 * DAY_S)

        state = (await life()).venue.state

        assert [one.order_ref for one in state.book.open_orders()] == ["gtc"]

    async def test_a_bracket_that_was_never_transmitted_leaves_nothing(self, life):
        first = await life()
        client = await client_of(first)
        client.send(*place_order(VERSION, 1, kind="LMT", limit=1, tif="GTC", transmit=0))
        client.send(*place_order(VERSION, 2, action="SELL", kind="LMT", limit=9, parent=1, transmit=0))
        await client.settle()
        await client.close()

        state = (await life()).venue.state

        assert list(state.book.all_orders()) == []
        assert state.book.next_order_id() == 3

    async def test_a_manual_order_is_still_nobodys(self, life):
        from apps.simulator.control.order_commands import manual_order

        first = await life()
        typed = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "type": "LMT", "limit": 1, "tif": "GTC"}
        manual_order(first, typed)

        client = await client_of(await life())
        await client.ask(53, 16, 1)

        assert [one[1] for one in client.frames if one[0] == "5"] == ["0"]
        await client.close()


class TestStateFile:
    async def test_lets_go_of_past_days(self, life, clock, tmp_path):
        server = await life()
        for order_id in range(1, 41, 2):
            client = await client_of(server)
            client.send(*place_order(VERSION, order_id, quantity=5))
            client.send(*place_order(VERSION, order_id + 1, action="SELL", quantity=5))
            await client.settle()
            await client.close()
            clock.advance(DAY_S)
            server.pulse()

        server = await life()
        await server.stop()
        assert rows(tmp_path) == {"orders": 0, "executions": 0, "positions": 0}

    async def test_written_before_is_cleaned_when_it_is_opened(self, life, clock, tmp_path):
        first = await life()
        client = await client_of(first)
        client.send(*place_order(VERSION, 1, quantity=5))
        await client.settle()
        await client.close()
        await first.stop()
        before = rows(tmp_path)
        clock.advance(2 * DAY_S)

        await (await life()).stop()

        assert before == {"orders": 1, "executions": 1, "positions": 1}
        assert rows(tmp_path) == {"orders": 0, "executions": 0, "positions": 1}

    async def test_holds_a_correction_in_the_place_of_the_fill(self, life):
        first = await life()
        client = await client_of(first)
        client.send(*place_order(VERSION, 1, quantity=5))
        client.send(*place_order(VERSION, 2, quantity=6))
        await client.settle()
        await client.close()
        exec_id = first.venue.state.book.executions[0].exec_id
        first.venue.exchange.back_office.correct(exec_id, price=100.0, shares=None)
        first.venue.exchange.back_office.bust(first.venue.state.book.executions[1].exec_id)

        state = (await life()).venue.state

        assert [(one.exec_id[-3:], one.price) for one in state.book.executions] == [(".02", 100.0)]
        assert state.ledger.position(265598).quantity == 5
