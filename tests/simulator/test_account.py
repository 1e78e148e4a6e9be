"""The account's books: costs, profit, margin, and the days they belong to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.exchange.ledger import Ledger
from apps.simulator.exchange.orders import Status
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.instruments.values import commission_for
from apps.simulator.server import SimulatorServer
from tests.simulator.conftest import until
from tests.simulator.raw_client import RawClient, place_order

APPLE = 265598


class TestLedger:
    def test_cost_includes_the_commission(self):
        ledger = Ledger(cash=10_000)
        realized = ledger.book(APPLE, shares=10, price=100, commission=1)

        assert realized is None
        assert ledger.position(APPLE).average_cost == 100.1
        assert ledger.cash == 8_999

    def test_a_sale_realizes_after_both_commissions(self):
        ledger = Ledger(cash=10_000)
        ledger.book(APPLE, shares=10, price=100, commission=1)

        assert ledger.book(APPLE, shares=-10, price=110, commission=1) == pytest.approx(98)
        assert ledger.position(APPLE).quantity == 0
        assert ledger.cash == 10_098

    def test_a_short_sale_can_be_bought_back(self):
        ledger = Ledger(cash=10_000)
        ledger.book(APPLE, shares=-10, price=100, commission=1)

        assert ledger.position(APPLE).average_cost == pytest.approx(99.9)
        assert ledger.book(APPLE, shares=10, price=90, commission=1) == pytest.approx(98)

    def test_a_trade_through_zero_closes_and_opens(self):
        ledger = Ledger(cash=10_000)
        ledger.book(APPLE, shares=10, price=100, commission=1)
        realized = ledger.book(APPLE, shares=-15, price=110, commission=1.5)

        assert realized == pytest.approx(98)
        assert ledger.position(APPLE).quantity == -5
        assert ledger.position(APPLE).average_cost == pytest.approx(109.9)

    def test_equity_is_always_what_was_put_in_plus_profit(self):
        random = Random(1)
        ledger = Ledger(cash=1_000_000)
        for _ in range(500):
            shares = random.choice([-1, 1]) * random.randint(1, 300)
            ledger.book(APPLE, shares=shares, price=random.uniform(50, 150), commission=random.uniform(0, 2))
            worth = ledger.worth(lambda _: 100.0)

            assert worth.equity - 1_000_000 == pytest.approx(worth.realized + worth.unrealized, abs=1e-6)
            assert worth.daily == pytest.approx(worth.equity - 1_000_000)

    @pytest.mark.parametrize(
        ("shares", "value", "commission"),
        [(100, 20_000, 1.0), (1000, 50_000, 5.0), (1, 20, 0.2), (10, 60, 0.6)],
    )
    def test_commission_has_a_floor_and_a_ceiling(self, shares, value, commission):
        assert commission_for(instrument_of(APPLE), shares, value) == pytest.approx(commission)


class TestSubscriptions:
    async def test_a_trade_reaches_positions_values_and_profit(self, raw):
        raw.send(61, 1)
        raw.send(6, 2, 1, "")
        raw.send(76, 1, 60, "DU1234567", "", 0)
        raw.send(94, 64, "DU1234567", "", APPLE)
        await raw.until(95)
        raw.frames.clear()
        raw.send(*place_order(176, 1))
        position = await raw.until(61)
        portfolio = await raw.until(7)
        single = await raw.until(95)
        await raw.settle()

        assert float(position[14]) == 100
        assert float(portfolio[13]) == 100
        assert float(single[2]) == 100
        assert {one[0] for one in raw.frames} >= {"6", "73", "8"}

    async def test_a_closed_position_is_told_once_as_zero(self, raw):
        raw.send(61, 1)
        await raw.until(62)
        raw.send(*place_order(176, 1))
        await raw.until(61)
        raw.send(*place_order(176, 2, action="SELL"))
        closed = await raw.until(61)
        raw.frames.clear()
        raw.send(61, 1)
        await raw.until(62)

        assert float(closed[14]) == 0
        assert [one for one in raw.frames if one[0] == "61"] == []

    async def test_no_more_than_two_summaries(self, raw):
        for request_id in (1, 2, 3):
            raw.send(62, 1, request_id, "All", "NetLiquidation")

        assert (await raw.error(322))[2] == "3"

    async def test_cancelled_streams_are_gone(self, raw, simulator):
        raw.send(61, 1)
        raw.send(62, 1, 5, "All", "NetLiquidation")
        raw.send(76, 1, 6, "", "", 1)
        raw.send(92, 7, "", "")
        raw.send(94, 8, "", "", APPLE)
        raw.send(74, 1, 9, "", "")
        raw.send(6, 2, 1, "")
        await raw.settle()
        assert len(simulator.sessions[1].streams) == 7
        for request in ([64, 1], [63, 1, 5], [77, 1, 6], [93, 7], [95, 8], [75, 1, 9], [6, 2, 0, ""]):
            raw.send(*request)
        await raw.settle()

        assert simulator.sessions[1].streams == {}


class TestDays:
    @pytest.fixture
    async def late(self):
        """A simulator five minutes before midnight in New York, moved by hand."""
        clock = ManualClock(datetime(2026, 11, 21, 4, 55, tzinfo=UTC))
        server = SimulatorServer(SimulatorConfig(port=0, clock=clock, pulse_s=0.01))
        await server.start()
        yield server, clock
        await server.stop()

    async def test_midnight_ends_day_orders_and_begins_a_day(self, late):
        server, clock = late
        client = await RawClient.open(server.port)
        client.send(*place_order(176, 1))
        client.send(*place_order(176, 2, kind="LMT", limit=1, tif="DAY"))
        client.send(*place_order(176, 3, kind="LMT", limit=1, tif="GTC"))
        await client.settle()
        before = server.venue.state.ledger.day
        clock.advance(timedelta(minutes=10).total_seconds())
        await until(lambda: server.venue.state.ledger.day != before)
        find = server.venue.state.book.find

        assert find(1, 2).status is Status.CANCELLED
        assert find(1, 3).status is Status.SUBMITTED
        assert server.venue.state.book.executions == []
        assert server.venue.exchange.worth().daily == pytest.approx(0, abs=0.01)
        await client.close()

    async def test_new_york_hours_hold_an_order_until_the_open(self):
        clock = ManualClock(datetime(2026, 11, 22, 15, 0, tzinfo=UTC))
        server = SimulatorServer(SimulatorConfig(port=0, clock=clock, pulse_s=0.01, hours="nyse"))
        await server.start()
        client = await RawClient.open(server.port)
        client.send(*place_order(176, 1))
        await client.error(399)
        waiting = await client.settle()
        clock.advance(timedelta(hours=23, minutes=31).total_seconds())
        fill = await client.until(11)

        assert [one for one in waiting if one[0] == "11"] == []
        assert fill[15].startswith("20261123 09:31")
        await client.close()
        await server.stop()
