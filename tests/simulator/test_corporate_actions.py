"""Splits and dividends: when they are, and what they do to prices told afterwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.config import BadConfig, SimulatorConfig
from apps.simulator.exchange.account_values import account_values
from apps.simulator.instruments.hours import HOURS, midnight
from apps.simulator.instruments.universe import INSTRUMENTS, instrument_named
from apps.simulator.market.bars import DAY, historical_bars
from apps.simulator.market.corporate_actions import (
    BadCalendar,
    Dividend,
    FileCalendar,
    SeededCalendar,
    Split,
    read_calendar,
)
from apps.simulator.market.price_sources import PriceSources
from apps.simulator.market.quotes import Market
from apps.simulator.opening import open_sources
from apps.simulator.venue import open_venue
from tests.simulator.raw_client import PATIENCE_S, contract, place_order

NVDA, KO = instrument_named("NVDA"), instrument_named("KO")
EX_DAY = date(2026, 12, 10)
NOON_BEFORE = datetime(2026, 12, 9, 17, 0, tzinfo=UTC).timestamp()
NOON_AFTER = datetime(2026, 12, 10, 17, 0, tzinfo=UTC).timestamp()
DECADE = {"first": date(2020, 1, 1), "last": date(2029, 12, 31)}


def market_with(*, splits=(), dividends=()):
    sources = PriceSources(calendar=FileCalendar(splits, dividends))
    return Market(seed=7, hours=HOURS["always"], sources=sources)


@pytest.fixture
def plain():
    return market_with()


@pytest.fixture
def split():
    return market_with(splits=[Split(NVDA.con_id, EX_DAY, 4.0)])


def days(market, instrument, *, kind="TRADES", now=NOON_AFTER, count=5, bar_s=DAY):
    start = midnight(EX_DAY) - count * DAY
    found = historical_bars(
        market,
        instrument,
        start=start,
        end=int(now),
        bar_s=bar_s,
        kind=kind,
        now=now,
    )
    return {one.day: one for one in found}


class TestSeededCalendar:
    def test_pays_known_payers_four_times_a_year(self):
        found = SeededCalendar(7).dividends(KO, **DECADE)

        assert len(found) == 40
        assert all(one.ex_day < one.pay_day and one.ex_day.weekday() < 5 for one in found)
        assert all(0.002 < one.amount / KO.start_price < 0.02 for one in found)

    def test_pays_nothing_on_a_stock_without_dividends(self):
        assert SeededCalendar(7).dividends(instrument_named("TSLA"), **DECADE) == []

    def test_splits_seldom_and_only_what_is_dear(self):
        calendar = SeededCalendar(7)
        found = [one for stock in INSTRUMENTS for one in calendar.splits(stock, **DECADE)]

        assert 0 < len(found) < 20
        assert {one.con_id for one in found} <= {one.con_id for one in INSTRUMENTS if one.start_price >= 300}

    def test_repeats(self):
        again = [SeededCalendar(7).dividends(KO, **DECADE) for _ in range(2)]

        assert again[0] == again[1] != SeededCalendar(8).dividends(KO, **DECADE)

    def test_looks_into_the_span_asked_for(self):
        calendar = SeededCalendar(7)
        first = calendar.dividends(KO, **DECADE)[0].ex_day

        assert calendar.dividends(KO, first=first, last=first) == []
        assert len(calendar.dividends(KO, first=date(2019, 12, 31), last=first)) == 1


GOOD = """
[[split]]
symbol = "NVDA"
date = 2026-12-10
ratio = 4
[[dividend]]
symbol = "KO"
ex_date = 2026-12-10
pay_date = 2026-12-20
amount = 0.485
"""


class TestFile:
    def read(self, folder, text):
        (folder / "days.toml").write_text(text)
        return read_calendar(folder / "days.toml", find=instrument_named)

    def test_says_everything_that_happens(self, tmp_path):
        calendar = self.read(tmp_path, GOOD)

        assert calendar.splits(NVDA, **DECADE) == [Split(NVDA.con_id, EX_DAY, 4.0)]
        assert calendar.dividends(KO, **DECADE) == [Dividend(KO.con_id, EX_DAY, date(2026, 12, 20), 0.485)]
        assert calendar.dividends(NVDA, **DECADE) == []

    @pytest.mark.parametrize(
        ("old", "new", "where"),
        [
            ("NVDA", "NOSUCH", "split 1, symbol: unknown symbol"),
            ("ratio = 4", "ratio = 0", "split 1, ratio: must be above 0"),
            ("ratio = 4", 'ratio = "4:1"', "split 1, ratio: must be a number"),
            ("date = 2026-12-10\nratio", "date = 20261210\nratio", "split 1, date: must be a date"),
            ("pay_date = 2026-12-20", "pay_date = 2026-12-01", "dividend 1, pay_date: before"),
            ("amount = 0.485", "", "dividend 1, amount: must be a number"),
            ("[[split]]", "[[merger]]", "unknown entry 'merger'"),
            ("[[split]]", "[[split", "days.toml"),
        ],
    )
    def test_is_refused_by_entry(self, tmp_path, old, new, where):
        with pytest.raises(BadCalendar, match="days") as refusal:
            self.read(tmp_path, GOOD.replace(old, new, 1))

        assert where in str(refusal.value)

    def test_that_is_bad_stops_the_start(self, tmp_path):
        with pytest.raises(BadConfig, match="none"):
            open_sources(SimulatorConfig(calendar=tmp_path / "none.toml"))


class TestSplit:
    def test_divides_the_price_at_midnight(self, plain, split):
        ratio = plain.last_points(NVDA, midnight(EX_DAY)) / split.last_points(NVDA, midnight(EX_DAY))

        assert ratio == pytest.approx(4, rel=1e-3)
        assert split.last_points(NVDA, midnight(EX_DAY) - 1) == plain.last_points(NVDA, midnight(EX_DAY) - 1)

    def test_multiplies_the_volume(self, plain, split):
        volumes = [one.day_summary(NVDA, NOON_AFTER).day.volume for one in (plain, split)]

        assert volumes[1] == pytest.approx(4 * volumes[0], rel=1e-3)

    def test_leaves_the_previous_close_comparable(self, plain, split):
        closes = [one.day_summary(NVDA, NOON_AFTER).previous_close for one in (plain, split)]

        assert closes[1] == pytest.approx(closes[0] / 4, abs=1)
        assert split.day_summary(NVDA, NOON_BEFORE) == plain.day_summary(NVDA, NOON_BEFORE)

    @pytest.mark.parametrize("kind", ["TRADES", "MIDPOINT", "ADJUSTED_LAST"])
    def test_is_undone_in_history_told_afterwards(self, plain, split, kind):
        before, after = days(plain, NVDA, kind=kind), days(split, NVDA, kind=kind)

        for day in before:
            assert after[day].closing == pytest.approx(before[day].closing / 4, abs=1)
            if before[day].volume > 0:
                assert after[day].volume == pytest.approx(before[day].volume * 4, rel=1e-3)

    def test_is_unknown_to_history_told_before(self, plain, split):
        assert days(split, NVDA, now=NOON_BEFORE) == days(plain, NVDA, now=NOON_BEFORE)

    def test_makes_no_step_in_a_week_across_it(self, split):
        (week,) = days(split, NVDA, bar_s=7 * DAY, count=3).values()

        assert week.high < week.low * 1.4

    def test_before_the_model_s_first_day_shows_higher_prices_as_traded(self, plain):
        old = market_with(splits=[Split(NVDA.con_id, date(2024, 6, 10), 10.0)])
        then = datetime(2024, 6, 7, 15, 0, tzinfo=UTC).timestamp()

        assert old.last_points(NVDA, then) == pytest.approx(10 * plain.last_points(NVDA, then), rel=1e-3)
        assert old.last_points(NVDA, NOON_AFTER) == plain.last_points(NVDA, NOON_AFTER)

    def test_keeps_days_hours_and_seconds_in_agreement(self, split):
        for bar_s in (3600, 1800, 60):
            parts = historical_bars(
                split, NVDA, start=midnight(EX_DAY), end=int(NOON_AFTER), bar_s=bar_s, kind="TRADES",
                now=NOON_AFTER,
            )  # fmt: skip
            parts = list(parts)
            day = split.day_summary(NVDA, NOON_AFTER - 1).day

            assert max(one.high for one in parts) == day.high
            assert min(one.low for one in parts) == day.low
            assert sum(one.volume for one in parts) == day.volume


class TestDividend:
    @pytest.fixture
    def paid(self):
        return market_with(dividends=[Dividend(KO.con_id, EX_DAY, date(2026, 12, 20), 0.63)])

    def test_is_taken_out_of_adjusted_history_only(self, plain, paid):
        trades, adjusted = days(paid, KO), days(paid, KO, kind="ADJUSTED_LAST")

        assert trades == days(plain, KO)
        assert adjusted[EX_DAY] == trades[EX_DAY]
        before = date(2026, 12, 9)
        part = 1 - 0.63 / KO.price(trades[before].closing)
        assert adjusted[before].closing == pytest.approx(trades[before].closing * part, abs=2)
        assert adjusted[before].volume == trades[before].volume


CALENDAR = """
[[split]]
symbol = "NVDA"
date = 2026-11-19
ratio = 4
[[split]]
symbol = "MSFT"
date = 2026-11-19
ratio = 0.125
[[dividend]]
symbol = "KO"
ex_date = 2026-11-19
pay_date = 2026-11-21
amount = 0.50
"""


class TestAccount:
    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 18, 20, 0, tzinfo=UTC))

    @pytest.fixture
    def simulator_options(self, tmp_path):
        (tmp_path / "days.toml").write_text(CALENDAR)
        return {"calendar": tmp_path / "days.toml", "limits": "none", "state": tmp_path / "state.db"}

    @pytest.fixture
    def let_days_pass(self, simulator, clock):
        def pass_days(days):
            clock.advance(days * 86_400)
            simulator.pulse()

        return pass_days

    async def buy(self, raw, simulator, order_id, symbol, quantity, *, action="BUY"):
        raw.send(*place_order(raw.version, order_id, symbol, quantity=quantity, action=action))
        con_id = instrument_named(symbol).con_id
        ledger = simulator.venue.state.ledger
        signed = quantity if action == "BUY" else -quantity
        async with asyncio.timeout(PATIENCE_S):
            while ledger.position(con_id).quantity != signed:
                simulator.venue.clock.advance(1)
                simulator.pulse()
                await raw.settle()

    async def test_holds_more_shares_at_less_after_a_split(self, raw, simulator, let_days_pass):
        await self.buy(raw, simulator, 1, "NVDA", 10)
        ledger, exchange = simulator.venue.state.ledger, simulator.venue.exchange
        before = ledger.position(NVDA.con_id).average_cost
        raw.send(61, 1)
        await raw.until(62)
        let_days_pass(1)
        told = [one for one in await raw.settle() if one[0] == "61"]

        assert ledger.position(NVDA.con_id).quantity == 40
        assert ledger.position(NVDA.con_id).average_cost == pytest.approx(before / 4)
        assert abs(exchange.worth().unrealized) < 0.1 * 40 * before / 4
        assert float(told[-1][14]) == 40

    async def test_is_paid_for_what_is_left_of_a_share(self, raw, simulator, let_days_pass):
        await self.buy(raw, simulator, 1, "MSFT", 20)
        ledger = simulator.venue.state.ledger
        cash = ledger.cash
        let_days_pass(1)
        price = simulator.venue.exchange.mark(instrument_named("MSFT").con_id)

        assert ledger.position(instrument_named("MSFT").con_id).quantity == 2
        assert price > 2000
        assert ledger.cash - cash == pytest.approx(price / 2)

    async def test_loses_the_orders_that_outlast_the_day(self, raw, simulator, let_days_pass):
        raw.send(*place_order(raw.version, 1, "NVDA", kind="LMT", limit=1.0, tif="GTC"))
        raw.send(*place_order(raw.version, 2, "KO", kind="LMT", limit=1.0, tif="GTC"))
        await raw.settle()
        let_days_pass(1)
        frames = await raw.settle()
        statuses = {one[1]: one[2] for one in frames if one[0] == "3"}
        (reason,) = [one for one in frames if one[0] == "4" and one[3] == "202"]

        assert statuses == {"1": "Cancelled"}
        assert (reason[2], "split" in reason[4]) == ("1", True)

    async def test_is_promised_a_dividend_and_then_paid(self, raw, simulator, let_days_pass):
        await self.buy(raw, simulator, 1, "KO", 100)
        ledger = simulator.venue.state.ledger
        cash = ledger.cash
        let_days_pass(1)
        worth = simulator.venue.exchange.worth()
        promised = {key: value for key, value, currency in account_values(worth, "DU1") if currency == "USD"}
        held = ledger.cash
        let_days_pass(2)

        assert (worth.dividends, held - cash, ledger.cash - cash) == (50.0, 0.0, 50.0)
        assert (promised["NetDividend"], promised["AccruedDividend"]) == ("50.00", "50.00")
        assert ledger.accruals == []

    async def test_pays_the_dividend_of_shares_it_sold_short(self, raw, simulator, let_days_pass):
        await self.buy(raw, simulator, 1, "KO", 100, action="SELL")
        cash = simulator.venue.state.ledger.cash
        let_days_pass(3)

        assert simulator.venue.state.ledger.cash - cash == -50.0

    async def test_finds_its_promises_again_after_a_restart(self, raw, simulator, let_days_pass, clock):
        await self.buy(raw, simulator, 1, "KO", 100)
        let_days_pass(1)
        cash = simulator.venue.state.ledger.cash
        await simulator.stop()
        clock.advance(3 * 86_400)
        again = open_venue(simulator.config, publish=lambda _: None)
        again.exchange.pulse()

        assert again.state.ledger.cash - cash == 50.0
        again.journal.close()

    async def test_tells_dividends_as_a_generic_tick(self, raw):
        raw.send(1, 11, 1, *contract("KO"), 0, "mdoff,456", 0, 0, "")
        (tick,) = [one for one in await raw.settle() if one[0] == "46"]

        assert tick[3:] == ["59", "0,0.5,20261119,0.5"]
