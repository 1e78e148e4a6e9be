"""Steps about orders, one after the other in one account: each leaves behind only what it says."""

from __future__ import annotations

import math
from typing import Any

from tests.interop.desk import Desk
from tests.interop.facts import Working

CANCELLED = ("Cancelled", "ApiCancelled")
CANCEL_CODES = (202,)


async def _cancel(desk: Desk, working: Working) -> None:
    await desk.peer.cancel(working)
    await working.reaches(*CANCELLED)
    await working.is_refused(*CANCEL_CODES)


def _shares(working: Working) -> float:
    return sum(float(one.shares) for one in working.executions)


async def is_filled(desk: Desk, working: Working) -> None:
    """Wait for fills and commissions, and check that everything told about them agrees."""
    await working.reaches("Filled")
    await working.is_charged()
    last, fills = working.last, working.executions
    value = sum(float(one.shares) * one.price for one in fills)
    assert float(last.filled) == _shares(working), (last, fills)
    assert float(last.remaining) == 0, last
    assert math.isclose(last.average, value / _shares(working), rel_tol=1e-6), (last.average, fills)
    assert math.isclose(float(fills[-1].cumQty), _shares(working)), fills[-1]
    assert all(one.permId == last.perm_id > 0 for one in fills), fills
    assert all(one.acctNumber == desk.peer.account for one in fills), fills
    # The least an order costs may be charged with its first fill alone.
    assert all(one.commission >= 0 and one.currency == "USD" for one in working.commissions)
    assert sum(one.commission for one in working.commissions) > 0, working.commissions
    desk.peer.after_order(working)


async def what_if(desk: Desk) -> None:
    state = await desk.peer.what_if(
        await desk.stock("AAPL"), action="BUY", totalQuantity=100, orderType="MKT"
    )
    margins = [float(getattr(state, f"initMargin{one}")) for one in ("Before", "Change", "After")]
    assert margins[1] > 0, margins
    assert math.isclose(margins[0] + margins[1], margins[2], abs_tol=0.02), margins
    commission = getattr(state, "commission", None) or getattr(state, "commissionAndFees", None)
    assert commission is not None, state
    assert 0 < float(commission) < 10, commission
    assert not await desk.peer.open_orders(of_all=True), "a preview made an order"


async def market_order(desk: Desk) -> None:
    contract = await desk.stock("KO")
    terms = {"action": "BUY", "totalQuantity": 100, "orderType": "MKT", "orderRef": "interop-market"}
    desk.bought = await desk.peer.place(contract, **terms)
    await is_filled(desk, desk.bought)
    assert {one.side for one in desk.bought.executions} == {"BOT"}
    assert {one.orderRef for one in desk.bought.executions} == {"interop-market"}


async def limit_order(desk: Desk) -> None:
    price = await desk.price("PFE")
    terms = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": round(price * 1.05, 2)}
    working = await desk.peer.place(await desk.stock("PFE"), **terms)
    await is_filled(desk, working)
    assert all(one.price <= terms["lmtPrice"] for one in working.executions), working.executions


async def _rest(desk: Desk, symbol: str, **terms: Any) -> Working:
    """Place a limit order to buy far below the market and wait until it works."""
    price = round(await desk.price(symbol) * 0.9, 2)
    plain = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": price}
    working = await desk.peer.place(await desk.stock(symbol), **(plain | terms))
    await working.reaches("Submitted", "PreSubmitted")
    return working


async def cancel(desk: Desk) -> None:
    working = await _rest(desk, "MRK")
    await _cancel(desk, working)
    assert float(working.last.filled) == 0, working.last


async def modify(desk: Desk) -> None:
    working = await _rest(desk, "VZ", tif="GTC")
    price = round(working.order.lmtPrice + 0.05, 2)
    journal = desk.peer.journal
    await desk.peer.modify(working, lmtPrice=price, totalQuantity=7)
    told = await journal.until(
        lambda: [one[2] for one in journal.of("openOrder", working.order_id) if one[2].lmtPrice == price],
        "openOrder with the new price",
    )
    assert float(told[-1].totalQuantity) == 7, told[-1].totalQuantity
    assert told[-1].tif == "GTC", told[-1].tif
    await journal.until(lambda: float(working.last.remaining) == 7, "orderStatus with the new quantity")
    await _cancel(desk, working)


async def stop_order(desk: Desk) -> None:
    price = await desk.price("T")
    terms = {"action": "SELL", "totalQuantity": 10, "orderType": "STP", "auxPrice": round(price * 0.8, 2)}
    working = await desk.peer.place(await desk.stock("T"), **terms)
    await working.reaches("PreSubmitted")
    held = desk.peer.journal.of("orderStatus", working.order_id)[-1][9]
    assert held == "trigger", held
    await desk.peer.modify(working, auxPrice=round(price * 1.2, 2))
    await is_filled(desk, working)
    assert {one.side for one in working.executions} == {"SLD"}


async def trailing_order(desk: Desk) -> None:
    terms = {"action": "SELL", "totalQuantity": 10, "orderType": "TRAIL", "trailingPercent": 5.0}
    working = await desk.peer.place(await desk.stock("DIS"), **terms)
    await working.reaches("PreSubmitted")
    journal = desk.peer.journal
    told = await journal.until(
        lambda: next(
            (
                one[2]
                for one in journal.of("openOrder", working.order_id)
                if 0 < (one[2].trailStopPrice or 0) < 1e6
            ),
            None,
        ),
        "openOrder with the stop",
    )
    price = await desk.price("DIS")
    assert 0.9 * price < told.trailStopPrice < 0.99 * price, (told.trailStopPrice, price)
    assert told.trailingPercent == 5.0, told.trailingPercent
    await _cancel(desk, working)


async def bracket(desk: Desk) -> None:
    contract, price = await desk.stock("XOM"), await desk.price("XOM")
    sizes: dict[str, Any] = {"totalQuantity": 10}
    entry = await desk.peer.place(
        contract, action="BUY", orderType="LMT", lmtPrice=round(price * 1.05, 2), transmit=False, **sizes
    )
    exit_terms = {"action": "SELL", "parentId": entry.order_id, **sizes}
    profit = await desk.peer.place(
        contract, orderType="LMT", lmtPrice=round(price * 1.3, 2), transmit=False, **exit_terms
    )
    assert entry.statuses == [], "an order that is not transmitted had a status"
    stop = await desk.peer.place(contract, orderType="STP", auxPrice=round(price * 0.7, 2), **exit_terms)
    await is_filled(desk, entry)
    await profit.reaches("Submitted")
    await stop.reaches("PreSubmitted")
    assert profit.last.parent_id == stop.last.parent_id == entry.order_id, (profit.last, stop.last)
    await desk.peer.modify(profit, lmtPrice=round(price * 0.95, 2))
    await is_filled(desk, profit)
    await stop.reaches(*CANCELLED)
    assert not stop.executions, "both exits traded"
    stop.forgive(*CANCEL_CODES)


async def one_cancels_all(desk: Desk) -> None:
    group = {"ocaGroup": f"interop-{desk.client_id}", "ocaType": 1}
    resting = await _rest(desk, "CVX", **group)
    price = await desk.price("ORCL")
    taking = await desk.peer.place(
        await desk.stock("ORCL"),
        action="BUY",
        totalQuantity=5,
        orderType="LMT",
        lmtPrice=round(price * 1.05, 2),
        **group,
    )
    await is_filled(desk, taking)
    await resting.reaches(*CANCELLED)
    resting.forgive(*CANCEL_CODES)
    assert not resting.executions, "both orders of the group traded"


async def partial_fills(desk: Desk) -> None:
    terms = {"action": "BUY", "totalQuantity": 3000, "orderType": "MKT"}
    working = await desk.peer.place(await desk.stock("F"), **terms)
    await is_filled(desk, working)
    fills = working.executions
    assert len(fills) >= 2, fills
    running = 0.0
    for one in sorted(fills, key=lambda fill: float(fill.cumQty)):
        running += float(one.shares)
        assert float(one.cumQty) == running, fills
    filled = [float(one[2]) for one in desk.peer.journal.of("orderStatus", working.order_id)]
    assert filled == sorted(filled), filled
    assert any(0 < one < 3000 for one in filled), filled


async def executions(desk: Desk) -> None:
    assert desk.bought, "nothing was bought"
    live = {one.execId: one for one in desk.bought.executions}
    asked = {one.execId: (contract, one) for contract, one in await desk.peer.executions()}
    assert set(live) <= set(asked), (sorted(live), sorted(asked))
    for exec_id, one in live.items():
        contract, again = asked[exec_id]
        assert contract.symbol == "KO", contract
        assert (float(again.shares), again.price) == (float(one.shares), one.price), (again, one)
        assert again.time, again


async def commissions(desk: Desk) -> None:
    reports = [one[0] for one in desk.peer.journal.calls["commissionReport"]]
    charged = {one.execId for one in reports}
    # A combination is charged with the fills of its legs.
    told = desk.peer.journal.calls["execDetails"]
    executed = {execution.execId for _, contract, execution in told if contract.secType != "BAG"}
    assert executed <= charged, executed - charged
    assert all(one.commission >= 0 for one in reports), reports


async def completed_orders(desk: Desk) -> None:
    assert desk.bought, "nothing was bought"
    found = await desk.peer.completed_orders()
    (market,) = [one for one in found if one.order.permId == desk.bought.last.perm_id]
    assert market.state.status == "Filled", market.state
    assert market.contract.symbol == "KO", market.contract
    assert market.order.orderRef == "interop-market", market.order.orderRef
    assert float(market.order.filledQuantity) == 100, market.order.filledQuantity
    assert {one.state.status for one in found} >= {"Filled", "Cancelled"}, found


async def open_orders(desk: Desk) -> None:
    working = await _rest(desk, "MCD", orderRef="interop-open")
    for of_all in (False, True):
        found = await desk.peer.open_orders(of_all=of_all)
        assert {one.orderRef for one in found} == {"interop-open"}, found
        assert found[0].lmtPrice == working.order.lmtPrice, found[0].lmtPrice
        assert found[0].orderId == working.order_id, found[0].orderId
    await _cancel(desk, working)


async def global_cancel(desk: Desk) -> None:
    resting = [await _rest(desk, symbol) for symbol in ("NKE", "HD")]
    await desk.peer.global_cancel()
    for one in resting:
        await one.reaches(*CANCELLED)
        await one.is_refused(*CANCEL_CODES)


async def error_103(desk: Desk) -> None:
    assert desk.bought, "nothing was bought"
    old = desk.bought.order_id - 1
    await desk.peer.place_as(
        old, await desk.stock("KO"), action="BUY", totalQuantity=1, orderType="LMT", lmtPrice=1.0
    )
    await desk.peer.journal.notice(old, 103)


async def error_104(desk: Desk) -> None:
    assert desk.bought, "nothing was bought"
    terms = {"action": "BUY", "totalQuantity": 200, "orderType": "MKT"}
    await desk.peer.place_as(desk.bought.order_id, desk.bought.contract, **terms)
    await desk.bought.is_refused(104)


async def error_105(desk: Desk) -> None:
    working = await _rest(desk, "GM")
    terms = {"action": "SELL", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": 1000.0}
    await desk.peer.place_as(working.order_id, working.contract, **terms)
    await working.is_refused(105)
    await desk.peer.cancel_id(working.order_id)
    await working.reaches(*CANCELLED)
    await working.is_refused(*CANCEL_CODES)


async def error_110(desk: Desk) -> None:
    terms = {"action": "BUY", "totalQuantity": 1, "orderType": "LMT", "lmtPrice": 1.001}
    working = await desk.peer.place(await desk.stock("CAT"), **terms)
    await working.is_refused(110)


async def error_201(desk: Desk) -> None:
    terms = {"action": "BUY", "totalQuantity": 1_000_000, "orderType": "MKT"}
    working = await desk.peer.place(await desk.stock("AAPL"), **terms)
    await working.is_refused(201)
    await working.reaches("Inactive")


async def error_10147(desk: Desk) -> None:
    order_id = desk.peer.new_id() + 100_000
    await desk.peer.cancel_id(order_id)
    await desk.peer.journal.notice(order_id, 10147)


async def error_10148(desk: Desk) -> None:
    assert desk.bought, "nothing was bought"
    await desk.peer.cancel_id(desk.bought.order_id)
    await desk.bought.is_refused(10148, 161)
