"""Market data, history and contracts that fail, seen from the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.simulator.clock import ManualClock
from tests.simulator.raw_client import contract, place_order

HISTORY = ["", "1 min", "600 S", 0, "TRADES", 1]


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))


def quote(request_id, symbol="AAPL"):
    return [1, 11, request_id, *contract(symbol), 0, "", 0, 0, ""]


def history(request_id, *, live=0, symbol="AAPL"):
    return [20, request_id, *contract(symbol), 0, *HISTORY, live, ""]


def errors(frames):
    return [(one[2], one[3]) for one in frames if one[0] == "4"]


def kinds(frames):
    return [one[0] for one in frames]


class TestFarmBlip:
    async def test_leaves_quotes_dead_without_a_word(self, throw, raw, simulator):
        raw.send(*quote(11))
        await raw.settle()
        assert await throw("farm_blip", seconds=3, farm="market") == {"killed": 1}
        await simulator.pacemaker.advance(30)
        frames = await raw.settle()
        raw.send(*quote(12))
        again = await raw.settle()

        assert errors(frames) == [("-1", "2103"), ("-1", "2104")]
        assert kinds(frames) == ["4", "4"]
        assert {one[2] for one in again if one[0] == "1"} == {"12"}

    async def test_leaves_kept_bars_dead_and_says_so(self, throw, raw, simulator):
        raw.send(*history(21, live=1))
        await raw.until(17)
        await throw("farm_blip", seconds=3, farm="historical")
        await simulator.pacemaker.advance(30)
        frames = await raw.settle()

        assert errors(frames) == [("-1", "2105"), ("21", "10182"), ("-1", "2106")]
        assert "90" not in kinds(frames)

    async def test_takes_no_id_away(self, throw, raw):
        raw.send(*quote(11))
        await raw.settle()
        await throw("farm_blip")
        raw.send(*quote(11))
        raw.send(2, 2, 11)
        raw.send(*quote(11))
        frames = await raw.settle()

        assert ("11", "102") in errors(frames)
        assert "1" in kinds(frames)

    async def test_streams_may_stop_with_no_blip_at_all(self, throw, raw, simulator):
        raw.send(*quote(11))
        await raw.settle()
        assert await throw("stop_streams") == {"killed": 1}
        await simulator.pacemaker.advance(30)

        assert await raw.settle() == []


class TestTicks:
    async def test_stand_still_with_old_stamps(self, throw, raw, simulator):
        await throw("stale_ticks", seconds=900)
        raw.send(*quote(11))
        first = {one[3]: one[4] for one in await raw.settle() if one[0] == "1"}
        await simulator.pacemaker.advance(60)
        frames = await raw.settle()
        now = simulator.venue.clock.epoch()
        stamps = [int(one[4]) for one in frames if one[0] == "46" and one[3] == "45"]

        assert {one[4] for one in frames if one[0] == "1" and one[3] == "4"} == {first["4"]}
        assert all(now - 970 < stamp < now - 890 for stamp in stamps)
        assert len(stamps) > 10

    async def test_come_in_a_flood(self, throw, raw, simulator):
        raw.send(*quote(11))
        await raw.settle()
        await throw("burst", ticks_per_s=1000)
        await simulator.pacemaker.advance(2)
        flood = await raw.settle()
        await throw("burst", ticks_per_s=0)

        assert 1500 < len(flood) < 3000

    async def test_stop_while_another_session_has_them(self, throw, raw, simulator):
        raw.send(*quote(11))
        await raw.settle()
        assert await throw("competing_session", seconds=60) == {"lines": 1}
        raw.send(*quote(12))
        await simulator.pacemaker.advance(30)
        during = await raw.settle()
        await simulator.pacemaker.advance(31)

        assert errors(during) == [("11", "10197"), ("12", "10197")]
        assert kinds(during) == ["4", "4"]
        assert "1" in kinds(await raw.settle())

    @pytest.mark.parametrize(("kind", "value"), [("general", "1"), ("volatility", "2")])
    async def test_tell_a_halt(self, throw, raw, kind, value):
        raw.send(*quote(11))
        await raw.settle()
        await throw("halt", symbol="AAPL", kind=kind)

        assert (await raw.until(45))[3:] == ["49", value]


class TestRights:
    @pytest.mark.parametrize("code", ["354", "10089", "10168", "10186"])
    async def test_may_be_wanting(self, throw, raw, code):
        await throw("no_permission", code=code, count=1)
        raw.send(*quote(11))
        raw.send(*quote(12))
        frames = await raw.settle()

        assert errors(frames) == [("11", code)]
        assert {one[2] for one in frames if one[0] == "1"} == {"12"}

    async def test_may_be_for_delayed_data_only(self, throw, raw):
        await throw("market_data", right="delayed")
        raw.send(59, 1, 3)
        raw.send(*quote(11))
        frames = await raw.settle()

        assert errors(frames) == [("11", "10167")]
        assert {"66", "67"} <= {one[3] for one in frames if one[0] == "1"}

    async def test_may_differ_by_symbol(self, throw, raw):
        await throw("market_data", right="none", symbol="MSFT")
        raw.send(*quote(11, "MSFT"))
        raw.send(*quote(12, "AAPL"))
        frames = await raw.settle()

        assert [request_id for request_id, _ in errors(frames)] == ["11"]


class TestLimits:
    @pytest.mark.parametrize(
        ("verb", "fields", "code"),
        [
            ("too_many_lines", quote(31), "101"),
            ("too_many_ticks", [97, 31, *contract("AAPL"), "Last", 0, 0], "10190"),
            ("too_many_history", history(31), "322"),
            ("pacing_violation", history(31), "162"),
        ],
    )
    async def test_are_met_as_often_as_told(self, throw, raw, verb, fields, code):
        await throw(verb, count=1)
        raw.send(*fields)
        refused = await raw.until(4)
        raw.send(*fields)
        frames = await raw.settle()

        assert refused[2:4] == ["31", code]
        assert errors(frames) == []

    async def test_of_any_kind_can_be_invented(self, throw, raw):
        await throw("refuse_request", message=91, code=321, text="no rule", count=1)
        raw.send(91, 26)
        refused = await raw.until(4)
        raw.send(91, 26)

        assert refused[2:5] == ["-1", "321", "no rule"]
        assert (await raw.until(93))[1] == "26"

    async def test_carry_the_id_of_each_request(self, throw, raw):
        for message, fields in ((9, [9, 8, 41, *contract("AAPL"), 0, "", "", ""]), (81, [81, 41, "AA"])):
            await throw("refuse_request", message=message, code=321)
            raw.send(*fields)

            assert (await raw.until(4))[2] == "41"


class TestContracts:
    async def test_that_are_delisted_are_unknown_to_everything(self, throw, raw):
        await throw("delist", symbol="AAPL")
        raw.send(9, 8, 1, *contract("AAPL"), 0, "", "", "")
        raw.send(9, 8, 2, *contract("", con_id=265598), 0, "", "", "")
        raw.send(*quote(3))
        raw.send(*history(4))
        raw.send(*place_order(176, 5))
        frames = await raw.settle()
        await throw("delist", symbol="AAPL", on=False)
        raw.send(*quote(3))

        assert errors(frames) == [(str(one), "200") for one in (1, 2, 3, 4, 5)]
        assert "1" in kinds(await raw.settle())

    @pytest.mark.parametrize("version", [163, 176])
    async def test_that_are_ambiguous_come_twice_and_cannot_be_ordered(self, throw, connect, version):
        raw = await connect(version=version)
        await throw("ambiguous", symbol="AAPL")
        tail = [""] if version >= 176 else []
        raw.send(9, 8, 1, *contract("AAPL"), 0, "", "", *tail)
        await raw.until(52)
        details = [one for one in raw.frames if one[0] == "10"]
        raw.send(*place_order(version, 5))
        raw.send(*place_order(version, 6, con_id=265598, quantity=1))
        frames = await raw.settle()

        assert len(details) == 2
        assert len({tuple(one) for one in details}) == 2
        assert "265598" in details[0]
        assert "MXN" in details[1]
        assert errors(frames) == [("5", "200")]
        assert [one[2] for one in frames if one[0] == "11"] == ["6"]
