"""Tapes: given prices are played as they stand there, and bad files are refused by line and column."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import BadConfig, SimulatorConfig
from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.market.tapes import BadTape, read_tapes
from apps.simulator.venue import open_venue
from tests.simulator.conftest import until
from tests.simulator.raw_client import contract, place_order

AAPL, KO = BY_SYMBOL["AAPL"], BY_SYMBOL["KO"]
START = datetime(2026, 11, 18, 15, 0, 0, tzinfo=UTC)
NOW = int(START.timestamp())
BARS = [(150.10, 150.90, 149.80, 150.50, 6000), (150.50, 151.20, 150.40, 150.45, 1200)]
BAR_TAPE = "time,symbol,open,high,low,close,volume\n" + "".join(
    f"{NOW + place * 60},AAPL,{','.join(map(str, one))}\n" for place, one in enumerate(BARS)
)
TICK_TAPE = """time,symbol,price,size,bid,ask
2026-11-18T15:00:01Z,KO,61.50,100,61.49,61.51
2026-11-18T15:00:03Z,KO,61.52,300,61.50,61.53
2026-11-18T15:00:03Z,KO,61.55,200,61.51,61.54
20261118-15:00:08,KO,61.40,50,61.38,61.41
"""


def read(folder, text, *, name="tape.csv"):
    path = folder / name
    path.write_text(text)
    return read_tapes((path,), find=BY_SYMBOL.get)


class TestReading:
    def test_takes_bars_and_ticks_apart(self, tmp_path):
        (tmp_path / "a.csv").write_text(BAR_TAPE)
        (tmp_path / "b.csv").write_text(TICK_TAPE)

        tracks = read_tapes((tmp_path,), find=BY_SYMBOL.get)

        assert {key: one.is_bars for key, one in tracks.items()} == {AAPL.con_id: True, KO.con_id: False}
        assert list(tracks[KO.con_id].times) == [NOW + 1, NOW + 3, NOW + 3, NOW + 8]
        assert list(tracks[AAPL.con_id].highs) == [15090, 15120]

    def test_takes_columns_in_any_order_and_more_than_it_needs(self, tmp_path):
        tracks = read(tmp_path, f"Size,note,TIME,price,symbol\n5,x,{NOW},1.5,KO\n")

        assert list(tracks[KO.con_id].volumes) == [5]

    @pytest.mark.parametrize(
        "text", ["1794927600", "2026-11-18T10:00:00", "2026-11-18 10:00:00", "20261118 10:00:00 US/Eastern",
                 "20261118-15:00:00", "2026-11-18T16:00:00+01:00"],
    )  # fmt: skip
    def test_knows_the_forms_of_time(self, tmp_path, text):
        tracks = read(tmp_path, f"time,symbol,price,size\n{text.replace('1794927600', str(NOW))},KO,61,1\n")

        assert list(tracks[KO.con_id].times) == [NOW]

    @pytest.mark.parametrize(
        ("text", "where", "why"),
        [
            ("time,symbol,price\n", "line 1, column size", "missing"),
            ("", "line 1, column time", "missing"),
            ("time,symbol,open,close\n", "line 1, column high", "missing"),
            (BAR_TAPE + f"{NOW + 180},AAPL,1,2\n", "line 4, column low", "empty"),
            (BAR_TAPE + f"{NOW + 180},NOSUCH,1,2,1,1,1\n", "line 4, column symbol", "unknown symbol NOSUCH"),
            (BAR_TAPE + f"{NOW},AAPL,1,2,1,1,1\n", "line 4, column time", "not later"),
            (BAR_TAPE + "noon,AAPL,1,2,1,1,1\n", "line 4, column time", "not a time: noon"),
            (BAR_TAPE + "nan,AAPL,1,2,1,1,1\n", "line 4, column time", "between the years"),
            (BAR_TAPE + f"{NOW + 180},AAPL,3,2,1,1,1\n", "line 4, column high", "below another"),
            (BAR_TAPE + f"{NOW + 180},AAPL,3,4,2,1,1\n", "line 4, column low", "above another"),
            (BAR_TAPE + f"{NOW + 180},AAPL,1,2,1,1,many\n", "line 4, column volume", "not a number: many"),
            (BAR_TAPE + f"{NOW + 180},AAPL,1,2,1,1,-5\n", "line 4, column volume", "from 0: -5"),
            (BAR_TAPE + f"{NOW + 180},AAPL,1,inf,1,1,5\n", "line 4, column high", "inf"),
            (BAR_TAPE + f"{NOW + 180},AAPL,1,2,0.001,1,5\n", "line 4, column low", "at least 0.01"),
            (BAR_TAPE + f"{NOW + 180},AAPL,1,2,1,1,5,9\n", "line 4, column volume", "more fields"),
            (TICK_TAPE + "20261118-15:00:09,KO,61,1,62,61\n", "line 6, column bid", "above the ask"),
            (TICK_TAPE + "20261118-15:00:07,KO,61,1,60,61\n", "line 6, column time", "not later"),
            ('time,symbol,price,size\n"1', "tape.csv", "not readable as CSV"),
        ],
    )  # fmt: skip
    def test_refuses_a_bad_file_by_line_and_column(self, tmp_path, text, where, why):
        with pytest.raises(BadTape) as refusal:
            read(tmp_path, text)

        assert where in str(refusal.value)
        assert why in str(refusal.value)

    def test_refuses_files_that_are_not_there(self, tmp_path):
        with pytest.raises(BadTape, match="no such file"):
            read_tapes((tmp_path / "none.csv",), find=BY_SYMBOL.get)
        with pytest.raises(BadTape, match="no file in it ends in"):
            read_tapes((tmp_path,), find=BY_SYMBOL.get)

    def test_says_what_parquet_needs(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(BadTape, match="needs the package pyarrow"):
            read(tmp_path, "", name="tape.parquet")

    def test_stops_the_start_of_a_simulator(self, tmp_path):
        path = tmp_path / "tape.csv"
        path.write_text("time,symbol\n")

        with pytest.raises(BadConfig, match="line 1, column price"):
            open_venue(SimulatorConfig(tapes=(path,)), publish=lambda _: None)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def simulator_options(tmp_path):
    (tmp_path / "bars.csv").write_text(BAR_TAPE)
    (tmp_path / "ticks.csv").write_text(TICK_TAPE)
    return {"tapes": (tmp_path,), "limits": "none"}


def history(request_id, symbol, bar, duration, *, end=""):
    return [20, request_id, *contract(symbol), 0, end, bar, duration, 1, "TRADES", 2, 0, ""]


def rows(frame):
    return [frame[place : place + 8] for place in range(5, len(frame), 8)]


class TestBarTape:
    async def test_is_found_again_in_history_bar_by_bar(self, raw, clock):
        clock.advance(130)
        answer = await raw.ask(17, *history(1, "AAPL", "1 min", "120 S", end="20261118-15:02:00"))

        told = [tuple(map(float, one[1:6])) for one in rows(answer)]
        assert told == BARS
        assert [int(one[0]) for one in rows(answer)] == [NOW, NOW + 60]

    async def test_agrees_with_the_day(self, raw, clock, simulator):
        clock.advance(119)
        day = simulator.venue.market.day_summary(AAPL, clock.epoch()).day
        answer = await raw.ask(17, *history(1, "AAPL", "1 day", "1 D"))

        assert [float(one) for one in rows(answer)[0][1:5]] == [
            AAPL.price(one) for one in (day.opening, day.high, day.low, day.closing)
        ]
        assert day.closing == 15045

    async def test_joins_what_was_before_without_a_jump(self, raw, clock):
        clock.advance(60)
        answer = await raw.ask(17, *history(1, "AAPL", "5 secs", "600 S"))
        closes = [float(one[4]) for one in rows(answer)]

        assert max(abs(after - before) for before, after in pairwise(closes)) < 1.0

    async def test_stands_still_when_it_is_over(self, raw, clock, simulator):
        clock.advance(600)
        market = simulator.venue.market

        assert {market.last_points(AAPL, NOW + second) for second in range(120, 3000, 7)} == {15045}
        assert market.stretch(AAPL, NOW + 120, NOW + 4000).volume == 0

    async def test_fills_orders(self, raw, clock, simulator):
        clock.advance(1)
        raw.send(*place_order(raw.version, 1, kind="LMT", limit=149.90, quantity=10))
        await raw.settle()
        for _ in range(25):
            clock.advance(1)
            simulator.pulse()
        await until(lambda: simulator.venue.state.ledger.position(AAPL.con_id).quantity == 10)

        assert simulator.venue.state.book.executions[-1].price <= 149.90


class TestTickTape:
    async def test_is_quoted_and_traded_second_by_second(self, simulator):
        market = simulator.venue.market
        quotes = [market.quote(KO, NOW + second) for second in (1, 2, 3, 8)]

        assert [(one.bid, one.ask, one.last) for one in quotes] == [
            (6149, 6151, 6150), (6149, 6151, 6150), (6151, 6154, 6155), (6138, 6141, 6140),
        ]  # fmt: skip
        assert [market.stretch(KO, NOW + second, NOW + second + 1).volume for second in (1, 2, 3, 8)] == [
            100, 0, 500, 50,
        ]  # fmt: skip

    async def test_is_told_trade_by_trade(self, raw, clock):
        clock.advance(20)
        answer = await raw.ask(
            98, 96, 1, *contract("KO"), 0, "20261118-15:00:01", "20261118-15:00:20", 1000, "TRADES", 1, 0, ""
        )
        ticks = [answer[place : place + 6] for place in range(3, len(answer) - 1, 6)]

        assert sorted({int(one[0]) - NOW for one in ticks}) == [1, 3, 8]
        assert sum(int(one[3]) for one in ticks) == 650


class TestStart:
    async def test_now_plays_the_first_row_at_once(self, tmp_path, clock):
        (tmp_path / "bars.csv").write_text(BAR_TAPE)
        clock.advance(3600 * 30)
        config = SimulatorConfig(tapes=(tmp_path / "bars.csv",), tape_start="now", clock=clock)
        market = open_venue(config, publish=lambda _: None).market

        assert market.last_points(AAPL, clock.epoch()) == 15010
        assert market.last_points(AAPL, clock.epoch() + 119) == 15045

    async def test_at_a_time_given(self, tmp_path, clock):
        (tmp_path / "bars.csv").write_text(BAR_TAPE)
        config = SimulatorConfig(
            tapes=(tmp_path / "bars.csv",), tape_start="2026-11-18T16:00:00Z", clock=clock
        )
        market = open_venue(config, publish=lambda _: None).market

        assert market.last_points(AAPL, NOW + 3600) == 15010

    def test_of_no_known_form_is_refused(self):
        with pytest.raises(BadConfig, match="tape start"):
            SimulatorConfig(tape_start="soon").check({})
