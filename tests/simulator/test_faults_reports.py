"""What is told of orders when the telling goes wrong."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from ib_insync import MarketOrder, Stock

from apps.simulator.clock import ManualClock
from tests.simulator.conftest import until
from tests.simulator.raw_client import place_order

STRAIGHT = ["5", "3", "11", "5", "3", "5", "59"]


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))


@pytest.fixture
def buy(raw, hold_price):
    """Buy ten shares at the market and return everything told of it at once."""
    hold_price("AAPL", 200)

    async def order(order_id=1):
        raw.send(*place_order(176, order_id, quantity=10))
        return [one for one in await raw.settle() if one[0] in {"3", "5", "11", "59"}]

    return order


def kinds(frames):
    return [one[0] for one in frames]


class TestStraight:
    async def test_is_what_is_told_when_nothing_is_wrong(self, buy):
        assert kinds(await buy()) == STRAIGHT


class TestDelays:
    async def test_of_everything_keep_the_order(self, throw, raw, buy, simulator):
        await throw("delay_acks", seconds=5)
        at_once = await buy()
        await simulator.pacemaker.advance(6)

        assert at_once == []
        assert kinds(await raw.settle()) == STRAIGHT

    async def test_of_the_execution_let_the_status_come_first(self, throw, raw, buy, simulator):
        await throw("filled_before_execution", seconds=5)
        first = await buy()
        await simulator.pacemaker.advance(6)
        later = await raw.settle()

        assert [one[2] for one in first if one[0] == "3"] == ["PreSubmitted", "Filled"]
        assert {"11", "59"}.isdisjoint(kinds(first))
        assert kinds(later) == ["11", "59"]

    async def test_of_the_commission(self, throw, raw, buy, simulator):
        await throw("delay_commission", seconds=60)
        first = await buy()
        await simulator.pacemaker.advance(59)
        early = await raw.settle()
        await simulator.pacemaker.advance(2)

        assert "59" not in kinds(first + early)
        assert kinds(await raw.settle()) == ["59"]

    async def test_of_the_commission_until_somebody_asks(self, throw, raw, buy, simulator):
        await throw("commission_on_request")
        first = await buy()
        await simulator.pacemaker.advance(600, step_s=60)
        early = await raw.settle()
        raw.send(7, 3, 9, 0, *[""] * 6)

        assert "59" not in kinds(first + early)
        assert (await raw.until(59))[2] == next(one[14] for one in first if one[0] == "11")


class TestCopies:
    async def test_of_statuses(self, throw, buy):
        await throw("duplicate_status", times=3)
        frames = await buy()

        assert kinds(frames) == ["5", "3", "3", "3", "11", "5", "3", "3", "3", "5", "59"]
        assert frames[1] == frames[2] == frames[3]

    async def test_of_executions(self, throw, buy):
        await throw("duplicate_executions", times=4)
        executions = [one for one in await buy() if one[0] == "11"]

        assert len(executions) == 4
        assert len({one[14] for one in executions}) == 1

    async def test_of_everything(self, throw, buy):
        await throw("duplicate", times=2)

        assert kinds(await buy()) == [two for one in STRAIGHT for two in (one, one)]

    async def test_are_one_fill_to_ib_insync(self, throw, ib):
        await throw("duplicate")
        trade = ib.placeOrder(Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 5, tif="DAY"))
        await until(trade.isDone)

        assert trade.filled() == 5
        assert len(ib.fills()) == 1


class TestOrder:
    async def test_is_shuffled_and_always_in_the_same_way(self, throw, raw, buy, simulator):
        await throw("out_of_order", window=7, seed=3)
        first, second = await buy(1), await buy(2)

        assert sorted(kinds(first)) == sorted(STRAIGHT)
        assert kinds(first) != STRAIGHT
        assert kinds(first) == kinds(second)

    async def test_is_shuffled_in_a_window_that_does_not_wait_for_ever(self, throw, raw, buy, simulator):
        await throw("out_of_order", window=100)
        first = await buy()
        await simulator.pacemaker.advance(2)

        assert first == []
        assert sorted(kinds(await raw.settle())) == sorted(STRAIGHT)

    async def test_begins_with_the_execution(self, throw, buy):
        await throw("execution_before_ack")

        assert kinds(await buy()) == ["11", "5", "3", "5", "3", "5", "59"]

    async def test_puts_the_commission_first(self, throw, buy):
        await throw("commission_first")

        assert kinds(await buy()) == ["5", "3", "59", "11", "5", "3", "5"]

    async def test_lets_an_old_status_follow_the_last(self, throw, buy):
        await throw("stale_status")
        statuses = [one[2] for one in await buy() if one[0] == "3"]

        assert statuses == ["PreSubmitted", "Filled", "Submitted"]


class TestPermIds:
    async def test_are_nought_then_one_then_another(self, throw, raw, hold_price, simulator):
        hold_price("AAPL", 200)
        await throw("two_perm_ids")
        raw.send(*place_order(176, 1, kind="LMT", limit=190, quantity=10))
        raw.send(*place_order(176, 1, kind="LMT", limit=210, quantity=10))
        raw.send(*place_order(176, 2, quantity=10))
        frames = await raw.settle()
        told = [int(one[6]) for one in frames if one[0] == "3" and one[1] == "1"]
        executed = next(int(one[21]) for one in frames if one[0] == "11" and one[2] == "1")
        others = {one[6] for one in frames if one[0] == "3" and one[1] == "2"}

        assert told[0] == 0
        assert len(set(told)) == 3
        assert executed == told[-1]
        assert len(others) == 1

    async def test_stay_apart_after_the_switch_is_spent(self, throw, raw, buy):
        await throw("two_perm_ids", count=1)
        first, second = await buy(1), await buy(2)

        assert {one[6] for one in first if one[0] == "3"} != {"0"}
        assert "0" not in {one[6] for one in second if one[0] == "3"}


class TestStrangers:
    async def test_a_completed_order_comes_unasked(self, throw, raw, buy):
        assert await throw("unsolicited_completed") == {"clients": 1}
        invented = await raw.until(101)
        await buy()
        await throw("unsolicited_completed")
        real = await raw.until(101)

        assert (invented[2], real[2]) == ("AAPL", "AAPL")
        assert "Filled" in real

    async def test_ib_insync_survives_it(self, throw, ib, caplog):
        with caplog.at_level(logging.CRITICAL):
            await throw("unsolicited_completed")

        assert (await ib.reqCurrentTimeAsync()).year == 2026

    async def test_a_foreign_order_has_any_id(self, throw, raw):
        await throw("foreign_order", order_id=2_000_000_000, client_id=12)
        terms, status = await raw.settle()

        assert (terms[:2], status[:3]) == (["5", "2000000000"], ["3", "2000000000", "Submitted"])
        assert status[9] == "12"

    async def test_a_foreign_order_drives_the_ids_of_ib_insync_up(self, throw, ib):
        await throw("foreign_order", order_id=2_000_000_000, client_id=7)
        await ib.reqCurrentTimeAsync()

        assert ib.client.getReqId() > 2_000_000_000


class TestAmendments:
    async def test_a_correction_bears_the_next_revision(self, throw, raw, buy, simulator):
        await throw("correct_fills", seconds=5, points=3)
        first = next(one for one in await buy() if one[0] == "11")
        await simulator.pacemaker.advance(4)
        early = await raw.settle()
        await simulator.pacemaker.advance(2)
        second = next(one for one in await raw.settle() if one[0] == "11")

        assert early == []
        assert (first[14][-3:], second[14][-3:]) == (".01", ".02")
        assert first[14][:-3] == second[14][:-3]
        assert float(second[20]) - float(first[20]) == pytest.approx(0.03)

    async def test_a_correction_is_two_fills_to_ib_insync(self, throw, ib, simulator):
        await throw("correct_fills", seconds=5)
        trade = ib.placeOrder(Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 5, tif="DAY"))
        await until(trade.isDone)
        await simulator.pacemaker.advance(6)
        await until(lambda: len(ib.fills()) == 2)

        assert trade.filled() == 10

    async def test_a_bust_takes_the_trade_away(self, throw, raw, buy, simulator):
        await throw("bust_fills", seconds=5)
        await buy()
        held = simulator.venue.state.ledger.position(265598).quantity
        await simulator.pacemaker.advance(6)

        assert held == 10
        assert simulator.venue.state.ledger.position(265598).quantity == 0
        assert simulator.venue.state.book.executions == []
