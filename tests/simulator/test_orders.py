"""Orders on the wire: what a client hears, in which order, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from apps.simulator.control import ask_async
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, place_order

VERSION = 176


def story(frames, order_id):
    """Return what was told of an order: message ids, with the status or code where there is one."""
    told = []
    for one in frames:
        if one[0] == "3" and one[1] == str(order_id):
            told.append(f"3 {one[2]}")
        elif one[0] == "4" and one[2] == str(order_id):
            told.append(f"4 {one[3]}")
        elif (one[0] == "5" and one[1] == str(order_id)) or (one[0] == "11" and one[2] == str(order_id)):
            told.append(one[0])
        elif one[0] == "59":
            told.append("59")
    return told


@pytest.fixture
def price(simulator):
    """Pin a price: it then stands still, so that only the test moves it."""

    async def set_price(symbol, dollars):
        await ask_async(simulator.control_port, "set_price", symbol=symbol, price=dollars, hold=True)

    return set_price


@pytest.fixture
def book(simulator):
    """Return an order of the simulator's book by its id."""

    async def find(order_id):
        answer = await ask_async(simulator.control_port, "book")
        return next(one for one in answer["orders"] if one["orderId"] == order_id)

    return find


class TestMarketOrder:
    async def test_is_acknowledged_executed_filled_and_charged_in_this_order(self, raw):
        raw.send(*place_order(VERSION, 1))
        await raw.until(59)

        expected = ["5", "3 PreSubmitted", "11", "5", "3 Filled", "5", "59"]
        assert story(raw.frames, 1) == expected

    async def test_fills_inside_the_quote_at_a_whole_cent(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1))
        fill = await raw.until(11)

        assert fill[20] == "230.0"
        assert fill[18] == "BOT"

    async def test_larger_than_the_displayed_size_fills_in_parts(self, raw, book):
        raw.send(*place_order(VERSION, 1, "NFLX", quantity=3000))
        while True:
            status = await raw.until(3, 10)
            if status[2] == "Filled":
                break
        fills = [one for one in raw.frames if one[0] == "11"]

        assert len(fills) >= 3
        assert sum(float(one[19]) for one in fills) == 3000
        assert [float(one[24]) for one in fills] == sorted(float(one[24]) for one in fills)
        assert (await book(1))["filled"] == 3000

    async def test_carries_the_order_ref_everywhere(self, raw):
        raw.send(*place_order(VERSION, 1, ref="jb-42"))
        await raw.until(59)
        await raw.ask(102, 99, 0)
        await raw.ask(55, 7, 3, 9, 0, "", "", "", "", "", "")

        told = [one for one in raw.frames if one[0] in ("5", "11", "101")]
        assert len(told) == 6
        assert all("jb-42" in one for one in told)

    async def test_with_an_empty_tif_becomes_day_with_a_notice(self, raw, book):
        raw.send(*place_order(VERSION, 1, tif=""))

        assert (await raw.error(10349))[2] == "1"
        assert (await book(1))["tif"] == "DAY"


class TestLimitOrder:
    async def test_rests_until_the_market_comes_to_it(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=225))
        resting = await raw.settle()

        await price("AAPL", 224)
        fill = await raw.until(11)

        assert story(resting, 1) == ["5", "3 PreSubmitted", "5", "3 Submitted"]
        assert fill[20] == "225.0"

    async def test_that_is_marketable_fills_at_the_limit_or_better(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=240))

        assert (await raw.until(11))[20] == "230.0"

    async def test_takes_a_new_price_while_it_works(self, raw, price, book):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=225))
        await raw.settle()
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=226))
        changed = await raw.settle()

        assert story(changed, 1) == ["5", "3 Submitted"]
        assert changed[0][16] == "226.0"
        assert (await book(1))["limitPrice"] == 226

    async def test_takes_0_0_for_an_unused_price_as_a_client_echoes_it(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=225, stop="0.0"))
        await raw.settle()
        raw.send(*place_order(VERSION, 1, kind="MKT", limit="0.0", stop="0.0"))

        assert (await raw.until(11))[20] == "230.0"

    async def test_immediate_or_cancel_ends_when_it_cannot_trade(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=225, tif="IOC"))

        assert story(await raw.settle(), 1) == [
            "5",
            "3 PreSubmitted",
            "3 PendingCancel",
            "3 Cancelled",
            "4 202",
        ]

    async def test_fill_or_kill_ends_inactive_when_too_large(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, quantity=5000, kind="LMT", limit=230, tif="FOK"))

        assert story(await raw.settle(), 1) == ["5", "3 PreSubmitted", "3 Inactive"]


class TestStopOrder:
    async def test_waits_for_its_trigger_and_then_trades(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, action="SELL", kind="STP", stop=225))
        waiting = await raw.settle()
        await price("AAPL", 224.5)
        fill = await raw.until(11)

        assert waiting[-1][2] == "PreSubmitted"
        assert waiting[-1][10] == "trigger"
        assert float(fill[20]) < 224.51

    async def test_with_a_limit_rests_at_the_limit_after_its_election(self, raw, price, book):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, kind="STP LMT", stop=232, limit=232.5))
        await raw.settle()
        await price("AAPL", 233)
        await raw.settle()
        elected = await book(1)
        await price("AAPL", 232.2)

        assert elected["status"] == "Submitted"
        assert float((await raw.until(11))[20]) <= 232.5


class TestBracket:
    @pytest.fixture
    async def bracket(self, raw, price):
        await price("AAPL", 230)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=228, transmit=0))
        raw.send(*place_order(VERSION, 2, action="SELL", kind="LMT", limit=235, parent=1, transmit=0))
        self.before = await raw.settle()
        raw.send(*place_order(VERSION, 3, action="SELL", kind="STP", stop=225, parent=1, transmit=1))
        self.after = await raw.settle()
        return raw

    async def test_is_silent_until_its_last_leg(self, bracket):
        assert self.before == []
        assert story(self.after, 1) == ["5", "3 PreSubmitted", "5", "3 Submitted"]
        assert story(self.after, 2) == ["5", "3 PreSubmitted"]
        assert story(self.after, 3) == ["5", "3 PreSubmitted"]

    async def test_children_wait_though_the_market_would_fill_them(self, bracket, price, book):
        await price("AAPL", 240)

        assert (await book(2))["status"] == "PreSubmitted"

    async def test_one_child_filling_cancels_the_other(self, bracket, price, book):
        await price("AAPL", 227.9)
        await price("AAPL", 236)

        assert [(await book(one))["status"] for one in (1, 2, 3)] == ["Filled", "Filled", "Cancelled"]

    async def test_cancelling_the_parent_cancels_the_children(self, bracket, book):
        bracket.send(4, 1, 1, "")
        await bracket.settle()

        assert [(await book(one))["status"] for one in (1, 2, 3)] == ["Cancelled"] * 3

    async def test_refuses_a_child_without_a_parent(self, raw):
        raw.send(*place_order(VERSION, 5, kind="LMT", limit=10, parent=4))

        assert (await raw.error(10006))[2] == "5"


class TestOcaGroup:
    async def test_a_fill_cancels_the_others(self, raw, price, book):
        await price("AAPL", 230)
        for order_id, limit in ((1, 220), (2, 225), (3, 222)):
            raw.send(*place_order(VERSION, order_id, kind="LMT", limit=limit, oca="g", oca_type=1))
        await raw.settle()
        await price("AAPL", 224)

        assert [(await book(one))["status"] for one in (1, 2, 3)] == ["Cancelled", "Filled", "Cancelled"]

    async def test_the_first_part_of_a_fill_cancels_the_others(self, raw, price, book):
        await price("NFLX", 800)
        raw.send(*place_order(VERSION, 1, "NFLX", quantity=3000, kind="LMT", limit=700, oca="g", oca_type=1))
        raw.send(*place_order(VERSION, 2, "NFLX", quantity=1500, kind="LMT", limit=780, oca="g", oca_type=1))
        await raw.settle()
        await price("NFLX", 779.85)

        assert (await book(2))["status"] == "Submitted"
        assert (await book(1))["status"] == "Cancelled"

    async def test_the_reducing_kind_shrinks_with_a_part_and_ends_with_the_whole(
        self, raw, price, book, simulator
    ):
        await price("NFLX", 800)
        raw.send(*place_order(VERSION, 1, "NFLX", quantity=3000, kind="LMT", limit=700, oca="g", oca_type=3))
        raw.send(*place_order(VERSION, 2, "NFLX", quantity=1500, kind="LMT", limit=780, oca="g", oca_type=3))
        await raw.settle()
        await price("NFLX", 779.85)
        orders = {one.order_id: one for one in simulator.venue.state.book.open_orders()}
        kept, part = orders[1].quantity, orders[2].filled
        await price("NFLX", 779)
        while (await raw.until(3, 10))[1:3] != ["2", "Filled"]:
            pass

        assert 0 < part < 1500
        assert kept == pytest.approx(3000 * (1 - part / 1500), abs=1)
        assert (await book(1))["status"] == "Cancelled"


class TestCancel:
    async def test_ends_a_working_order(self, raw):
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=1))
        await raw.settle()
        raw.send(4, 1, 1, "")

        assert story(await raw.settle(), 1) == ["3 Cancelled", "4 202"]

    async def test_of_an_unknown_order_is_10147(self, raw):
        raw.send(4, 1, 99, "")

        assert (await raw.error(10147))[2] == "99"

    async def test_of_a_filled_order_is_10148(self, raw):
        raw.send(*place_order(VERSION, 1))
        await raw.until(59)
        raw.send(4, 1, 1, "")

        assert "Filled" in (await raw.error(10148))[4]

    async def test_of_everything_ends_every_order_of_every_client(self, raw, connect, simulator):
        other = await connect(client_id=2)
        for client in (raw, other):
            client.send(*place_order(VERSION, 1, kind="LMT", limit=1))
            await client.settle()
        raw.send(58, 1)
        await raw.settle()

        assert simulator.venue.state.book.open_orders() == []

    async def test_of_another_clients_order_is_told_to_both(self, raw, connect, book):
        other = await connect(client_id=2)
        raw.send(*place_order(VERSION, 8, kind="LMT", limit=1))
        await raw.settle()
        other.send(4, 1, 8, "")

        assert (await other.error(202))[2] == "8"
        assert (await raw.error(202))[2] == "8"
        assert (await book(8))["status"] == "Cancelled"

    async def test_below_169_has_no_time_field(self, connect):
        client = await connect(version=157)
        client.send(*place_order(157, 1, kind="LMT", limit=1))
        client.send(4, 1, 1)

        assert "3 Cancelled" in story(await client.settle(), 1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "fields"),
        [
            (200, {"symbol": "NOSUCH"}),
            (110, {"kind": "LMT", "limit": 100.005}),
            (461, {"quantity": 0.00005}),
            (434, {"quantity": 0}),
            (387, {"kind": "PEG STK"}),
            (10052, {"tif": "SOON"}),
            (321, {"kind": "LMT", "limit": ""}),
            (321, {"kind": "LMT", "limit": "nan"}),
            (321, {"account": "DU999"}),
            (201, {"quantity": 500_000}),
            (201, {"tif": "OPG"}),
        ],
    )
    async def test_have_ib_s_code(self, raw, code, fields):
        raw.send(*place_order(VERSION, 1, **fields))

        assert (await raw.error(code))[2] == "1"

    async def test_too_little_buying_power_leaves_an_inactive_order(self, raw, book):
        raw.send(*place_order(VERSION, 1, quantity=500_000))

        assert story(await raw.settle(), 1) == ["5", "3 Inactive", "4 201"]
        assert (await book(1))["status"] == "Inactive"

    async def test_an_id_used_before_is_103(self, raw):
        raw.send(*place_order(VERSION, 7))
        await raw.until(59)
        raw.send(*place_order(VERSION, 6))

        assert (await raw.error(103))[2] == "6"

    async def test_the_same_order_twice_is_103_and_fills_once(self, raw, simulator):
        order = place_order(VERSION, 1, kind="LMT", limit=1)
        raw.send(*order)
        raw.send(*order)

        assert (await raw.error(103))[2] == "1"
        assert len(simulator.venue.state.book.open_orders()) == 1

    async def test_changing_a_filled_order_is_104(self, raw):
        raw.send(*place_order(VERSION, 1))
        await raw.until(59)
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=10))

        assert (await raw.error(104))[2] == "1"

    @pytest.mark.parametrize(
        ("code", "change"),
        [
            (105, {"action": "SELL"}),
            (105, {"symbol": "MSFT"}),
            (110, {"limit": 1.005}),
            (201, {"quantity": 9_000_000}),
        ],
    )
    async def test_a_refused_change_leaves_the_order_working(self, raw, book, code, change):
        raw.send(*place_order(VERSION, 1, kind="LMT", limit=1))
        await raw.settle()
        raw.send(*place_order(VERSION, 1, **{"kind": "LMT", "limit": 2, **change}))
        await raw.error(code)
        order = await book(1)

        assert (order["status"], order["limitPrice"], order["action"]) == ("Submitted", 1, "BUY")


class TestPreview:
    async def test_tells_margins_and_makes_no_order(self, raw, simulator, price):
        await price("AAPL", 200)
        raw.send(*place_order(VERSION, 1, what_if=1))
        answer = await raw.settle()

        assert [one[0] for one in answer] == ["5"]
        assert "5000.00" in answer[0]
        assert list(simulator.venue.state.book.all_orders()) == []

    async def test_spends_its_order_id(self, raw):
        raw.send(*place_order(VERSION, 1, what_if=1))
        raw.send(*place_order(VERSION, 1))

        assert (await raw.error(103))[2] == "1"


class TestClients:
    async def test_orders_outlive_their_client_and_report_to_its_successor(self, connect, price, simulator):
        await price("AAPL", 230)
        first = await connect(client_id=5)
        first.send(*place_order(VERSION, 1, kind="LMT", limit=225, ref="mine"))
        await first.settle()
        await first.close()
        await until(lambda: 5 not in simulator.sessions)
        second = await connect(client_id=5)
        await price("AAPL", 224)

        assert (await second.until(11))[2] == "1"

    async def test_see_their_own_orders_or_all(self, connect):
        mine, other = await connect(client_id=1), await connect(client_id=2)
        for client, order_id in ((mine, 1), (other, 2)):
            client.send(*place_order(VERSION, order_id, kind="LMT", limit=1))
            await client.settle()
        mine.frames.clear()
        await mine.ask(53, 5, 1)
        own = [one[1] for one in mine.frames if one[0] == "5"]
        mine.frames.clear()
        await mine.ask(53, 16, 1)

        assert own == ["1"]
        assert sorted(one[1] for one in mine.frames if one[0] == "5") == ["1", "2"]

    async def test_next_valid_id_is_above_every_id_used(self, raw):
        raw.send(*place_order(VERSION, 41, kind="LMT", limit=1))

        assert (await raw.ask(9, 8, 1, 1))[2] == "42"

    async def test_executions_can_be_filtered(self, raw):
        for order_id, symbol in ((1, "AAPL"), (2, "MSFT")):
            raw.send(*place_order(VERSION, order_id, symbol))
            await raw.until(59)
        raw.frames.clear()
        await raw.ask(55, 7, 3, 9, 0, "", "", "MSFT", "STK", "", "BUY")

        assert [one[4] for one in raw.frames if one[0] == "11"] == ["MSFT"]
        assert all(one[1] == "9" for one in raw.frames if one[0] == "11")


class TestPlainRepetition:
    async def test_hundreds_of_orders_get_unique_numbers(self, raw, simulator):
        for order_id in range(1, 301):
            raw.send(*place_order(VERSION, order_id, "F", quantity=1))
        await asyncio.wait_for(raw.settle(), PATIENCE_S)
        orders = list(simulator.venue.state.book.all_orders())

        assert len({one.perm_id for one in orders}) == 300
        assert len({one.exec_id for one in simulator.venue.state.book.executions}) == 300
