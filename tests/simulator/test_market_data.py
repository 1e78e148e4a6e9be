"""Market data lines: types of data, their ids, the order of ticks, generic ticks, snapshots."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from ib_insync import Stock

from apps.simulator.clock import ManualClock
from apps.simulator.faults.verbs import BadFault
from apps.simulator.instruments.universe import BY_SYMBOL
from tests.simulator.conftest import until
from tests.simulator.raw_client import contract

AAPL = BY_SYMBOL["AAPL"]
START = datetime(2026, 11, 18, 15, 0, 2, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 21, 15, 0, 0, tzinfo=UTC)
ORDER = ["1", "0", "2", "3", "4", "5", "45", "49", "8", "6", "7", "9", "14"]
TICKS = ("1", "2", "21", "45", "46")


@pytest.fixture
def clock():
    return ManualClock(START)


def line(request_id, symbol="AAPL", *, generic="", snapshot=0, regulatory=0):
    return [1, 11, request_id, *contract(symbol), 0, generic, snapshot, regulatory, ""]


def tick_ids(frames):
    """Return the tick types of all frames that carry one, in order."""
    return [one[3] if one[0] != "21" else one[2] for one in frames if one[0] in TICKS]


def errors(frames):
    return [(int(one[2]), int(one[3])) for one in frames if one[0] == "4"]


def values(frames, tick):
    return [one[4] for one in frames if one[0] in TICKS and one[3] == str(tick)]


class TestOrder:
    async def test_is_type_and_parameters_then_sides_then_the_day(self, raw):
        raw.send(*line(1))
        frames = await raw.settle()
        letters = [one for one in tick_ids(frames) if one in ("32", "33", "84")]

        assert [one[0] for one in frames[:2]] == ["58", "81"]
        assert [one for one in tick_ids(frames) if one not in letters] == ORDER
        assert letters == ["32", "33", "84"]

    async def test_of_exchange_letters_names_exchanges_there_are(self, raw):
        raw.send(*line(1))
        frames = await raw.settle()
        answer = await raw.ask(82, 83, 2, "9c0001")

        assert {values(frames, tick)[0] for tick in (32, 33, 84)} <= set(answer[5::3])


class TestDelayedLogin:
    @pytest.fixture
    def simulator_options(self):
        return {"market_data": "delayed"}

    async def test_refuses_live_data_and_says_what_there_is(self, raw):
        raw.send(*line(1))

        assert errors(await raw.settle()) == [(1, 10089)]

    @pytest.mark.parametrize("wanted", [3, 4])
    async def test_gives_delayed_ticks_with_a_notice_first(self, raw, wanted):
        raw.send(59, 1, wanted)
        raw.send(*line(1))
        frames = await raw.settle()

        assert [one[0] for one in frames[:3]] == ["4", "58", "81"]
        assert errors(frames) == [(1, 10167)]
        assert frames[1][3] == "3"
        assert tick_ids(frames) == "66 69 67 70 68 71 88 90 74 72 73 75 76".split()

    async def test_gives_the_prices_of_a_quarter_of_an_hour_ago(self, raw, simulator):
        raw.send(59, 1, 3)
        raw.send(*line(1))
        frames = await raw.settle()
        then = simulator.venue.market.quote(AAPL, START.timestamp() - 900)

        assert values(frames, 66) == [AAPL.text(then.bid)]
        assert values(frames, 88) == [str(int(START.timestamp()) - 900)]

    async def test_has_no_streams_that_need_live_data(self, raw):
        raw.send(97, 1, *contract("AAPL"), "Last", 0, 0)
        raw.send(50, 3, 2, *contract("AAPL"), 5, "TRADES", 0, "")
        raw.send(10, 5, 3, *contract("AAPL"), 5, 1, "")
        raw.send(20, 4, *contract("AAPL"), 0, "", "1 min", "60 S", 1, "TRADES", 1, 0, "")
        raw.send(96, 5, *contract("AAPL"), 0, "", "20261118-14:00:00", 10, "TRADES", 1, 0, "")

        assert errors(await raw.settle()) == [(1, 10189), (2, 420), (3, 354), (4, 162), (5, 10187)]

    async def test_feeds_the_delayed_fields_of_ib_insync(self, ib):
        told = []
        ib.errorEvent += lambda *error: told.append(error[1])
        ib.reqMarketDataType(3)
        ticker = ib.reqMktData(Stock("AAPL", "SMART", "USD"))
        await until(lambda: ticker.open > 0)

        assert (ticker.marketDataType, told) == (3, [10167])
        assert 0 < ticker.bid < ticker.ask


class TestLoginWithoutData:
    @pytest.fixture
    def simulator_options(self):
        return {"market_data": "none"}

    @pytest.mark.parametrize(("wanted", "code"), [(1, 10168), (2, 10168), (3, 354), (4, 354)])
    async def test_refuses_every_type(self, raw, wanted, code):
        raw.send(59, 1, wanted)
        raw.send(*line(1))
        frames = await raw.settle()

        assert errors(frames) == [(1, code)]
        assert len(frames) == 1

    async def test_leaves_the_id_of_a_refused_line_free(self, raw):
        raw.send(*line(1))
        raw.send(2, 2, 1)

        assert errors(await raw.settle()) == [(1, 10168), (1, 300)]

    async def test_sells_a_regulatory_snapshot_all_the_same(self, raw):
        raw.send(*line(1, regulatory=1))
        frames = await raw.settle()

        assert errors(frames) == []
        assert frames[-1] == ["57", "1", "1"]


class TestRights:
    async def test_of_one_symbol_change_while_its_line_is_open(self, raw, simulator):
        simulator.venue.faults.switch("market_data", {"right": "delayed", "symbol": "MSFT"})
        raw.send(59, 1, 3)
        for request_id, symbol in enumerate(("AAPL", "MSFT")):
            raw.send(*line(request_id, symbol))
        before = [one[2:] for one in await raw.settle() if one[0] == "58"]
        simulator.venue.faults.switch("market_data", {"right": "live"})
        simulator.pulse()
        after = await raw.settle()

        assert before == [["0", "1"], ["1", "3"]]
        assert [one[2:] for one in after if one[0] == "58"] == [["1", "1"]]
        assert tick_ids(one for one in after if one[2] == "1")[0] == "1"

    async def test_in_part_keep_everything_but_the_quote_flowing(self, raw, simulator):
        simulator.venue.faults.switch("market_data", {"right": "part"})
        raw.send(*line(1, generic="236"))
        frames = await raw.settle()

        assert errors(frames) == [(1, 10090)]
        assert {"1", "0", "2", "3"}.isdisjoint(tick_ids(frames))
        assert {"4", "5", "8", "46", "89"} <= set(tick_ids(frames))

    async def test_withdrawn_silence_a_line_and_say_so_once(self, raw, simulator):
        raw.send(*line(1))
        await raw.settle()
        simulator.venue.faults.switch("market_data", {"right": "none"})
        simulator.pulse()
        simulator.pulse()
        frames = await raw.settle()

        assert errors(frames) == [(1, 10168)]
        assert tick_ids(frames) == []

    def test_want_a_word_and_a_symbol_that_exist(self, simulator):
        for arguments in ({"right": "gold"}, {"right": "live", "symbol": "NOSUCH"}, {}):
            with pytest.raises(BadFault):
                simulator.venue.faults.switch("market_data", arguments)


class TestClosedMarket:
    @pytest.fixture
    def clock(self):
        return ManualClock(SATURDAY)

    @pytest.fixture
    def simulator_options(self):
        return {"hours": "nyse"}

    async def test_has_no_live_quote_but_a_last_price(self, raw):
        raw.send(*line(1))
        frames = await raw.settle()

        assert [one[3] for one in frames if one[0] == "58"] == ["1"]
        assert (values(frames, 1), values(frames, 2)) == (["-1"], ["-1"])
        assert float(values(frames, 4)[0]) > 0

    async def test_shows_its_last_quote_frozen_until_it_opens(self, raw, clock, simulator):
        raw.send(59, 1, 2)
        raw.send(*line(1))
        frozen = await raw.settle()
        clock.advance(48 * 3600)
        simulator.pulse()
        opened = await raw.settle()

        assert [one[3] for one in frozen + opened if one[0] == "58"] == ["2", "1"]
        assert float(values(frozen, 1)[0]) > 0


class TestSnapshot:
    async def test_ends_when_everything_is_in(self, raw):
        raw.send(*line(1, snapshot=1))
        frames = await raw.settle()

        assert frames[-1] == ["57", "1", "1"]
        assert [one for one in tick_ids(frames) if one in ORDER] == ORDER

    async def test_waits_eleven_seconds_for_what_does_not_come(self, raw, simulator, clock):
        simulator.venue.faults.switch("market_data", {"right": "part"})
        raw.send(*line(1, snapshot=1))
        await raw.settle()
        clock.advance(10)
        simulator.pulse()
        early = await raw.settle()
        clock.advance(1.5)
        simulator.pulse()

        assert "57" not in [one[0] for one in early]
        assert (await raw.settle())[-1] == ["57", "1", "1"]

    async def test_takes_no_generic_ticks(self, raw):
        raw.send(*line(1, snapshot=1, generic="233"))
        raw.send(*line(2, regulatory=1, generic="233"))

        assert errors(await raw.settle()) == [(1, 321), (2, 321)]


class TestGenericTicks:
    @pytest.mark.parametrize(
        ("code", "ticks"),
        [
            (100, "29 30"),
            (101, "27 28"),
            (104, "23"),
            (105, "87"),
            (106, "24"),
            (165, "15 16 17 18 19 20 21"),
            (221, "37"),
            (232, "37"),
            (233, "48"),
            (236, "46 89"),
            (258, "47"),
            (293, "54"),
            (294, "55"),
            (295, "56"),
            (318, "57"),
            (375, "77"),
            (411, "58"),
            (595, "63 64 65"),
            (619, "79"),
            (586, ""),
        ],
    )
    async def test_bring_their_ticks(self, raw, code, ticks):
        raw.send(*line(1, generic=f"mdoff,{code}"))
        told = tick_ids(await raw.settle())

        assert list(dict.fromkeys(told)) == ticks.split()

    async def test_of_a_fund_are_its_asset_values(self, raw):
        raw.send(*line(1, "SPY", generic="mdoff,576,577,578,614,623"))
        raw.send(*line(2, "AAPL", generic="mdoff,576,577,578,614,623"))

        assert tick_ids(await raw.settle()) == "94 95 96 92 93 98 99 97".split()

    async def test_of_an_auction_come_in_its_last_minutes(self, raw, clock, simulator):
        raw.send(*line(1, generic="mdoff,225"))
        before = tick_ids(await raw.settle())
        clock.advance(14 * 3600 - 300)
        simulator.pulse()

        assert before == []
        assert tick_ids(await raw.settle()) == ["34", "35", "36", "61"]

    async def test_without_market_data_are_all_there_is(self, raw):
        raw.send(*line(1, generic="mdoff,236"))
        frames = await raw.settle()

        assert [one[0] for one in frames[:2]] == ["58", "81"]
        assert set(tick_ids(frames)) == {"46", "89"}

    async def test_tell_headlines_once(self, raw, clock, simulator):
        raw.send(*line(1, generic="mdoff,292"))
        first = [one for one in await raw.settle() if one[0] == "84"]
        for _ in range(48):
            clock.advance(3600)
            simulator.pulse()
        later = [one for one in await raw.settle() if one[0] == "84"]
        ids = [one[4] for one in first + later]

        assert len(first) == 1
        assert len(first[0]) == 7
        assert len(ids) == len(set(ids)) > 1
        assert [int(one[2]) for one in later] == sorted(int(one[2]) for one in later)

    async def test_tell_headlines_of_the_providers_named(self, raw, clock, simulator):
        raw.send(*line(1, generic="292:DJNL+BRFG"))
        told = [one[3] for one in await raw.settle() if one[0] == "84"]
        for _ in range(96):
            clock.advance(3600)
            simulator.pulse()
        told += [one[3] for one in await raw.settle() if one[0] == "84"]

        assert set(told) == {"DJNL", "BRFG"}

    @pytest.mark.parametrize("generic", ["999", "233,x", "460", "-1", "1e3"])
    async def test_unknown_or_of_another_kind_are_refused_with_the_legal_ones(self, raw, generic):
        raw.send(*line(1, generic=generic))
        (refusal,) = [one for one in await raw.settle() if one[0] == "4"]

        assert refusal[2:4] == ["1", "321"]
        assert f"Incorrect generic tick list of {generic}" in refusal[4]
        assert "233(RTVolume)" in refusal[4]

    async def test_of_volume_add_up_to_the_volume_of_the_day(self, raw, clock, simulator):
        raw.send(*line(1, generic="233"))
        await raw.settle()
        for _ in range(20):
            clock.advance(1)
            simulator.pulse()
        frames = await raw.settle()
        trades = [one.split(";") for one in values(frames, 48)]
        volumes = [int(one[3]) for one in trades]

        assert [len(one) for one in trades] == [6] * len(trades)
        assert volumes[-1] == int(values(frames, 8)[-1])
        steps = [after - before for before, after in pairwise(volumes)]
        assert steps == [int(one[1]) for one in trades[1:]]

    async def test_reach_the_fields_of_ib_insync(self, ib):
        codes = "100,101,104,106,165,232,233,236,258,293,294,295,411"
        ticker = ib.reqMktData(Stock("AAPL", "SMART", "USD"), codes)
        await until(lambda: ticker.rtHistVolatility > 0 and ticker.fundamentalRatios)

        assert ticker.low52week < ticker.high52week
        assert 0.05 < ticker.impliedVolatility < 1
        assert 0.05 < ticker.histVolatility < 1
        assert ticker.callOpenInterest > 0 < ticker.putVolume
        assert ticker.shortableShares > 0 < ticker.avVolume
        assert ticker.rtVolume > 0 < ticker.tradeCount
        assert ticker.fundamentalRatios.NPRICE > 0
        assert abs(ticker.markPrice - ticker.last) < 1


class TestHalts:
    @pytest.mark.parametrize(("kind", "value"), [("general", "1"), ("volatility", "2")])
    async def test_are_told_with_their_kind(self, raw, simulator, kind, value):
        raw.send(*line(1))
        first = await raw.settle()
        simulator.venue.faults.switch("halt", {"symbol": "AAPL", "kind": kind})
        simulator.pulse()
        halted = await raw.settle()
        simulator.venue.faults.switch("halt", {"symbol": "AAPL", "on": False})
        simulator.pulse()
        again = await raw.settle()

        assert [values(one, 49) for one in (first, halted, again)] == [["0"], [value], ["0"]]
        assert tick_ids(halted) == ["49"]

    def test_of_an_unknown_kind_are_refused(self, simulator):
        with pytest.raises(BadFault, match="lunch"):
            simulator.venue.faults.switch("halt", {"symbol": "AAPL", "kind": "lunch"})
