"""Ten thousand known symbols: always the same, found by letters, and light."""

from __future__ import annotations

import pytest

from apps.simulator.instruments.hours import HOURS
from apps.simulator.instruments.lookup import MAX_HITS, search
from apps.simulator.instruments.small_stocks import (
    COUNT,
    FIRST_ID,
    rows,
    small_stock_named,
    small_stock_with_id,
)
from apps.simulator.instruments.universe import (
    BY_SYMBOL,
    KNOWN_STOCKS,
    instrument_named,
    instrument_of,
    stock_named,
)
from apps.simulator.market.quotes import Market
from tests.simulator.raw_client import contract, place_order

NOON = 1_795_190_400.0


class TestSmallStocks:
    def test_make_ten_thousand_with_the_known_ones(self):
        symbols = {one.symbol for one in rows()}

        assert len(symbols) == COUNT
        assert len(symbols | BY_SYMBOL.keys()) == KNOWN_STOCKS == 10_000

    def test_are_the_same_in_every_run(self):
        first, last = small_stock_with_id(FIRST_ID), small_stock_with_id(FIRST_ID + COUNT - 1)

        assert (first.con_id, first.symbol, first.name) == (
            700_000_000,
            "WBZ",
            "CASCADE CRYSTAL NETWORKS GROUP INC",
        )
        assert small_stock_with_id(FIRST_ID + COUNT) is None
        assert instrument_of(last.con_id) is stock_named(last.symbol) is small_stock_named(last.symbol)

    def test_have_plausible_prices(self):
        market = Market(seed=7, hours=HOURS["always"])
        for place in range(0, COUNT, 499):
            stock = small_stock_with_id(FIRST_ID + place)
            quote = market.quote(stock, NOON)

            assert 1 <= quote.bid < quote.ask
            assert 1.0 < stock.start_price < 300
            assert stock.price(quote.last) == pytest.approx(stock.start_price, rel=0.8)

    async def test_are_quoted_and_traded_like_the_others(self, raw):
        symbol = small_stock_with_id(FIRST_ID + 5000).symbol
        raw.send(1, 11, 1, *contract(symbol), 0, "", 0, 0, "")
        bid = await raw.until(1)
        raw.send(*place_order(176, 1, symbol, quantity=10))
        fill = await raw.until(11)

        assert float(bid[4]) > 0
        assert fill[4] == symbol


class TestSearch:
    def test_puts_the_known_symbol_first_and_names_last(self):
        assert search("msf")[0].symbol == "MSFT"
        assert "MICROSOFT CORP" in [one.name for one in search("microso")]
        assert search("") == []
        assert search("zzzzzz") == []

    def test_gives_no_more_than_a_gateway(self):
        assert len(search("A")) == len(search("inc")) == MAX_HITS

    def test_finds_every_kind(self):
        found = {
            (one.symbol, one.sec_type) for text in ("ES", "EUR", "BTC", "XAU", "SPX") for one in search(text)
        }

        assert {
            ("ES", "IND"),
            ("EUR", "CASH"),
            ("BTC", "CRYPTO"),
            ("XAUUSD", "CMDTY"),
            ("SPX", "IND"),
        } <= found

    async def test_tells_what_there_is_on_an_underlying(self, raw):
        future = await raw.ask(79, 81, 1, "E-mini S&P")
        index = await raw.ask(79, 81, 2, "NDX")

        assert future[3:7] == ["11004968", "ES", "IND", "CME"]
        assert future[8:11] == ["2", "FUT", "FOP"]
        assert index[8:10] == ["1", "OPT"]


class TestNames:
    @pytest.mark.parametrize("name", ["AAPL", "brk b", "EUR.USD", "ES", "620000204", "WBZ"])
    def test_name_anything_that_has_a_price(self, name):
        assert instrument_named(name) is not None

    @pytest.mark.parametrize("name", ["", "NOSUCH", "1", "99999999999999999999"])
    def test_name_nothing_that_has_none(self, name):
        assert instrument_named(name) is None
