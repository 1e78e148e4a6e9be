"""Options: the model they are priced by, their chains, and what their quotes promise."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from random import Random

import pytest

from apps.simulator.instruments.hours import HOURS
from apps.simulator.instruments.listings import AskedContract
from apps.simulator.instruments.lookup import matching_instruments
from apps.simulator.instruments.market_rules import increment_at, is_conforming
from apps.simulator.instruments.option_chains import option, option_root, options_of
from apps.simulator.instruments.small_stocks import FIRST_ID, small_stock_with_id
from apps.simulator.instruments.universe import BY_SYMBOL, instrument_of
from apps.simulator.market.black_scholes import OptionTerms, greeks_of, implied_volatility, price_of
from apps.simulator.market.depth import depth_at
from apps.simulator.market.derived_prices import last_second, terms_at, volatility_of
from apps.simulator.market.quotes import Market
from tests.simulator.raw_client import block

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 17, 0, 5, tzinfo=UTC).timestamp()
NO_ISSUER = [0, "", "", ""]


@pytest.fixture
def market() -> Market:
    return Market(seed=7, hours=HOURS["nyse"])


def listed(symbol: str, day: str, strike: float, right: str, sec_type: str = "OPT"):
    asked = AskedContract(symbol=symbol, sec_type=sec_type, expiry=day, strike=strike, right=right)
    (found,) = matching_instruments(asked, TODAY)
    return found


class TestModel:
    CALL = OptionTerms(strike=100, years=1, is_call=True, rate=0.05, carry=0.05)
    PUT = OptionTerms(strike=100, years=1, is_call=False, rate=0.05, carry=0.05)

    def test_gives_the_price_of_the_textbook(self):
        assert price_of(self.CALL, spot=100, volatility=0.2) == pytest.approx(10.4506, abs=1e-4)
        assert price_of(self.PUT, spot=100, volatility=0.2) == pytest.approx(5.5735, abs=1e-4)

    def test_has_the_greeks_of_its_own_slopes(self):
        for terms in (self.CALL, self.PUT):
            greeks = greeks_of(terms, spot=100, volatility=0.2)
            up, down = (price_of(terms, spot=spot, volatility=0.2) for spot in (100.01, 99.99))
            wild = price_of(terms, spot=100, volatility=0.21)

            assert greeks.delta == pytest.approx((up - down) / 0.02, abs=1e-5)
            assert greeks.gamma == pytest.approx((up - 2 * greeks.price + down) / 0.0001, abs=1e-4)
            assert greeks.vega == pytest.approx(wild - greeks.price, rel=0.01)
            assert greeks.theta < 0

    def test_finds_the_volatility_of_a_price(self):
        price = price_of(self.CALL, spot=104, volatility=0.37)

        assert implied_volatility(self.CALL, spot=104, price=price) == pytest.approx(0.37, abs=1e-6)
        assert implied_volatility(self.CALL, spot=104, price=0.5) is None
        assert implied_volatility(self.CALL, spot=104, price=105) is None

    def test_leaves_the_gain_of_exercise_at_the_end(self):
        ended = OptionTerms(strike=100, years=0, is_call=False, rate=0.05, carry=0.05)

        assert price_of(ended, spot=91, volatility=0.2) == 9
        assert price_of(ended, spot=101, volatility=0.2) == 0


class TestPrices:
    def test_keep_the_parity_of_puts_and_calls(self, market):
        spot = BY_SYMBOL["AAPL"].price(market.last_points(BY_SYMBOL["AAPL"], NOON))
        for strike in (200, 215, 220, 230, 250):
            call, put = (listed("AAPL", "20261218", strike, right) for right in "CP")
            terms = terms_at(call, NOON)
            parity = spot - strike * math.exp(-terms.rate * terms.years)
            prices = [one.price(market.last_points(one, NOON)) for one in (call, put)]
            step = max(increment_at(call, price) for price in prices)

            assert prices[0] - prices[1] == pytest.approx(parity, abs=step + 0.01)
            assert volatility_of(call) == volatility_of(put)

    def test_quote_around_the_model_on_conforming_prices(self, market):
        random = Random(3)
        root = option_root("AAPL")
        for one in random.sample([*options_of(root, TODAY, expiry="202612")], 60):
            quote, points = market.quote(one, NOON), market.last_points(one, NOON)

            assert 1 <= quote.bid < quote.ask
            assert quote.bid <= points <= quote.ask
            assert all(is_conforming(one, one.price(price)) for price in (quote.bid, points, quote.ask))

    def test_rise_with_time_and_fall_with_the_strike_of_a_call(self, market):
        months = [listed("AAPL", day, 220, "C") for day in ("20261218", "20270115", "20270617")]
        strikes = [listed("AAPL", "20261218", strike, "C") for strike in (200, 210, 220, 230)]
        by_time, by_strike = ([market.last_points(one, NOON) for one in chain] for chain in (months, strikes))

        assert by_time == sorted(by_time)
        assert by_strike == sorted(by_strike, reverse=True)

    def test_follow_a_price_set_by_hand(self, market):
        call = listed("AAPL", "20261218", 220, "C")
        before = market.last_points(call, NOON)
        market.set_price(BY_SYMBOL["AAPL"], 25_000, at=NOON)

        assert market.last_points(call, NOON) > before + 1000
        assert market.quote(call, NOON).bid > 2900

    def test_end_at_what_exercise_brings_and_stay_there(self, market):
        day = datetime(2026, 12, 18, 21, 0, tzinfo=UTC).timestamp()
        stock = BY_SYMBOL["AAPL"]
        call, put = (listed("AAPL", "20261218", 200, right) for right in "CP")
        later = day + 30 * 86_400

        assert day == last_second("20261218")
        final = stock.price(market.last_points(stock, day))
        for one, gain in ((call, final - 200), (put, 200 - final)):
            assert market.last_points(one, later) == market.last_points(one, day)
            assert one.price(market.last_points(one, later)) == pytest.approx(max(gain, 0.01), abs=0.06)

    def test_stand_in_books_of_conforming_prices(self, market):
        # Its book reaches over three dollars, where the steps change.
        one = min(
            options_of(option_root("AAPL"), TODAY, expiry="202612", right="C"),
            key=lambda one: abs(market.last_points(one, NOON) - 298),
        )
        depth = depth_at(market, one, NOON, rows=10)
        prices = [level.points for level in (*depth.bids, *depth.asks)]

        assert len(set(prices)) == len(prices) == 20
        assert all(is_conforming(one, one.price(points)) for points in prices)
        assert {level.exchange for level in depth.bids} == {"SMART"}


class TestChains:
    def test_have_weeks_and_months_for_leading_stocks_and_months_for_some_others(self):
        leading = option_root("IBM").expirations(TODAY)
        small = option_root(small_stock_with_id(FIRST_ID).symbol).expirations(TODAY)

        assert date(2026, 11, 27) in leading
        assert date(2026, 11, 27) not in small
        assert {date(2026, 12, 18), date(2027, 6, 17)} <= {*leading} & {*small}

    def test_are_remade_from_every_number(self):
        roots = [option_root("IBM"), option_root("SPX"), option_root("ES", "FOP")]
        roots.append(option_root(small_stock_with_id(FIRST_ID + 9928).symbol))
        for root in roots:
            for one in [*options_of(root, TODAY)][::31]:
                assert instrument_of(one.con_id) == one

    def test_of_futures_expire_into_the_next_contract(self):
        weekly, quarterly = (listed("ES", day, 5900, "C", "FOP") for day in ("20261127", "20261218"))

        assert instrument_of(weekly.under_con_id).local_symbol == "ESZ6"
        assert instrument_of(quarterly.under_con_id).local_symbol == "ESZ6"
        assert (weekly.trading_class, quarterly.trading_class) == ("EW4", "ES")
        assert (quarterly.local_symbol, quarterly.multiplier) == ("ESZ6 C5900", 50)

    async def test_are_told_per_exchange_and_class(self, raw):
        await raw.ask(76, 78, 1, "ES", "CME", "FUT", 620000204)
        futures = [one for one in raw.frames if one[0] == "75"]
        await raw.ask(76, 78, 2, "SPX", "", "IND", 416904)
        index = [one for one in raw.frames if one[0] == "75" and one[1] == "2"]

        assert {one[2] for one in futures} == {"CME"}
        assert {"ES", "EW4"} <= {one[4] for one in futures}
        assert {one[5] for one in futures} == {"50"}
        assert [one[2:6] for one in index] == [[place, "416904", "SPX", "100"] for place in ("SMART", "CBOE")]
        for one in (*futures, *index):
            days = int(one[6])
            assert len(one) == 8 + days + int(one[7 + days])

    async def test_keep_the_expired_for_who_asks_for_them(self, connect, raw):
        asked = block(symbol="AAPL", secType="OPT", expiry="20201016", strike=220, right="C")
        raw.send(9, 8, 1, *asked, *NO_ISSUER)
        await raw.error(200)
        past = option(option_root("AAPL"), date(2020, 10, 16), 10, right="C")
        data = await raw.ask(10, 9, 8, 2, *block(conId=past.con_id), 1, "", "", "")

        assert data[4] == "20201016"
