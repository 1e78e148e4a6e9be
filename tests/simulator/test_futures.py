"""Futures: their calendar, their numbers, and prices that meet the index at the end."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from apps.simulator.instruments.futures import (
    ROOT_BY_SYMBOL,
    ROOTS,
    UNDERLYINGS,
    contract_month,
    futures_of,
    last_trading_day,
    lead_contract,
)
from apps.simulator.instruments.hours import HOURS, session_at
from apps.simulator.instruments.market_rules import is_conforming
from apps.simulator.instruments.session_calendars import CURRENCY_HOURS, FUTURES_HOURS, hours_for
from apps.simulator.instruments.spot_instruments import SPOT_BY_NAME
from apps.simulator.instruments.universe import BY_SYMBOL, instrument_of
from apps.simulator.market.derived_prices import last_second, years_left
from apps.simulator.market.quotes import Market
from tests.simulator.raw_client import block

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 17, 0, 5, tzinfo=UTC).timestamp()
ES = ROOT_BY_SYMBOL["ES"]


@pytest.fixture
def market() -> Market:
    return Market(seed=7, hours=HOURS["nyse"])


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class TestCalendar:
    @pytest.mark.parametrize(
        ("symbol", "year", "month", "day"),
        [
            ("ES", 2026, 12, "2026-12-18"),
            ("ES", 2027, 3, "2027-03-19"),
            ("CL", 2027, 1, "2026-12-21"),
            ("CL", 2027, 2, "2027-01-20"),
            ("NG", 2027, 1, "2026-12-29"),
            ("GC", 2026, 12, "2026-12-29"),
            ("EUR", 2026, 12, "2026-12-14"),
            ("ZN", 2026, 12, "2026-12-21"),
        ],
    )
    def test_ends_trading_on_the_day_of_its_exchange(self, symbol, year, month, day):
        rule = ROOT_BY_SYMBOL[symbol].expires

        assert last_trading_day(rule, year, month) == date.fromisoformat(day)

    def test_lists_the_coming_months_and_on_demand_the_past_two_years(self):
        coming = futures_of(ES, TODAY)
        all_of_them = futures_of(ES, TODAY, with_expired=True)

        assert [one.local_symbol for one in coming[:3]] == ["ESZ6", "ESH7", "ESM7"]
        assert len(coming) == 9
        assert [one.local_symbol for one in all_of_them[:2]] == ["ESZ4", "ESH5"]
        assert all_of_them[-9:] == coming

    def test_rolls_the_lead_before_its_last_week(self):
        assert lead_contract(ES, date(2026, 12, 11)).local_symbol == "ESZ6"
        assert lead_contract(ES, date(2026, 12, 12)).local_symbol == "ESH7"

    def test_gives_every_contract_a_number_from_which_it_is_remade(self):
        contracts = [one for root in ROOTS for one in futures_of(root, TODAY, with_expired=True)]

        assert len({one.con_id for one in contracts}) == len(contracts)
        assert all(instrument_of(one.con_id) == one for one in contracts)
        assert all(contract_month(one)[3] == one.local_symbol[-1] for one in contracts)

    async def test_refuses_an_expired_contract_unless_it_is_asked_for(self, raw):
        past = futures_of(ES, TODAY, with_expired=True)[0]
        asked = block(symbol="ES", secType="FUT", expiry=past.expiry, exchange="CME")
        raw.send(9, 8, 1, *asked, 0, "", "", "")
        refused = await raw.error(200)
        data = await raw.ask(10, 9, 8, 2, *asked, 1, "", "", "")
        raw.send(1, 11, 3, *block(conId=past.con_id), 0, "", 0, 0, "")

        assert refused[2] == "1"
        assert data[9] == "ESZ4"
        assert (await raw.error(200))[2] == "3"


class TestPrices:
    @pytest.mark.parametrize("root", ROOTS, ids=lambda one: one.symbol)
    def test_conform_and_are_near_the_underlying(self, market, root):
        under = UNDERLYINGS[ROOTS.index(root)]
        spot = under.price(market.last_points(under, NOON))
        for one in futures_of(root, TODAY)[:4]:
            quote = market.quote(one, NOON)

            assert all(is_conforming(one, one.price(points)) for points in (quote.bid, quote.ask, quote.last))
            assert one.price(quote.last) == pytest.approx(spot, rel=0.05 + 0.1 * years_left(one, NOON))

    def test_of_small_and_large_contracts_are_one(self, market):
        large, small = (futures_of(ROOT_BY_SYMBOL[symbol], TODAY)[0] for symbol in ("ES", "MES"))

        assert market.last_points(large, NOON) == market.last_points(small, NOON)
        assert (large.multiplier, small.multiplier) == (50, 5)

    def test_meet_the_index_at_the_end(self, market):
        future = futures_of(ES, TODAY)[0]
        index = SPOT_BY_NAME["SPX"]
        end = last_second(future.expiry)

        assert future.price(market.last_points(future, end)) == pytest.approx(
            index.price(market.last_points(UNDERLYINGS[0], end)), abs=0.15
        )
        assert market.last_points(future, end + 10 * 86_400) == market.last_points(future, end)

    def test_follow_the_fund_their_index_is_made_of(self, market):
        future, fund = futures_of(ES, TODAY)[0], BY_SYMBOL["SPY"]
        before = market.last_points(future, NOON)
        market.set_price(fund, round(market.last_points(fund, NOON) * 1.1), at=NOON)

        assert market.last_points(future, NOON) == pytest.approx(before * 1.1, rel=0.001)

    def test_of_days_and_seconds_agree(self, market):
        future = futures_of(ES, TODAY)[0]
        session = session_at(market.hours_of(future), NOON)
        whole = market.stretch(future, session.start, session.end)
        parts = [
            market.stretch(future, start, start + 700)
            for start in range(session.start, session.end - 700, 700)
        ]

        assert whole.opening == parts[0].opening
        assert whole.high >= max(one.high for one in parts)
        assert whole.low <= min(one.low for one in parts)
        assert whole.volume > 0


class TestHours:
    def test_of_futures_run_from_the_evening_before_with_a_break(self):
        assert session_at(FUTURES_HOURS, at("2026-11-22T18:00:00-05:00")).day == date(2026, 11, 23)
        assert session_at(FUTURES_HOURS, at("2026-11-22T17:59:59-05:00")) is None
        assert session_at(FUTURES_HOURS, at("2026-11-20T17:00:00-05:00")) is None
        assert session_at(FUTURES_HOURS, at("2026-11-23T17:30:00-05:00")) is None

    def test_of_holidays_are_short_or_none(self):
        assert session_at(FUTURES_HOURS, at("2026-11-26T12:59:00-05:00")) is not None
        assert session_at(FUTURES_HOURS, at("2026-11-26T13:00:00-05:00")) is None
        assert session_at(FUTURES_HOURS, at("2026-12-25T11:00:00-05:00")) is None
        assert session_at(FUTURES_HOURS, at("2027-03-26T11:00:00-04:00")) is None

    def test_of_currencies_break_for_a_quarter_of_an_hour(self):
        assert session_at(CURRENCY_HOURS, at("2026-11-23T17:14:00-05:00")) is None
        assert session_at(CURRENCY_HOURS, at("2026-11-23T17:15:00-05:00")).day == date(2026, 11, 24)
        assert session_at(CURRENCY_HOURS, at("2026-11-26T12:00:00-05:00")) is not None

    def test_depend_on_the_kind_only_where_the_venue_keeps_hours(self):
        coin, pair = SPOT_BY_NAME["BTC.USD"], SPOT_BY_NAME["EUR.USD"]

        assert hours_for(coin, HOURS["nyse"]) is HOURS["always"]
        assert hours_for(pair, HOURS["nyse"]) is CURRENCY_HOURS
        assert hours_for(pair, HOURS["always"]) is HOURS["always"]
        assert hours_for(BY_SYMBOL["AAPL"], HOURS["nyse"]) is HOURS["nyse"]
        assert hours_for(SPOT_BY_NAME["SPX"], HOURS["nyse"]) is HOURS["nyse"]

    def test_let_a_future_trade_while_stocks_stand(self, market):
        evening = at("2026-11-22T20:00:00-05:00")
        future, fund = futures_of(ES, TODAY)[0], BY_SYMBOL["SPY"]

        assert market.is_open(evening, future)
        assert not market.is_open(evening, fund)
        assert market.quote(future, evening) != market.quote(future, evening + 600)
        assert market.quote(fund, evening) == market.quote(fund, evening + 600)
