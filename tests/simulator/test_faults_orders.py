"""Order requests that go wrong, and what the client hears of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ib_insync import LimitOrder, Stock

from apps.simulator.clock import ManualClock
from tests.simulator.conftest import until
from tests.simulator.raw_client import place_order


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))


@pytest.fixture
async def resting(raw, hold_price):
    """Order 1 of 10 shares, working far below the market."""
    hold_price("AAPL", 200)
    raw.send(*place_order(176, 1, kind="LMT", limit=190, quantity=10, ref="mine"))
    await raw.settle()


@pytest.fixture
def orders(simulator):
    """Return the orders of the venue, oldest first."""
    return lambda: list(simulator.venue.state.book.all_orders())


def brief(frames):
    """Return message id and what tells most of it: the status, the code, the shares."""
    places = {"3": 2, "4": 3, "11": 19}
    return [(one[0], one[places[one[0]]]) for one in frames if one[0] in places]


class TestVanished:
    async def test_orders_never_were(self, throw, raw, orders):
        await throw("eat_order", count=2)
        for order_id in (1, 2, 3):
            raw.send(*place_order(176, order_id, quantity=10))
        frames = await raw.settle()

        assert [one.order_id for one in orders()] == [3]
        assert {one[2] for one in frames if one[0] == "11"} == {"3"}

    async def test_cancels_change_nothing(self, throw, raw, resting, orders):
        await throw("eat_cancel")
        raw.send(4, 1, 1, "")
        first = await raw.settle()
        raw.send(4, 1, 1, "")

        assert first == []
        assert brief(await raw.settle()) == [("3", "Cancelled"), ("4", "202")]


class TestHeldFills:
    async def test_come_when_they_are_released(self, throw, raw):
        await throw("hold_fills")
        raw.send(*place_order(176, 1, quantity=10))
        held = brief(await raw.settle())
        await throw("release_fills")

        assert held[-1] == ("3", "Submitted")
        assert (await raw.until(11))[2] == "1"


class TestRejections:
    @pytest.mark.parametrize(
        ("told", "heard"),
        [
            ("error", [("4", "201")]),
            ("status_then_error", [("3", "Inactive"), ("4", "201")]),
            ("error_then_status", [("4", "201"), ("3", "Inactive")]),
        ],
    )
    async def test_come_before_or_after_the_status_or_alone(self, throw, raw, orders, told, heard):
        await throw("reject_orders", told=told, text="no", count=1)
        raw.send(*place_order(176, 1, quantity=10))
        frames = await raw.settle()
        raw.send(*place_order(176, 2, quantity=10))
        after = await raw.settle()

        assert brief(frames)[-len(heard) :] == heard
        assert next(one[4] for one in frames if one[0] == "4") == "no"
        assert [one.filled for one in orders() if one.order_id == 1] in ([], [0.0])
        assert ("11", "10") in brief(after)

    async def test_spend_the_id_of_the_order(self, throw, raw):
        await throw("reject_orders", told="error", count=1)
        raw.send(*place_order(176, 1))
        raw.send(*place_order(176, 1))

        assert brief(await raw.settle()) == [("4", "201"), ("4", "103")]

    async def test_come_at_random_and_always_the_same(self, throw, raw, simulator):
        await throw("reject_orders", told="error", chance=0.3, seed=5)
        for order_id in range(1, 61):
            raw.send(*place_order(176, order_id, kind="LMT", limit=1, quantity=1))
        first = {one[2] for one in await raw.settle() if one[0] == "4"}
        simulator.venue.exchange.cancel_all()
        simulator.venue.exchange.begin_order_ids_anew()
        await raw.settle()
        for order_id in range(1, 61):
            raw.send(*place_order(176, order_id, kind="LMT", limit=1, quantity=1))
        second = {one[2] for one in await raw.settle() if one[0] == "4"}

        assert first == second
        assert 8 < len(first) < 30

    @pytest.mark.parametrize("code", [105, 110, 201])
    async def test_of_a_change_leave_the_order_alive(self, throw, raw, resting, orders, code):
        await throw("reject_modify", code=code)
        raw.send(*place_order(176, 1, kind="LMT", limit=191, quantity=10, ref="mine"))
        refused = brief(await raw.settle())
        (order,) = orders()
        limit_after_refusal = order.limit_price
        raw.send(*place_order(176, 1, kind="LMT", limit=192, quantity=10, ref="mine"))
        await raw.settle()

        assert refused == [("4", str(code))]
        assert (limit_after_refusal, order.limit_price, order.status) == (190, 192, "Submitted")

    async def test_of_a_change_let_ib_insync_believe_the_order_dead(self, throw, ib, orders, hold_price):
        hold_price("AAPL", 200)
        trade = ib.placeOrder(Stock("AAPL", "SMART", "USD"), LimitOrder("BUY", 10, 190, tif="DAY"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        await throw("reject_modify", code=105)
        trade.order.lmtPrice = 191
        ib.placeOrder(trade.contract, trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")

        assert orders()[0].status == "Submitted"


class TestNotices:
    @pytest.mark.parametrize("code", [399, 404, 2109, 10349])
    async def test_leave_the_order_alive(self, throw, raw, hold_price, orders, code):
        hold_price("AAPL", 200)
        await throw("order_notice", code=code)
        raw.send(*place_order(176, 1, kind="LMT", limit=190))
        raw.send(*place_order(176, 2, kind="LMT", limit=190))
        frames = await raw.settle()

        assert [one[2:4] for one in frames if one[0] == "4"] == [["1", str(code)]]
        assert {one.status for one in orders()} == {"Submitted"}


class TestCancels:
    async def test_are_answered_late_and_the_order_fills_meanwhile(
        self, throw, raw, resting, simulator, hold_price
    ):
        await throw("delay_cancel", seconds=5)
        raw.send(4, 1, 1, "")
        pending = brief(await raw.settle())
        await simulator.pacemaker.advance(2)
        hold_price("AAPL", 180)
        await simulator.pacemaker.advance(4)
        frames = brief(await raw.settle())

        assert pending == [("3", "PendingCancel")]
        assert ("3", "Filled") in frames
        assert frames[-1] == ("4", "10148")

    async def test_are_carried_out_late(self, throw, raw, resting, simulator):
        await throw("delay_cancel", seconds=5)
        raw.send(4, 1, 1, "")
        await simulator.pacemaker.advance(4)
        await raw.settle()
        await simulator.pacemaker.advance(2)

        assert brief(await raw.settle()) == [("3", "Cancelled"), ("4", "202")]

    async def test_are_crossed_by_a_fill(self, throw, raw, resting, simulator):
        await throw("fill_on_cancel")
        raw.send(4, 1, 1, "")
        pending = brief(await raw.settle())
        await simulator.pacemaker.advance(1)
        frames = brief(await raw.settle())

        assert [*pending, *frames][0] == ("3", "PendingCancel")
        assert ("11", "10") in [*pending, *frames]
        assert [*pending, *frames][-1] == ("4", "10148")

    async def test_are_crossed_by_a_fill_of_a_part(self, throw, raw, resting, simulator):
        await throw("fill_on_cancel", share=0.4, seconds=2)
        raw.send(4, 1, 1, "")
        await raw.settle()
        await simulator.pacemaker.advance(3)
        frames = brief(await raw.settle())

        assert frames[0] == ("11", "4")
        assert frames[-2:] == [("3", "Cancelled"), ("4", "202")]

    async def test_are_followed_by_a_fill(self, throw, raw, resting, simulator):
        await throw("late_fill", seconds=3)
        raw.send(4, 1, 1, "")
        cancelled = brief(await raw.settle())
        await simulator.pacemaker.advance(4)
        late = await raw.settle()
        position = simulator.venue.state.ledger.position(265598).quantity

        assert cancelled == [("3", "Cancelled"), ("4", "202")]
        assert brief(late)[0] == ("11", "10")
        assert next(float(one[20]) for one in late if one[0] == "11") == 190
        assert position == 10

    @pytest.mark.parametrize("code", [10147, 10148, 161, 135, 136])
    async def test_are_answered_falsely(self, throw, raw, resting, orders, code):
        await throw("answer_cancel", code=code)
        raw.send(4, 1, 1, "")

        assert brief(await raw.settle()) == [("4", str(code))]
        assert orders()[0].status == "Submitted"


class TestTwins:
    async def test_bear_one_order_ref_and_both_work(self, throw, raw, resting, orders):
        await throw("twin_order")
        raw.send(*place_order(176, 1, kind="LMT", limit=191, quantity=10, ref="mine"))
        frames = await raw.settle()
        first, second = orders()

        assert (first.order_ref, second.order_ref) == ("mine", "mine")
        assert first.perm_id != second.perm_id
        assert (first.limit_price, second.limit_price) == (191, 190)
        assert {one[1] for one in frames if one[0] == "5"} == {"1", str(second.order_id)}

    async def test_both_fill_and_both_are_booked(self, throw, raw, resting, simulator, hold_price):
        await throw("twin_order")
        raw.send(*place_order(176, 1, kind="LMT", limit=191, quantity=10, ref="mine"))
        await raw.settle()
        hold_price("AAPL", 180)
        await simulator.pacemaker.advance(2)
        fills = [one for one in await raw.settle() if one[0] == "11"]

        assert len({one[14] for one in fills}) == len({one[21] for one in fills}) == 2
        assert simulator.venue.state.ledger.position(265598).quantity == 20
