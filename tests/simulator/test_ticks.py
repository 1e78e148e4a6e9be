"""Ticks, five-second bars, histograms and schedules: what is told live is found again in the past."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from ib_insync import Stock

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.market.bars import historical_bars
from apps.simulator.market.ticks import Ticker
from apps.simulator.venue import open_venue
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, contract

AAPL = Stock("AAPL", "SMART", "USD")
START = datetime(2026, 11, 18, 15, 0, 2, tzinfo=UTC)
NOW = int(START.timestamp())


@pytest.fixture
def clock():
    """Wednesday, a little after the hour; time passes when a test says so."""
    return ManualClock(START)


@pytest.fixture
def wait(simulator, clock):
    """Let time pass in small steps, as it does."""

    def pass_time(seconds):
        for _ in range(int(seconds * 4)):
            clock.advance(0.25)
            simulator.pulse()

    return pass_time


def live_ticks(request_id, kind, *, past=0, ignore_size=0, symbol="AAPL"):
    return [97, request_id, *contract(symbol), kind, past, ignore_size]


def past_ticks(request_id, *, start="", end="", count=1000, kind="TRADES", symbol="AAPL", ignore_size=0):
    return [96, request_id, *contract(symbol), 0, start, end, count, kind, 1, ignore_size, ""]


def live_bars(request_id, *, kind="TRADES", symbol="AAPL"):
    return [50, 3, request_id, *contract(symbol), 5, kind, 0, ""]


def histogram(request_id, period, *, symbol="AAPL"):
    return [88, request_id, *contract(symbol), 0, 1, period]


def rows_of(frame, width):
    """Return the ticks of a message 96, 97 or 98."""
    assert frame[-1] == "1"
    assert len(frame) == 4 + int(frame[2]) * width
    return [frame[place : place + width] for place in range(3, len(frame) - 1, width)]


async def told(client, message_id):
    return [one for one in await client.settle() if one[0] == str(message_id)]


class TestIbInsync:
    async def test_gets_bars_every_five_seconds(self, ib, wait):
        bars = ib.reqRealTimeBars(AAPL, 5, "TRADES", False)
        await ib.reqCurrentTimeAsync()
        wait(15)
        await until(lambda: len(bars) == 3)
        ib.cancelRealTimeBars(bars)
        await ib.reqCurrentTimeAsync()
        wait(10)
        await ib.reqCurrentTimeAsync()

        assert [one.time.timestamp() - NOW for one in bars] == [-2, 3, 8]
        assert all(0 < one.low <= one.close <= one.high and one.volume > 0 for one in bars)

    @pytest.mark.parametrize("kind", ["Last", "AllLast", "BidAsk", "MidPoint"])
    async def test_gets_every_kind_of_tick(self, ib, wait, kind):
        ticker = ib.reqTickByTickData(AAPL, kind, 10)
        ticks = []
        ticker.updateEvent += lambda one: ticks.extend(one.tickByTicks)
        await ib.reqCurrentTimeAsync()
        wait(3)
        await until(lambda: len(ticks) >= 3)
        ib.cancelTickByTickData(AAPL, kind)
        await ib.reqCurrentTimeAsync()

        assert {type(one).__name__.removeprefix("TickByTick") for one in ticks} == {
            kind.replace("Last", "AllLast").replace("AllAll", "All")
        }

    @pytest.mark.parametrize("kind", ["TRADES", "BID_ASK", "MIDPOINT"])
    async def test_gets_ticks_of_the_past(self, ib, kind):
        ticks = await ib.reqHistoricalTicksAsync(AAPL, "", START, 1000, kind, False)

        assert 1000 <= len(ticks) < 1010
        assert [one.time for one in ticks] == sorted(one.time for one in ticks)
        assert ticks[-1].time.timestamp() == NOW - 1

    async def test_gets_a_histogram_and_a_schedule(self, ib):
        levels = await asyncio.wait_for(ib.reqHistogramDataAsync(AAPL, False, "3 days"), PATIENCE_S)
        schedule = await ib.reqHistoricalScheduleAsync(AAPL, 5)

        assert [one.price for one in levels] == sorted({one.price for one in levels})
        assert all(one.count > 0 for one in levels)
        assert len(schedule.sessions) == 5


class TestRealTimeBars:
    async def test_are_the_bars_of_history(self, raw, wait, simulator):
        raw.send(*live_bars(1))
        await raw.settle()
        wait(30)
        bars = await told(raw, 50)
        market, end = simulator.venue.market, NOW + 28
        expected = historical_bars(
            market, BY_SYMBOL["AAPL"], start=NOW - 2, end=end, bar_s=5, kind="TRADES", now=end
        )

        assert {len(one) for one in bars} == {11}
        assert [(int(one[3]), round(float(one[7]) * 100), int(one[8])) for one in bars] == [
            (one.start, one.closing, one.volume) for one in expected
        ]

    async def test_without_trades_have_no_volume(self, raw, wait):
        raw.send(*live_bars(1, kind="BID"))
        await raw.settle()
        wait(4)

        assert [one[8] for one in await told(raw, 50)] == ["-1"]

    @pytest.mark.parametrize(("code", "options"), [(420, {"kind": "YIELD"}), (200, {"symbol": "NOSUCH"})])
    async def test_are_refused(self, raw, code, options):
        raw.send(*live_bars(1, **options))

        assert (await raw.error(code))[2] == "1"

    async def test_know_their_ids(self, raw):
        raw.send(*live_bars(1))
        raw.send(*live_bars(1))
        assert (await raw.error(102))[2] == "1"
        raw.send(51, 1, 1)
        raw.send(51, 1, 1)
        assert (await raw.error(300))[2] == "1"

    async def test_are_limited(self, raw):
        for request_id in range(51):
            raw.send(*live_bars(request_id))

        assert (await raw.error(420))[2] == "50"


class TestTickByTick:
    @pytest.mark.parametrize(
        ("kind", "code", "fields"), [("Last", 1, 9), ("AllLast", 2, 9), ("BidAsk", 3, 9), ("MidPoint", 4, 5)]
    )
    async def test_has_the_fields_of_its_kind(self, raw, wait, kind, code, fields):
        raw.send(*live_ticks(1, kind))
        await raw.settle()
        wait(2)

        assert {(one[2], len(one)) for one in await told(raw, 99)} == {(str(code), fields)}

    @pytest.mark.parametrize(
        ("kind", "past_kind", "width"),
        [("Last", "TRADES", 6), ("BidAsk", "BID_ASK", 6), ("MidPoint", "MIDPOINT", 4)],
    )
    async def test_is_found_again_in_the_past(self, raw, wait, kind, past_kind, width):
        raw.send(*live_ticks(1, kind))
        first = await told(raw, 99)
        wait(10)
        live = [*first, *await told(raw, 99)]
        past_id = {"TRADES": 98, "BID_ASK": 97, "MIDPOINT": 96}[past_kind]
        answer = await raw.ask(past_id, *past_ticks(2, start=f"{START:%Y%m%d-%H:%M:%S}", kind=past_kind))
        past = rows_of(answer, width)

        def values(row, offset):
            return [one for one in row[offset:] if one not in ("", "0")]

        seen = [[one[3], *values(one, 4)] for one in live if int(one[3]) < NOW + 10]
        # The first quote told live is the state at the start and need not be a change.
        assert [[one[0], *values(one, 1)] for one in past][-len(seen) + 1 :] == seen[1:]
        assert len(seen) - len(past) in (0, 1)

    async def test_begins_with_history_and_leaves_no_gap(self, raw, wait):
        past = await raw.ask(98, *live_ticks(1, "Last", past=20))
        wait(3)
        live = await told(raw, 99)
        seconds = [int(one[0]) for one in rows_of(past, 6)] + [int(one[3]) for one in live]

        assert 20 <= int(past[2]) <= 21
        assert sorted(set(seconds)) == list(range(min(seconds), NOW + 4))

    async def test_adds_up_to_the_bars(self, raw, wait):
        raw.send(*live_bars(1))
        raw.send(*live_ticks(2, "AllLast"))
        await raw.settle()
        wait(14)
        frames = await raw.settle()
        bar = [one for one in frames if one[0] == "50"][-1]
        ticks = [one for one in raw.frames if one[0] == "99" and 0 <= int(one[3]) - int(bar[3]) < 5]

        assert sum(int(one[5]) for one in ticks) == int(bar[8])
        assert (ticks[0][4], ticks[-1][4]) == (bar[4], bar[7])
        assert max(float(one[4]) for one in ticks) == float(bar[5])

    async def test_agrees_with_the_quote(self, raw, wait):
        raw.send(1, 11, 1, *contract("AAPL"), 0, "", 0, 0, "")
        raw.send(*live_ticks(2, "Last"))
        raw.send(*live_ticks(3, "BidAsk"))
        await raw.settle()
        wait(5)
        await raw.settle()

        def newest(*start):
            return next(one for one in reversed(raw.frames) if one[: len(start)] == list(start))

        assert newest("99", "2")[4] == newest("1", "6", "1", "4")[4]
        assert newest("99", "2")[5] == newest("2", "6", "1", "5")[4]
        assert newest("99", "3")[4:6] == [newest("1", "6", "1", "1")[4], newest("1", "6", "1", "2")[4]]

    async def test_rests_while_the_symbol_is_halted(self, raw, wait, simulator):
        raw.send(*live_ticks(1, "Last"))
        await raw.settle()
        simulator.halt_symbol("AAPL", is_halted=True)
        wait(3)
        assert await told(raw, 99) == []
        simulator.halt_symbol("AAPL", is_halted=False)
        wait(1)
        assert {int(one[3]) for one in await told(raw, 99)} == {NOW + 4}

    async def test_has_five_streams_and_no_sixth(self, raw):
        for request_id in range(1, 7):
            raw.send(*live_ticks(request_id, "Last"))

        assert (await raw.error(10190))[2] == "6"

    @pytest.mark.parametrize(
        ("code", "kind", "options"),
        [(10189, "Bid", {}), (200, "Last", {"symbol": "NOSUCH"}), (321, "Last", {"past": -1})],
    )
    async def test_is_refused(self, raw, code, kind, options):
        raw.send(*live_ticks(1, kind, **options))

        assert (await raw.error(code))[2] == "1"

    async def test_knows_its_ids(self, raw):
        raw.send(*live_ticks(1, "Last"))
        raw.send(*live_ticks(1, "Last"))
        assert (await raw.error(102))[2] == "1"
        raw.send(98, 1)
        raw.send(98, 1)
        assert (await raw.error(300))[2] == "1"


class TestHistoricalTicks:
    @pytest.mark.parametrize(
        ("kind", "code", "width"), [("TRADES", 98, 6), ("BID_ASK", 97, 6), ("MIDPOINT", 96, 4)]
    )
    async def test_have_the_fields_of_their_kind(self, raw, kind, code, width):
        answer = await raw.ask(code, *past_ticks(1, end="20261118-15:00:00", count=7, kind=kind))

        assert 7 <= len(rows_of(answer, width)) <= 10

    async def test_never_split_a_second(self, raw):
        whole = rows_of(await raw.ask(98, *past_ticks(1, start="20261118-14:00:00", count=40)), 6)
        for count in range(1, 12):
            part = rows_of(await raw.ask(98, *past_ticks(2, start="20261118-14:00:00", count=count)), 6)

            assert count <= len(part) <= count + 1
            assert part == [one for one in whole if one[0] <= part[-1][0]]

    async def test_skip_the_nights(self):
        monday_open = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)
        config = SimulatorConfig(port=0, hours="nyse", clock=ManualClock(monday_open))
        market = open_venue(config, publish=lambda events: None).market
        ticks = Ticker(market, BY_SYMBOL["LLY"], "TRADES").before(int(monday_open.timestamp()), count=20)
        seconds = sorted({one.second for one in ticks})

        assert seconds[-5:] == [int(monday_open.timestamp()) - back for back in (5, 4, 3, 2, 1)]
        assert seconds[-6] == int(datetime(2026, 11, 20, 20, 59, 59, tzinfo=UTC).timestamp())

    async def test_are_the_same_in_either_direction(self, raw):
        forward = rows_of(await raw.ask(98, *past_ticks(1, start="20261118-14:00:00", count=40)), 6)
        end = datetime.fromtimestamp(int(forward[-1][0]) + 1, UTC)
        back = await raw.ask(98, *past_ticks(2, end=f"{end:%Y%m%d-%H:%M:%S}", count=len(forward)))

        assert rows_of(back, 6) == forward

    async def test_without_size_changes_are_fewer(self, raw):
        counts = [
            len(rows_of(await raw.ask(97, *past_ticks(one, **span, kind="BID_ASK", ignore_size=one)), 6))
            for one in (0, 1)
            for span in [{"start": "20261118-14:00:00", "end": "20261118-14:01:00"}]
        ]

        assert 0 < counts[1] < counts[0]

    @pytest.mark.parametrize("span", [{"start": "20261119-15:00:00"}, {"end": "00010101-00:00:00"}])
    async def test_of_the_future_and_of_long_ago_are_none(self, raw, span):
        answer = await raw.ask(98, *past_ticks(1, **span))

        assert answer == ["98", "1", "0", "1"]

    @pytest.mark.parametrize(
        ("code", "options"),
        [
            (321, {}),
            (321, {"end": "20261118-15:00:00", "count": 0}),
            (10187, {"end": "20261118-15:00:00", "kind": "YIELD"}),
            (10314, {"end": "yesterday"}),
            (200, {"symbol": "NOSUCH", "end": "20261118-15:00:00"}),
        ],
    )
    async def test_are_refused(self, raw, code, options):
        raw.send(*past_ticks(1, **options))

        assert (await raw.error(code))[2] == "1"


class TestHistogram:
    @pytest.mark.parametrize(
        "period", ["90 secs", "10 minutes", "2 hours", "3 days", "1 week", "2 months", "999999 years"]
    )
    async def test_lists_prices_and_shares(self, raw, period):
        answer = await raw.ask(89, *histogram(1, period))

        assert len(answer) == 3 + 2 * int(answer[2])
        assert all(int(one) > 0 for one in answer[4::2])

    async def test_adds_up_to_the_volume_of_the_bars(self, raw, simulator):
        answer = await raw.ask(89, *histogram(1, "10 mins"))
        traded = simulator.venue.market.stretch(BY_SYMBOL["AAPL"], NOW - 599, NOW + 1)
        prices = [round(float(one) * 100) for one in answer[3::2]]

        assert sum(int(one) for one in answer[4::2]) == traded.volume
        assert (prices[0], prices[-1]) == (traded.low, traded.high)

    @pytest.mark.parametrize("period", ["", "3", "soon", "3 moons", "-1 days", "0 days"])
    async def test_refuses_a_period_it_does_not_know(self, raw, period):
        raw.send(*histogram(1, period))

        assert (await raw.error(321))[2] == "1"

    async def test_can_be_cancelled_while_it_is_counted(self, raw):
        raw.send(*histogram(1, "1 day"))
        raw.send(*histogram(1, "1 day"))
        raw.send(89, 1)
        raw.send(89, 1)

        assert (await raw.error(102))[2] == "1"
        assert (await raw.error(300))[2] == "1"
        assert await told(raw, 89) == []


class TestSchedule:
    @pytest.mark.parametrize("version", [165, 176])
    async def test_is_told_from_165_on(self, connect, version):
        client = await connect(version=version)
        answer = await client.ask(
            106, 20, 1, *contract("AAPL"), 0, "", "1 day", "3 D", 1, "SCHEDULE", 1, 0, ""
        )

        assert (answer[5], len(answer)) == ("3", 6 + 3 * 3)

    async def test_is_refused_to_older_clients(self, connect):
        client = await connect(version=164)
        client.send(20, 1, *contract("AAPL"), 0, "", "1 day", "3 D", 1, "SCHEDULE", 1, 0, "")

        assert (await client.error(321))[2] == "1"
