"""The figures of the account under IB's names, and how often a client hears of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.simulator.clock import ManualClock
from apps.simulator.control import ask_async
from apps.simulator.exchange.account_values import account_values
from apps.simulator.exchange.ledger import Worth
from tests.simulator.raw_client import place_order

VERSION = 176
TAGS = """
AccountType NetLiquidation TotalCashValue SettledCash AccruedCash BuyingPower EquityWithLoanValue
PreviousEquityWithLoanValue GrossPositionValue RegTEquity RegTMargin SMA InitMarginReq MaintMarginReq
AvailableFunds ExcessLiquidity Cushion FullInitMarginReq FullMaintMarginReq FullAvailableFunds
FullExcessLiquidity LookAheadNextChange LookAheadInitMarginReq LookAheadMaintMarginReq
LookAheadAvailableFunds LookAheadExcessLiquidity HighestSeverity DayTradesRemaining Leverage
""".split()
EXTRA_KEYS = """
AccountCode AccountReady CashBalance TotalCashBalance ExchangeRate RealCurrency Currency UnrealizedPnL
RealizedPnL StockMarketValue OptionMarketValue FutureOptionValue FuturesPNL NetLiquidationByCurrency
NetDividend AccruedDividend FxCashBalance
""".split()


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 24, 17, 0, tzinfo=UTC))


async def summary(raw, request_id, tags):
    """Ask for a summary and return its rows as tag, value, currency."""
    raw.frames.clear()
    await raw.ask(64, 62, 1, request_id, "All", tags)
    rows = [one[4:] for one in raw.frames if one[0] == "63"]
    raw.send(63, 1, request_id)
    return rows


class TestSummary:
    async def test_has_a_value_for_every_tag_in_the_order_asked(self, raw):
        rows = await summary(raw, 1, ",".join(TAGS))

        assert [one[0] for one in rows] == TAGS
        assert all(one[1] for one in rows)

    @pytest.mark.parametrize(
        ("tag", "currencies"),
        [("$LEDGER", {"BASE"}), ("$LEDGER:USD", {"USD"}), ("$LEDGER:ALL", {"BASE", "USD"})],
    )
    async def test_tells_the_ledger_by_currency(self, raw, tag, currencies):
        rows = await summary(raw, 1, tag)

        assert {one[2] for one in rows} == currencies
        assert {"CashBalance", "NetLiquidationByCurrency", "ExchangeRate"} <= {one[0] for one in rows}

    async def test_of_a_currency_the_account_has_not_is_empty(self, raw):
        assert await summary(raw, 1, "$LEDGER:XYZ") == []


class TestUpdates:
    async def test_tell_every_key_once(self, raw):
        await raw.ask(54, 6, 2, 1, "")
        keys = [(one[2], one[4]) for one in raw.frames if one[0] == "6"]

        assert len(keys) == len(set(keys))
        names = {key for key, _ in keys}
        assert {*TAGS, *EXTRA_KEYS, "NetLiquidation-S", "InitMarginReq-C"} <= names
        assert {currency for _, currency in keys} == {"", "USD", "BASE"}

    async def test_come_at_once_after_a_trade_and_else_every_three_minutes(self, raw, simulator, clock):
        await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=230, hold=True)
        raw.send(*place_order(VERSION, 1, quantity=1))
        await raw.until(59)
        await raw.ask(54, 6, 2, 1, "")
        await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=240, hold=True)
        simulator.pulse()
        quiet = await raw.settle()
        raw.send(*place_order(VERSION, 2, quantity=1))
        await raw.until(59)
        await raw.until(8)
        await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=250, hold=True)
        clock.advance(179)
        simulator.pulse()
        before = await raw.settle()
        clock.advance(2)
        simulator.pulse()
        after = await raw.settle()

        assert [one for one in quiet if one[0] in "678"] == []
        assert [one for one in before if one[0] in "678"] == []
        assert {"6", "7", "8"} <= {one[0] for one in after}

    async def test_say_when_the_figures_cannot_be_relied_on(self, raw, simulator):
        await ask_async(simulator.control_port, "policies", is_account_ready=False)
        await raw.ask(54, 6, 2, 1, "")

        assert [one[3] for one in raw.frames if one[0] == "6" and one[2] == "AccountReady"] == ["false"]


class TestSegments:
    def test_add_up_to_the_totals(self):
        worth = Worth(
            cash=900_000, gross=50_000, stock_value=50_000, unrealized=0, realized=0, daily=0,
            equity=951_000, initial_margin=22_500, futures=1_000, maintenance_margin=20_250,
            commodities=(10_000, 9_000),
        )  # fmt: skip
        told = account_values(worth, "DU1")
        values = {key: float(text) for key, text, _ in told if key.partition("-")[0] in TAGS and "." in text}

        for key in ("NetLiquidation", "InitMarginReq", "MaintMarginReq", "AvailableFunds", "ExcessLiquidity"):
            assert values[key] == pytest.approx(values[f"{key}-S"] + values[f"{key}-C"]), key
        assert values["InitMarginReq-C"] == 10_000
        assert values["MaintMarginReq-C"] == 9_000
        assert values["NetLiquidation-C"] == 11_000


class TestProfit:
    async def test_of_an_unknown_instrument_is_met_with_silence(self, raw, clock, simulator):
        raw.send(94, 64, "DU1234567", "", 999_999_999)
        clock.advance(5)
        simulator.pulse()

        assert await raw.settle() == []
        raw.send(95, 64)
        assert await raw.settle() == []

    async def test_of_the_account_comes_about_once_a_second(self, raw, clock, simulator):
        await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=230, hold=True)
        raw.send(*place_order(VERSION, 1, quantity=1))
        await raw.until(59)
        await raw.ask(94, 92, 63, "DU1234567", "")
        for price in (231, 232, 233):
            await ask_async(simulator.control_port, "set_price", symbol="AAPL", price=price, hold=True)
            clock.advance(0.3)
            simulator.pulse()
        early = await raw.settle()
        clock.advance(0.2)
        simulator.pulse()
        late = await raw.settle()

        assert [one for one in early if one[0] == "94"] == []
        assert len([one for one in late if one[0] == "94"]) == 1
