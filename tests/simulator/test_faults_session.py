"""What the gateway as such says when something is wrong with it or its link."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import ib_insync
import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.faults.stamps import retimed
from apps.simulator.faults.states import Times
from tests.simulator.raw_client import RawClient, contract, place_order


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))


def codes(frames):
    return [one[3] for one in frames if one[0] == "4"]


def kinds(frames):
    return [one[0] for one in frames]


class TestNotices:
    async def test_any_error_can_be_sent_any_number_of_times(self, throw, raw):
        assert await throw("emit_error", code=2109, text="so", id=7, count=3) == {"clients": 1}

        assert [one[2:5] for one in await raw.settle()] == [["7", "2109", "so"]] * 3

    async def test_a_changed_port_is_told_before_the_drop(self, throw, raw):
        assert await throw("ib_reset", port=4077) == {"dropped": 1}
        told = await raw.error(1300)

        assert told[4].endswith("4077")
        assert await raw.is_closed()

    async def test_texts_come_in_german_and_in_ascii(self, throw, raw):
        await throw("localised_errors")
        raw.send(4, 1, 99, "")
        raw.send(9, 8, 5, *contract("NOSUCH"), 0, "", "", "")
        frames = await raw.settle()
        await throw("emit_error", code=326)
        await throw("emit_error", code=399)

        assert "nicht gefunden" in frames[0][4]
        assert codes(frames) == ["10147", "200"]
        assert "bereits verwendet" in (await raw.error(326))[4]
        assert r"Er\u00f6ffnung" in (await raw.error(399))[4]

    async def test_escapes_reach_ib_insync_as_they_are(self, throw, ib):
        seen = []
        ib.errorEvent += lambda *found: seen.append(found[2])
        await throw("localised_errors")
        await throw("emit_error", code=399)
        await ib.reqCurrentTimeAsync()

        assert "Eröffnung" in seen[-1].encode().decode("unicode-escape")


class TestSettings:
    @pytest.mark.parametrize(
        ("fields", "request_id"),
        [
            (place_order(176, 7), "7"),
            ([4, 1, 7, ""], "7"),
            ([5, 1], "-1"),
            ([16, 1], "-1"),
            ([58, 1], "-1"),
            ([99, 0], "-1"),
        ],
    )
    async def test_a_read_only_api_refuses_orders(self, throw, raw, simulator, fields, request_id):
        await throw("read_only_api")
        raw.send(*fields)
        frames = await raw.settle()

        assert [one[2:4] for one in frames] == [[request_id, "321"]]
        assert "Read-Only" in frames[0][4]
        assert list(simulator.venue.state.book.all_orders()) == []

    async def test_a_read_only_api_tells_data(self, throw, raw):
        await throw("read_only_api")
        raw.send(61, 1)

        assert (await raw.until(62))[0] == "62"

    @pytest.mark.parametrize("accounts", ["DU7654321", "U1234567", "DU1,DU2,", ""])
    async def test_other_accounts_are_named(self, throw, raw, accounts):
        await throw("managed_accounts", accounts=accounts)
        pushed = await raw.settle()
        asked = await raw.ask(15, 17, 1)

        assert [one[2] for one in pushed if one[0] == "15"] == [accounts]
        assert asked[2] == accounts

    @pytest.mark.parametrize("next_id", ["-1", "2147483648", "x"])
    async def test_any_next_id_is_announced(self, throw, raw, simulator, next_id):
        await throw("announce_id", id=next_id)
        pushed = await raw.until(9)
        client = await RawClient.open(simulator.port, client_id=2)
        await client.close()

        assert pushed[2] == next_id
        assert [one[2] for one in client.frames if one[0] == "9"] == [next_id]


class TestMarkers:
    @pytest.mark.parametrize(
        ("marker", "fields"),
        [(53, [5, 1]), (54, [6, 2, 1, ""]), (62, [61, 1]), (102, [99, 0]), (55, [7, 3, 9, 0, *[""] * 6])],
    )
    async def test_of_the_end_do_not_come(self, throw, raw, marker, fields):
        await throw("withhold")
        raw.send(*fields)

        assert str(marker) not in kinds(await raw.settle())

    async def test_nothing_else_is_withheld(self, throw, raw, simulator):
        await throw("withhold", messages=[9])
        client = await RawClient.open(simulator.port, client_id=2, start=False)
        client.send(71, 2, 2, "")
        await client.until(15)

        assert "9" not in kinds(await client.settle())
        await client.close()

    async def test_ib_insync_does_not_connect_without_the_end_of_executions(self, throw, simulator):
        await throw("withhold", messages=[55])
        client = ib_insync.IB()

        with pytest.raises(TimeoutError):
            await client.connectAsync("127.0.0.1", simulator.port, clientId=7, timeout=0.3)

    async def test_answers_trickle_while_syncing_is_slow(self, throw, raw, simulator):
        await throw("slow_sync", per_s=1)
        raw.send(61, 1)
        raw.send(5, 1)
        raw.send(49, 1)
        with pytest.raises(TimeoutError):
            await raw.read(0.1)
        await simulator.pacemaker.advance(1)
        first = await raw.read()
        await simulator.pacemaker.advance(2)
        rest = [await raw.read(), await raw.read()]

        assert kinds([first, *rest]) == ["62", "53", "49"]


class TestPacing:
    async def test_warns_twice_and_then_drops(self, throw, raw):
        await throw("pacing")
        for _ in range(200):
            raw.send(49, 1)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await raw.until(999)

        assert codes(raw.frames).count("100") == 3


class TestLostLink:
    @pytest.fixture
    async def resting(self, raw, hold_price):
        """An order that a lower price will fill."""
        hold_price("AAPL", 200)
        raw.send(*place_order(176, 1, kind="LMT", limit=190, quantity=10))
        raw.send(1, 11, 5, *contract("AAPL"), 0, "", 0, 0, "")
        await raw.settle()

    async def test_is_told_again_and_again(self, throw, raw, simulator):
        await throw("link_lost", seconds=10, every=3)
        await simulator.pacemaker.advance(9.5)
        storm = await raw.settle()
        await simulator.pacemaker.advance(1)
        after = await raw.settle()

        assert codes(storm) == ["1100", "2103", "2105", "2157", "1100", "1100", "1100"]
        assert codes(after) == ["2104", "2106", "2158", "1102"]
        assert simulator.venue.faults.state() == {}

    async def test_can_be_that_of_the_server(self, throw, raw):
        await throw("link_lost", code="2110", recovery="none")

        assert codes(await raw.settle())[0] == "2110"

    async def test_ticks_and_fills_wait_for_its_return(self, throw, raw, resting, simulator, hold_price):
        await throw("link_lost", seconds=10)
        hold_price("AAPL", 180)
        await simulator.pacemaker.advance(5)
        during = await raw.settle()
        await simulator.pacemaker.advance(6)
        after = await raw.settle()

        assert set(kinds(during)) == {"4"}
        assert kinds(after).index("11") > codes(after).index("1102")
        assert {"1", "59"} <= set(kinds(after))

    async def test_fills_may_be_lost_but_for_those_who_ask(self, throw, raw, resting, simulator, hold_price):
        await throw("link_lost", seconds=10, fills="lost")
        hold_price("AAPL", 180)
        await simulator.pacemaker.advance(11)
        told = await raw.settle()
        raw.send(7, 3, 9, 0, *[""] * 6)
        asked = await raw.until(11)

        assert "11" not in kinds(told)
        assert asked[1:3] == ["9", "1"]

    async def test_1101_means_that_subscriptions_are_gone(self, throw, raw, resting, simulator):
        await throw("link_lost", seconds=1, recovery="1101")
        await simulator.pacemaker.advance(2)
        codes_told = codes(await raw.settle())
        await simulator.pacemaker.advance(5)
        quiet = await raw.settle()
        raw.send(2, 2, 11)

        assert codes_told[-1] == "1101"
        assert quiet == []
        assert codes(await raw.settle()) == ["300"]

    async def test_1102_means_that_they_are_kept(self, throw, raw, resting, simulator, hold_price):
        await throw("link_lost", seconds=1)
        await simulator.pacemaker.advance(2)
        await raw.settle()
        hold_price("AAPL", 210)
        await simulator.pacemaker.advance(1)

        assert "1" in kinds(await raw.settle())

    async def test_orders_sent_meanwhile_come_as_a_surprise(self, throw, raw, resting, simulator):
        await throw("link_lost", seconds=10)
        raw.send(*place_order(176, 2, quantity=5))
        raw.send(4, 1, 1, "")
        during = await raw.settle()
        await simulator.pacemaker.advance(11)
        after = await raw.settle()

        assert set(kinds(during)) == {"4"}
        assert [one[2] for one in after if one[0] == "11"] == ["2"]
        assert "202" in codes(after)

    async def test_or_are_lost(self, throw, raw, resting, simulator):
        await throw("link_lost", seconds=10, orders="lost")
        raw.send(*place_order(176, 2, quantity=5))
        raw.send(4, 1, 1, "")
        await raw.settle()
        await simulator.pacemaker.advance(11)

        assert [one.order_id for one in simulator.venue.state.book.all_orders()] == [1]
        assert simulator.venue.state.book.find(1, 1).status == "Submitted"

    async def test_is_restored_by_whoever_lifts_it(self, throw, raw, simulator):
        await throw("link_lost", recovery="none", every=1)
        await simulator.pacemaker.advance(100)
        await raw.settle()
        simulator.venue.faults.clear()

        assert codes(await raw.settle()) == ["2104", "2106", "2158", "1102"]


class TestTimesOfExecutions:
    async def test_have_no_zone(self, throw, raw):
        await throw("exec_times", zone="US/Eastern")
        raw.send(*place_order(176, 1, quantity=10))

        assert (await raw.until(11))[15] == "20261120  10:00:00"

    async def test_have_another_zone_and_its_name(self, throw, raw):
        await throw("exec_times", zone="Asia/Hong_Kong", label=True)
        raw.send(*place_order(176, 1, quantity=10))

        assert (await raw.until(11))[15] == "20261120 23:00:00 Asia/Hong_Kong"

    async def test_stand_in_the_hour_that_comes_twice(self, throw, raw):
        await throw("exec_times", zone="US/Eastern", fold=True)
        raw.send(*place_order(176, 1, quantity=10))

        assert (await raw.until(11))[15] == "20261101  01:00:00"

    def test_a_zone_without_summer_time_has_no_such_hour(self):
        told = retimed("20261120 10:00:00 US/Eastern", Times("Asia/Tokyo", label=False, fold=True))

        assert told == "20261121  00:00:00"


class TestAccount:
    async def test_is_not_ready(self, throw, raw):
        raw.send(6, 2, 1, "")
        await raw.until(54)
        await throw("account_not_ready")
        pushed = await raw.until(6)
        raw.send(6, 2, 1, "")
        frames = []
        while not frames or frames[-1][0] != "54":
            frames.append(await raw.read())
        values = {(one[2], one[4]): one[3] for one in frames if one[0] == "6"}

        assert pushed[2:4] == ["AccountReady", "false"]
        assert values["AccountReady", ""] == "false"
        assert values["NetLiquidation", "USD"] == "0.00"
        assert values["AccountCode", ""] == "DU1234567"
