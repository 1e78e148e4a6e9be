"""An unmodified ib_insync against the simulator: what our callers run today must simply work."""

from __future__ import annotations

import asyncio
import logging

import ib_insync
import pytest
from ib_insync import LimitOrder, MarketOrder, Stock, StopOrder

from apps.simulator.instruments.universe import INSTRUMENTS
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S

AAPL = Stock("AAPL", "SMART", "USD")
MSFT = Stock("MSFT", "SMART", "USD")


class TestConnecting:
    async def test_synchronizes_without_a_time_out(self, simulator, caplog):
        ib = ib_insync.IB()
        with caplog.at_level(logging.INFO, logger="ib_insync.ib"):
            await ib.connectAsync("127.0.0.1", simulator.port, clientId=3, timeout=2)

        assert "Synchronization complete" in caplog.text
        assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
        assert ib.client.serverVersion() == 176
        assert ib.managedAccounts() == ["DU1234567"]
        ib.disconnect()

    async def test_finds_everything_again_after_reconnecting(self, simulator, ib):
        filled = ib.placeOrder(AAPL, MarketOrder("BUY", 10, tif="DAY"))
        resting = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 1.0, tif="GTC", orderRef="rest"))
        await until(lambda: filled.isDone() and resting.orderStatus.status == "Submitted")
        ib.disconnect()
        await until(lambda: not simulator.sessions)
        again = ib_insync.IB()
        await again.connectAsync("127.0.0.1", simulator.port, clientId=7, timeout=2)

        assert [one.order.orderRef for one in again.openTrades()] == ["rest"]
        assert [one.execution.shares for one in again.fills()] == [10]
        assert [one.commissionReport.commission for one in again.fills()] == [1.0]
        assert [one.position for one in again.positions()] == [10]
        assert again.client.getReqId() > resting.order.orderId
        again.disconnect()


class TestMarketData:
    async def test_every_symbol_ticks(self, ib):
        contracts = [Stock(one.symbol, "SMART", "USD") for one in INSTRUMENTS]
        await ib.qualifyContractsAsync(*contracts)
        tickers = [ib.reqMktData(one) for one in contracts]
        await until(lambda: all(one.last > 0 and one.close > 0 and one.volume > 0 for one in tickers))

        assert len(tickers) >= 60
        assert all(one.bid < one.ask and one.halted == 0 for one in tickers)
        assert [one.contract.conId for one in tickers] == [one.con_id for one in INSTRUMENTS]

    async def test_keeps_moving_until_it_is_cancelled(self, ib, simulator):
        await ib.qualifyContractsAsync(AAPL)
        ticker = ib.reqMktData(AAPL)
        await until(lambda: ticker.last > 0)
        first = ticker.time
        await until(lambda: ticker.time > first)
        ib.cancelMktData(AAPL)
        await until(lambda: not [one for one in simulator.sessions[7].streams if one[0] == "market data"])

    async def test_answers_a_snapshot(self, ib):
        await ib.qualifyContractsAsync(AAPL)
        (ticker,) = await asyncio.wait_for(ib.reqTickersAsync(AAPL), PATIENCE_S)

        assert ticker.bid > 0

    async def test_names_an_unknown_symbol(self, ib):
        errors = []
        ib.errorEvent += lambda *error: errors.append(error[1])
        assert await ib.qualifyContractsAsync(Stock("NOSUCH", "SMART", "USD")) == []

        assert 200 in errors


class TestTrading:
    async def test_buys_and_tells_fill_commission_position_and_values(self, ib):
        await ib.qualifyContractsAsync(AAPL)
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100, tif="DAY", orderRef="ref-1"))
        await until(lambda: trade.isDone() and trade.fills and trade.fills[0].commissionReport.commission)
        fill = trade.fills[0]
        await until(ib.portfolio)

        assert trade.orderStatus.status == "Filled"
        assert fill.execution.orderRef == "ref-1"
        assert fill.commissionReport.commission == 1.0
        assert ib.positions()[0].avgCost == pytest.approx(fill.execution.price + 0.01)
        cash = next(one for one in ib.accountValues() if one.tag == "TotalCashValue")
        await until(
            lambda: float(next(v for v in ib.accountValues() if v.tag == "TotalCashValue").value) < 1e6
        )
        assert cash.currency == "USD"

    async def test_modifies_and_cancels(self, ib):
        trade = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 1.0, tif="DAY"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        trade.order.lmtPrice = 1.5
        ib.placeOrder(AAPL, trade.order)
        await until(lambda: "Modified" in [one.message for one in trade.log])
        ib.cancelOrder(trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")

    async def test_runs_a_bracket(self, ib, simulator):
        bracket = ib.bracketOrder("BUY", 10, 100_000.0, 200_000.0, 1.0)
        trades = [ib.placeOrder(AAPL, order) for order in bracket]
        await until(lambda: trades[0].orderStatus.status == "Filled")
        await until(lambda: trades[1].orderStatus.status == "Submitted")
        ib.cancelOrder(bracket.stopLoss)
        await until(lambda: trades[2].orderStatus.status == "Cancelled")

    async def test_previews(self, ib):
        await ib.qualifyContractsAsync(AAPL)
        state = await asyncio.wait_for(
            ib.whatIfOrderAsync(AAPL, MarketOrder("BUY", 100, tif="DAY")), PATIENCE_S
        )

        assert float(state.initMarginChange) > 1000
        assert state.commission == 1.0

    async def test_sees_completed_orders(self, ib):
        trade = ib.placeOrder(AAPL, StopOrder("SELL", 10, 1.0, tif="DAY", orderRef="done"))
        await until(lambda: trade.orderStatus.status == "PreSubmitted")
        ib.cancelOrder(trade.order)
        await until(trade.isDone)
        completed = await asyncio.wait_for(ib.reqCompletedOrdersAsync(False), PATIENCE_S)

        assert [(one.order.orderRef, one.orderStatus.status) for one in completed] == [("done", "Cancelled")]
        assert completed[0].order.permId == trade.order.permId


class TestHistory:
    @pytest.mark.parametrize(
        "bar_size", ["5 secs", "1 min", "5 mins", "1 hour", "1 day", "1 week", "1 month"]
    )
    async def test_gives_bars(self, ib, bar_size):
        duration = {"5 secs": "1800 S", "1 week": "1 Y", "1 month": "2 Y"}.get(bar_size, "2 D")
        bars = await ib.reqHistoricalDataAsync(MSFT, "", duration, bar_size, "TRADES", True, timeout=5)

        assert len(bars) >= 2
        assert all(0 < one.low <= one.close <= one.high for one in bars)

    async def test_keeps_bars_up_to_date(self, ib):
        bars = await ib.reqHistoricalDataAsync(
            MSFT, "", "300 S", "5 secs", "TRADES", True, keepUpToDate=True, timeout=5
        )
        count = len(bars)
        changes = []
        bars.updateEvent += lambda _, has_new: changes.append(has_new)
        await until(lambda: True in changes, 12)

        assert len(bars) > count
        ib.cancelHistoricalData(bars)

    async def test_says_how_far_back_it_goes(self, ib):
        assert (
            await asyncio.wait_for(ib.reqHeadTimeStampAsync(MSFT, "TRADES", True, 1), PATIENCE_S)
        ).year == 2010


class TestLookingThingsUp:
    async def test_details_search_and_price_rule(self, ib):
        (details,) = await ib.reqContractDetailsAsync(AAPL)
        hits = await ib.reqMatchingSymbolsAsync("TSL")
        rule = await ib.reqMarketRuleAsync(26)

        assert details.longName == "APPLE INC"
        assert details.minTick == 0.01
        assert [one.contract.symbol for one in hits] == ["TSLA"]
        assert [(one.lowEdge, one.increment) for one in rule] == [(0, 0.01)]

    async def test_account_summary_profit_and_time(self, ib):
        summary = {one.tag: one.value for one in await ib.accountSummaryAsync()}
        pnl = ib.reqPnL("DU1234567")
        await until(lambda: pnl.dailyPnL == pnl.dailyPnL)

        assert summary["NetLiquidation"] == "1000000.00"
        assert pnl.dailyPnL == 0
        assert (await ib.reqCurrentTimeAsync()).year >= 2026
