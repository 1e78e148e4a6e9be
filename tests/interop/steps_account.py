"""Steps about the account, after the orders: what it holds, what it is worth, how the session ends."""

from __future__ import annotations

import math

from tests.interop.desk import Desk

#: What every session must have heard, by the names all libraries use.
HEARD = frozenset(
    """
    accountDownloadEnd accountSummary accountSummaryEnd accountUpdateMulti accountUpdateMultiEnd
    commissionReport completedOrder completedOrdersEnd contractDetails contractDetailsEnd currentTime
    displayGroupList displayGroupUpdated execDetails execDetailsEnd familyCodes headTimestamp
    histogramData historicalData historicalDataEnd historicalDataUpdate historicalNews historicalNewsEnd
    historicalTicks historicalTicksBidAsk historicalTicksLast managedAccounts marketDataType marketRule
    mktDepthExchanges newsArticle newsProviders nextValidId openOrder openOrderEnd orderStatus pnl
    pnlSingle position positionEnd positionMulti positionMultiEnd realtimeBar scannerData scannerDataEnd
    scannerParameters securityDefinitionOptionParameter securityDefinitionOptionParameterEnd
    smartComponents softDollarTiers symbolSamples tickByTickAllLast tickByTickBidAsk tickByTickMidPoint
    tickGeneric tickOptionComputation tickPrice tickReqParams tickSize tickSnapshotEnd tickString
    updateAccountTime updateAccountValue updateMktDepth updateMktDepthL2 updatePortfolio
""".split()
)


def _amount(values: dict[str, tuple[str, str]], key: str) -> float:
    text, currency = values[key]
    assert currency in ("USD", "BASE"), (key, currency)
    return float(text)


def _average_cost(desk: Desk) -> float:
    """Return what a share of the market order's position cost, commission included."""
    assert desk.bought, "nothing was bought"
    value = sum(float(one.shares) * one.price for one in desk.bought.executions)
    return (value + sum(one.commission for one in desk.bought.commissions)) / 100


async def account_updates(desk: Desk) -> None:
    values, portfolio = await desk.peer.account_updates()
    (held,) = [one for one in portfolio if one.contract.symbol == "KO" and one.position]
    assert float(held.position) == 100, held
    assert math.isclose(held.average_cost, _average_cost(desk), rel_tol=1e-4), held
    assert math.isclose(held.value, held.price * 100, rel_tol=1e-4), held
    assert math.isclose(held.unrealized, held.value - held.average_cost * 100, abs_tol=0.1), held
    assert 0 < _amount(values, "TotalCashValue") < 1_000_000, values["TotalCashValue"]
    assert 900_000 < _amount(values, "NetLiquidation") < 1_100_000, values["NetLiquidation"]
    assert values["AccountReady"][0] == "true", values["AccountReady"]


async def account_summary(desk: Desk) -> None:
    tags = ("AccountType", "NetLiquidation", "TotalCashValue", "BuyingPower", "InitMarginReq")
    values = await desk.peer.account_summary(",".join(tags))
    assert set(values) >= set(tags), sorted(values)
    assert 900_000 < _amount(values, "NetLiquidation") < 1_100_000, values["NetLiquidation"]
    assert _amount(values, "InitMarginReq") > 0, values["InitMarginReq"]


async def account_updates_multi(desk: Desk) -> None:
    values = await desk.peer.account_updates_multi()
    assert 900_000 < _amount(values, "NetLiquidation") < 1_100_000, values["NetLiquidation"]


async def positions(desk: Desk) -> None:
    found = await desk.peer.positions()
    (held,) = [one for one in found if one.contract.symbol == "KO"]
    assert held.account == desk.peer.account, held
    assert float(held.position) == 100, held
    assert math.isclose(held.average_cost, _average_cost(desk), rel_tol=1e-4), held
    assert held.contract.currency == "USD", held.contract


async def positions_multi(desk: Desk) -> None:
    found = await desk.peer.positions_multi()
    (held,) = [one for one in found if one.contract.symbol == "KO"]
    assert float(held.position) == 100, held
    assert math.isclose(held.average_cost, _average_cost(desk), rel_tol=1e-4), held


async def pnl(desk: Desk) -> None:
    daily, unrealized, realized = await desk.peer.pnl()
    assert all(abs(one) < 100_000 for one in (daily, unrealized, realized)), (daily, unrealized, realized)
    assert realized != 0, "nothing was realized although positions were closed"


async def pnl_single(desk: Desk) -> None:
    stock = await desk.stock("KO")
    position, _, unrealized, realized, value = await desk.peer.pnl_single(stock.conId)
    assert position == 100, position
    assert realized == 0, realized
    assert math.isclose(unrealized, value - _average_cost(desk) * 100, abs_tol=0.1), (unrealized, value)


async def all_callbacks(desk: Desk) -> None:
    unheard = sorted(one for one in HEARD - desk.peer.deaf_to if not desk.peer.journal.calls[one])
    assert not unheard, f"never called: {', '.join(unheard)}"


async def no_surprises(desk: Desk) -> None:
    found = desk.peer.journal.surprises()
    assert not found, f"{len(found)}: " + " · ".join(found[:5])


async def disconnect(desk: Desk) -> None:
    await desk.peer.disconnect()
