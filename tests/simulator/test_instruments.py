"""Instruments of every kind: their details, quotes and history, and orders on them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from ib_insync import (
    CFD,
    Bond,
    ComboLeg,
    Commodity,
    ContFuture,
    Contract,
    Crypto,
    Forex,
    Future,
    FuturesOption,
    Index,
    LimitOrder,
    MarketOrder,
    Option,
    Stock,
)

from apps.simulator.clock import ManualClock
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.market_rules import is_conforming
from apps.simulator.instruments.universe import instrument_of
from tests.simulator.conftest import until
from tests.simulator.raw_client import block, place_order

NOW = datetime(2026, 11, 20, 16, 24, 3, tzinfo=UTC)
NO_ISSUER = [0, "", "", ""]
EVERY_VERSION = (157, 161, 163, 164, 169, 173, 176, 177, 178)
KINDS = {
    "CASH": Forex("EURUSD"),
    "IND": Index("SPX", "CBOE"),
    "FUT": Future("ES", "202612", "CME"),
    "CONTFUT": ContFuture("ES", "CME"),
    "OPT": Option("AAPL", "20261218", 220, "C", "SMART"),
    "FOP": FuturesOption("ES", "20261218", 5800, "P", "CME"),
    "CRYPTO": Crypto("BTC", "PAXOS", "USD"),
    "CMDTY": Commodity("XAUUSD", "SMART", "USD"),
    "CFD": CFD("AAPL", "SMART", "USD"),
    "BOND": Bond(secIdType="CUSIP", secId="037833EV8", exchange="SMART"),
}
TRADED = [one for one in KINDS if one not in ("IND", "CONTFUT")]
PRICED = [one for one in KINDS if one not in ("CONTFUT", "CFD")]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


async def details_of(client, request_id: int, asked: list[object]) -> list[list[str]]:
    start = len(client.frames)
    await client.ask(52, 9, 8, request_id, *asked, *(NO_ISSUER if client.version >= 176 else NO_ISSUER[:3]))
    return [one for one in client.frames[start:] if one[0] in ("10", "18")]


class TestDetails:
    @pytest.mark.parametrize("kind", KINDS)
    async def test_of_every_kind_are_qualified_by_ib_insync(self, ib, kind):
        (found,) = await ib.qualifyContractsAsync(KINDS[kind])
        (again,) = await ib.reqContractDetailsAsync(Contract(conId=found.conId))

        assert found.conId > 0
        assert found.secType == kind
        assert again.contract.localSymbol == found.localSymbol
        assert again.minTick > 0

    @pytest.mark.parametrize("version", EVERY_VERSION)
    async def test_have_the_counts_of_the_protocol(self, connect, version):
        client = await connect(version=version)
        sizes = 3 if version >= 164 else 1 if version == 163 else 0
        future = block(symbol="ES", secType="FUT", expiry="202612", exchange="CME")
        (data,) = await details_of(client, 1, future)
        (bond,) = await details_of(client, 2, block(conId=580000001))

        before_164 = 2 if version < 164 else 0
        # No security ids for the future; one for the bond, whose sizes begin with 164.
        assert len(data) == 1 + 36 + sizes + before_164
        assert len(bond) == 1 + 32 + 2 + (3 if version >= 164 else 2)

    async def test_of_a_future_say_what_it_is_on_and_until_when(self, raw):
        (data,) = await details_of(
            raw, 1, block(symbol="ES", secType="FUT", expiry="20261218", exchange="CME")
        )

        assert data[2:12] == ["ES", "FUT", "20261218", "0", "", "CME", "USD", "ESZ6", "ES", "ES"]
        assert data[13:15] == ["0.25", "50"]
        assert data[18:22] == ["11004968", "E-mini S&P 500", "", "202612"]
        assert data[25] == "US/Central"
        assert data[31:36] == ["2147483647", "ES", "IND", "67", "20261218"]

    async def test_name_the_month_of_a_contract_that_ends_in_another(self, raw):
        (data,) = await details_of(raw, 1, block(local="CLF7", secType="FUT", exchange="NYMEX"))

        assert (data[4], data[21], data[35]) == ("20261221", "202701", "20261221")

    async def test_of_a_bond_have_their_own_message(self, ib):
        (found,) = await ib.reqContractDetailsAsync(KINDS["BOND"])

        assert (found.cusip, found.coupon, found.maturity) == ("037833EV8", 4, "20330510")
        assert found.contract.secType == "BOND"
        assert found.secIdList[0].value == "037833EV8"

    async def test_of_a_lead_future_bear_its_number(self, ib):
        (lead,) = await ib.qualifyContractsAsync(KINDS["CONTFUT"])
        (future,) = await ib.qualifyContractsAsync(KINDS["FUT"])

        assert (lead.secType, lead.conId, lead.localSymbol) == ("CONTFUT", future.conId, "ESZ6")

    @pytest.mark.parametrize("kind", ["FUND", "WAR", "BAG", "NEWS", "EVENT", "XYZ"])
    async def test_of_kinds_that_are_not_listed_are_refused(self, raw, kind):
        raw.send(9, 8, 5, *block(symbol="AAPL", secType=kind, exchange="SMART"), *NO_ISSUER)

        assert (await raw.error(200))[2] == "5"


class TestAmbiguity:
    @pytest.mark.parametrize(
        ("asked", "count"),
        [
            ({"symbol": "ES", "secType": "FUT", "exchange": "CME"}, 9),
            ({"symbol": "ES", "secType": "FUT+CONTFUT", "exchange": "CME"}, 10),
            ({"symbol": "AAPL", "secType": "OPT", "expiry": "20261218", "strike": 220}, 2),
        ],
        ids=str,
    )
    async def test_lists_all_in_details_and_refuses_quotes_and_orders(self, raw, asked, count):
        found = await details_of(raw, 1, block(**asked))
        raw.send(1, 11, 2, *block(**asked), 0, "", 0, 0, "")
        quotes = await raw.error(200)
        order = place_order(176, 3)
        order[2:14] = block(**asked)
        raw.send(*order)
        refused = await raw.error(200)

        assert len(found) == count
        text = f"The contract description specified for {asked['symbol']} is ambiguous."
        assert quotes[4] == refused[4] == text
        assert (quotes[2], refused[2]) == ("2", "3")


class TestQuotes:
    @pytest.mark.parametrize("kind", PRICED)
    async def test_of_every_kind_reach_ib_insync(self, ib, kind):
        (contract,) = await ib.qualifyContractsAsync(KINDS[kind])
        instrument = instrument_of(contract.conId)
        ticker = ib.reqMktData(contract)
        await until(lambda: ticker.close > 0 and (ticker.last > 0 or ticker.bid > 0))

        assert (ticker.bid > 0) is instrument.has_quotes
        assert (ticker.last > 0) is instrument.has_trades
        assert (ticker.volume > 0) is (instrument.has_volume)
        assert ticker.minTick == instrument.point
        if instrument.has_quotes:
            assert ticker.bid < ticker.ask
            assert is_conforming(instrument, ticker.bid)
            assert is_conforming(instrument, ticker.ask)

    async def test_of_a_coin_have_sizes_with_decimals(self, raw):
        raw.send(1, 11, 1, *block(symbol="BTC", secType="CRYPTO", exchange="PAXOS"), 0, "", 0, 0, "")
        sizes = [one[4] for one in await raw.settle() if one[0] == "2" and one[3] in ("0", "3", "5")]

        assert len(sizes) == 3
        assert any(float(one) % 1 for one in sizes)

    async def test_of_a_contract_for_difference_are_those_of_its_stock(self, raw):
        data = block(symbol="AAPL", secType="CFD", exchange="SMART")
        assert await raw.ask(91, 1, 11, 1, *data, 0, "", 0, 0, "") == ["91", "1", "265598", "SMART"]
        assert await raw.ask(92, 10, 5, 2, *data, 5, 1, "") == ["92", "2", "265598", "SMART"]

    async def test_of_a_lead_future_are_not_offered(self, raw):
        raw.send(1, 11, 1, *block(symbol="ES", secType="CONTFUT", exchange="CME"), 0, "", 0, 0, "")

        assert (await raw.error(321))[2] == "1"

    async def test_in_lots_are_only_those_of_stocks(self, connect, simulator, clock):
        client = await connect(version=157)
        client.send(
            1, 11, 1, *block(symbol="ES", secType="FUT", expiry="202612", exchange="CME"), 0, "", 0, 0, ""
        )
        client.send(1, 11, 2, *block(symbol="AAPL", secType="STK", exchange="SMART"), 0, "", 0, 0, "")
        ticks = [one for one in await client.settle() if one[0] == "2" and one[3] == "0"]
        market = simulator.venue.market
        future = next(one for one in ticks if one[2] == "1")
        stock = next(one for one in ticks if one[2] == "2")

        assert int(future[4]) == market.quote(instrument_of(620000204), clock.epoch()).bid_size
        assert int(stock[4]) * 100 == market.quote(instrument_of(265598), clock.epoch()).bid_size


class TestHistory:
    @pytest.mark.parametrize(
        ("kind", "what", "code"),
        [
            ("CASH", "TRADES", 162),
            ("CMDTY", "TRADES", 162),
            ("IND", "BID", 162),
            ("CRYPTO", "TRADES", 10299),
            ("FUT", "AGGTRADES", 162),
        ],
    )
    async def test_is_refused_where_there_is_none(self, ib, kind, what, code):
        errors = []
        ib.errorEvent += lambda *error: errors.append(error[1])
        bars = await ib.reqHistoricalDataAsync(KINDS[kind], "", "1 D", "1 hour", what, True, timeout=3)

        assert ([*bars], errors) == ([], [code])

    @pytest.mark.parametrize(
        ("kind", "what"),
        [
            ("CASH", "MIDPOINT"),
            ("IND", "TRADES"),
            ("FUT", "TRADES"),
            ("CONTFUT", "TRADES"),
            ("OPT", "BID_ASK"),
            ("FOP", "TRADES"),
            ("CRYPTO", "AGGTRADES"),
            ("BOND", "TRADES"),
        ],
    )
    async def test_agrees_with_the_market(self, ib, simulator, clock, kind, what):
        (contract,) = await ib.qualifyContractsAsync(KINDS[kind])
        bars = await ib.reqHistoricalDataAsync(contract, "", "2 D", "1 hour", what, True, timeout=3)
        days = await ib.reqHistoricalDataAsync(contract, "", "2 D", "1 day", what, True, timeout=3)

        assert len(bars) >= 46
        assert all(0 < one.low <= min(one.open, one.close) <= one.high for one in bars)
        assert max(one.high for one in bars if f"{one.date:%d}" == "20") == days[-1].high
        if what == "TRADES":
            instrument = instrument_of(contract.conId)
            last = simulator.venue.market.last_points(instrument, clock.epoch())
            assert bars[-1].close == instrument.price(last)

    async def test_of_a_contract_begins_when_it_was_listed(self, ib):
        head = await ib.reqHeadTimeStampAsync(KINDS["FUT"], "TRADES", True, 1)

        assert head.year == 2024

    @pytest.mark.parametrize(
        ("kind", "tick_type"), [("CASH", "Last"), ("IND", "BidAsk"), ("IND", "MidPoint")]
    )
    async def test_of_single_ticks_is_refused_where_there_is_none(self, raw, kind, tick_type):
        asked = {"CASH": block(symbol="EUR", secType="CASH"), "IND": block(symbol="SPX", secType="IND")}[kind]
        raw.send(97, 1, *asked, tick_type, 0, 0)

        assert (await raw.error(10189))[2] == "1"


class TestOrders:
    @pytest.mark.parametrize("kind", TRADED)
    async def test_fill_and_are_held_with_their_multiplier(self, ib, simulator, kind):
        (contract,) = await ib.qualifyContractsAsync(KINDS[kind])
        instrument: Instrument = instrument_of(contract.conId)
        quantity = 0.05 if kind == "CRYPTO" else 1
        trade = ib.placeOrder(contract, MarketOrder("BUY", quantity, tif="DAY"))
        await until(lambda: trade.isDone() and trade.fills[0].commissionReport.commission)
        (fill,) = trade.fills
        await until(ib.positions)
        (position,) = ib.positions()

        assert fill.contract.localSymbol == contract.localSymbol
        assert fill.execution.exchange == instrument.trading_exchange
        assert position.contract.secType == kind
        assert position.position == quantity
        cost = fill.execution.price * instrument.multiplier + fill.commissionReport.commission / quantity
        assert position.avgCost == pytest.approx(cost)

    async def test_on_a_future_leave_the_cash_and_bind_margin(self, ib, simulator):
        (contract,) = await ib.qualifyContractsAsync(KINDS["FUT"])
        trade = ib.placeOrder(contract, MarketOrder("SELL", 2, tif="DAY"))
        await until(lambda: trade.isDone() and trade.fills[0].commissionReport.commission)
        worth = simulator.venue.exchange.worth()

        assert worth.cash == pytest.approx(1_000_000, abs=50)
        assert worth.gross == 0
        assert worth.futures == pytest.approx(worth.unrealized)
        assert 40_000 < worth.initial_margin < 60_000

    @pytest.mark.parametrize(
        ("kind", "price", "is_fine"),
        [
            ("FUT", 5000.25, True),
            ("FUT", 5000.10, False),
            ("CASH", 1.05005, True),
            ("CASH", 1.05003, False),
            ("OPT", 2.99, True),
            ("OPT", 3.05, True),
            ("OPT", 3.06, False),
            ("CRYPTO", 50_000.01, True),
            ("CRYPTO", 50_000.001, False),
        ],
    )
    async def test_name_prices_on_the_steps_of_their_contract(self, ib, kind, price, is_fine):
        (contract,) = await ib.qualifyContractsAsync(KINDS[kind])
        errors = []
        ib.errorEvent += lambda *error: errors.append(error[1])
        trade = ib.placeOrder(contract, LimitOrder("BUY", 1, price, tif="DAY"))
        await until(lambda: errors or trade.orderStatus.status in ("Submitted", "Filled"))

        assert errors == ([] if is_fine else [110])

    @pytest.mark.parametrize(
        ("kind", "quantity", "code"), [("FUT", 0.5, 10318), ("OPT", 1.5, 10318), ("CRYPTO", 0.000015, 461)]
    )
    async def test_name_whole_quantities(self, ib, kind, quantity, code):
        (contract,) = await ib.qualifyContractsAsync(KINDS[kind])
        trade = ib.placeOrder(contract, MarketOrder("BUY", quantity, tif="DAY"))
        await until(lambda: trade.log[-1].errorCode)

        assert trade.log[-1].errorCode == code

    @pytest.mark.parametrize("kind", ["IND", "CONTFUT"])
    async def test_on_what_cannot_be_traded_are_refused(self, ib, kind):
        (contract,) = await ib.qualifyContractsAsync(KINDS[kind])
        trade = ib.placeOrder(contract, MarketOrder("BUY", 1, tif="DAY"))
        await until(lambda: trade.log[-1].errorCode)

        assert trade.log[-1].errorCode in (387, 321)
        assert ib.positions() == []


class TestMarketRules:
    async def test_are_told_with_their_steps(self, ib):
        (option,) = await ib.reqContractDetailsAsync(KINDS["OPT"])
        (pair,) = await ib.reqContractDetailsAsync(KINDS["CASH"])
        rules = [await ib.reqMarketRuleAsync(int(one.marketRuleIds.split(",")[0])) for one in (option, pair)]

        assert [(one.lowEdge, one.increment) for one in rules[0]] == [(0, 0.01), (3, 0.05)]
        assert [(one.lowEdge, one.increment) for one in rules[1]] == [(0, 0.00005)]


class TestCombinations:
    async def test_are_quoted_at_the_sum_of_their_legs(self, ib, simulator, clock):
        legs = await ib.qualifyContractsAsync(
            Option("AAPL", "20261218", 220, "C", "SMART"), Option("AAPL", "20261218", 230, "C", "SMART")
        )
        bag = Contract(secType="BAG", symbol="AAPL", exchange="SMART", currency="USD")
        bag.comboLegs = [_leg(legs[0], "BUY"), _leg(legs[1], "SELL")]
        ticker = ib.reqMktData(bag)
        await until(lambda: ticker.bid > 0)
        near, far = (simulator.venue.market.quote(instrument_of(one.conId), clock.epoch()) for one in legs)

        assert ticker.bid == pytest.approx((near.bid - far.ask) / 100)
        assert ticker.ask == pytest.approx((near.ask - far.bid) / 100)

    async def test_of_unknown_legs_are_refused(self, raw):
        bag = block(symbol="AAPL", secType="BAG", exchange="SMART", currency="USD")
        raw.send(1, 11, 4, *bag, 1, 12345, 1, "BUY", "SMART", 0, "", 0, 0, "")

        assert (await raw.error(200))[2] == "4"

    async def test_have_a_history(self, ib):
        legs = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"), Stock("MSFT", "SMART", "USD"))
        bag = Contract(secType="BAG", symbol="AAPL", exchange="SMART", currency="USD")
        bag.comboLegs = [_leg(legs[1], "BUY"), _leg(legs[0], "SELL")]
        bars = await asyncio.wait_for(
            ib.reqHistoricalDataAsync(bag, "", "1 D", "1 hour", "TRADES", True, timeout=3), 4
        )

        assert len(bars) >= 24
        assert all(one.low <= one.open <= one.high for one in bars)


def _leg(contract: Contract, action: str):
    return ComboLeg(conId=contract.conId, ratio=1, action=action, exchange="SMART")
