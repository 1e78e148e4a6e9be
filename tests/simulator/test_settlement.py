"""The end of contracts: futures and index options in cash, stock options in the stock."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from ib_insync import Contract, LimitOrder, MarketOrder

from apps.simulator.clock import ManualClock
from apps.simulator.instruments.futures import ROOT_BY_SYMBOL, futures_of
from apps.simulator.instruments.option_chains import option_root, options_of
from apps.simulator.instruments.universe import BY_SYMBOL, instrument_of
from apps.simulator.market.derived_prices import last_second
from tests.simulator.conftest import until

TODAY = date(2026, 12, 18)
AAPL = BY_SYMBOL["AAPL"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 12, 18, 20, 30, tzinfo=UTC))


def expiring(symbol: str, right: str, *, nearest_to: float):
    chain = options_of(option_root(symbol), TODAY, expiry="20261218", right=right)
    return min(chain, key=lambda one: abs(one.strike - nearest_to))


async def trade(ib, instrument, action: str, quantity: float):
    (contract,) = await ib.qualifyContractsAsync(Contract(conId=instrument.con_id))
    done = ib.placeOrder(contract, MarketOrder(action, quantity, tif="DAY"))
    await until(lambda: done.isDone() and done.fills[-1].commissionReport.commission)
    return contract


async def pass_the_end(simulator, clock) -> None:
    clock.advance(last_second("20261218") + 2 - clock.epoch())
    simulator.pulse()


class TestSettlement:
    async def test_turns_a_stock_option_worth_exercising_into_stock(self, ib, simulator, clock):
        spot = AAPL.price(simulator.venue.market.last_points(AAPL, clock.epoch()))
        call, put = (expiring("AAPL", right, nearest_to=spot - 20) for right in "CP")
        await trade(ib, call, "BUY", 1)
        await trade(ib, put, "BUY", 1)
        before = simulator.venue.exchange.worth().equity
        await pass_the_end(simulator, clock)
        ledger = simulator.venue.state.ledger

        assert [(one.con_id, one.quantity, one.average_cost) for one in ledger.held()] == [
            (AAPL.con_id, 100, call.strike)
        ]
        assert simulator.venue.exchange.worth().equity == pytest.approx(before, abs=500)
        await until(lambda: [one.position for one in ib.positions()] == [100])

    async def test_delivers_what_an_assigned_put_takes(self, ib, simulator, clock):
        spot = AAPL.price(simulator.venue.market.last_points(AAPL, clock.epoch()))
        put = expiring("AAPL", "P", nearest_to=spot + 20)
        await trade(ib, put, "SELL", 2)
        await pass_the_end(simulator, clock)

        (left,) = simulator.venue.state.ledger.held()
        assert (left.con_id, left.quantity) == (AAPL.con_id, 200)

    async def test_pays_futures_and_index_options_in_cash(self, ib, simulator, clock):
        market = simulator.venue.market
        index = instrument_of(416904)
        spot = index.price(market.last_points(index, clock.epoch()))
        future = futures_of(ROOT_BY_SYMBOL["MES"], TODAY)[0]
        await trade(ib, future, "SELL", 1)
        await trade(ib, expiring("SPX", "C", nearest_to=spot - 300), "BUY", 1)
        before = simulator.venue.exchange.worth()
        await pass_the_end(simulator, clock)
        after = simulator.venue.exchange.worth()

        assert simulator.venue.state.ledger.held() == []
        assert after.cash == after.equity == pytest.approx(before.equity, abs=3000)
        assert after.initial_margin == 0

    async def test_cancels_orders_that_would_rest_for_ever(self, ib, simulator, clock):
        future = futures_of(ROOT_BY_SYMBOL["ES"], TODAY)[0]
        (contract,) = await ib.qualifyContractsAsync(Contract(conId=future.con_id))
        order = ib.placeOrder(contract, LimitOrder("BUY", 1, 1000.0, tif="GTC"))
        await until(lambda: order.orderStatus.status == "Submitted")
        await pass_the_end(simulator, clock)

        await until(lambda: order.orderStatus.status == "Cancelled")
