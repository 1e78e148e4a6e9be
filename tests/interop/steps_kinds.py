"""Steps about what is not a stock: its details, its prices, an order for it."""

from __future__ import annotations

from typing import Any

from tests.interop.desk import ASK, BID, LAST, Desk, is_refused, price_of
from tests.interop.steps_orders import is_filled
from tests.interop.steps_reference import described

CLOSE, MODEL, CUSTOM = 9, 13, 53
DOLLARS = {"currency": "USD"}


async def _future(desk: Desk) -> Any:
    wanted = {"symbol": "ES", "secType": "FUT", "exchange": "CME", **DOLLARS}
    found = await desk.peer.details(desk.peer.contract(**wanted))
    return min((one.contract for one in found), key=lambda one: one.lastTradeDateOrContractMonth)


async def _option(desk: Desk, right: str = "C") -> Any:
    stock, price = await desk.stock("AAPL"), await desk.price("AAPL")
    chain = next(one for one in await desk.peer.chains(stock) if one.exchange == "SMART")
    wanted = {
        "symbol": "AAPL",
        "secType": "OPT",
        "exchange": "SMART",
        "lastTradeDateOrContractMonth": sorted(chain.expirations)[-1],
        "strike": min(chain.strikes, key=lambda one: abs(one - price)),
        "right": right,
        **DOLLARS,
    }
    (found,) = await desk.peer.details(desk.peer.contract(**wanted))
    return found.contract


async def _pair(desk: Desk) -> Any:
    wanted = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", **DOLLARS}
    return (await desk.peer.details(desk.peer.contract(**wanted)))[0].contract


# --- details -------------------------------------------------------------------------------


async def details_currency(desk: Desk) -> None:
    found = await described(desk, symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD")
    assert found.contract.localSymbol == "EUR.USD", found.contract.localSymbol
    assert found.minTick < 0.001, found.minTick


async def details_index(desk: Desk) -> None:
    found = await described(desk, symbol="SPX", secType="IND", exchange="CBOE", currency="USD")
    assert found.contract.localSymbol == "SPX", found.contract.localSymbol


async def details_future(desk: Desk) -> None:
    found = await described(desk, symbol="ES", secType="FUT", exchange="CME", currency="USD")
    assert int(found.contract.multiplier) == 50, found.contract.multiplier
    assert len(found.contract.lastTradeDateOrContractMonth) == 8, found.contract
    assert found.realExpirationDate, "no real expiration date"
    assert len(found.contractMonth) == 6, found.contractMonth


async def details_continuous(desk: Desk) -> None:
    found = await described(desk, symbol="ES", secType="CONTFUT", exchange="CME", currency="USD")
    assert int(found.contract.multiplier) == 50, found.contract.multiplier


async def details_option(desk: Desk) -> None:
    stock, contract = await desk.stock("AAPL"), await _option(desk, "P")
    (found,) = await desk.peer.details(contract)
    assert found.underConId == stock.conId, found.underConId
    assert found.contract.strike == contract.strike, found.contract.strike
    assert found.contract.right == "P", found.contract.right
    assert int(found.contract.multiplier) == 100, found.contract.multiplier


async def details_future_option(desk: Desk) -> None:
    wanted = {"symbol": "ES", "secType": "FOP", "exchange": "CME", "strike": 6000.0, "right": "C"}
    found = await described(desk, **wanted, **DOLLARS)
    assert found.contract.strike == 6000, found.contract.strike
    assert found.underConId > 0, found.underConId


async def details_coin(desk: Desk) -> None:
    found = await described(desk, symbol="BTC", secType="CRYPTO", exchange="PAXOS", currency="USD")
    assert found.contract.localSymbol == "BTC.USD", found.contract.localSymbol


async def details_metal(desk: Desk) -> None:
    found = await described(desk, symbol="XAUUSD", secType="CMDTY", exchange="SMART", currency="USD")
    assert found.contract.localSymbol == "XAUUSD", found.contract.localSymbol


async def details_difference(desk: Desk) -> None:
    found = await described(desk, symbol="IBM", secType="CFD", exchange="SMART", currency="USD")
    assert found.underConId == (await desk.stock("IBM")).conId, found.underConId


async def details_bond(desk: Desk) -> None:
    wanted = desk.peer.contract(symbol="US-T", secType="BOND", exchange="SMART", currency="USD")
    found = (await desk.peer.details(wanted))[0]
    assert found.coupon > 0, found.coupon
    assert found.contract.conId > 0, found.contract
    assert found.cusip, "no CUSIP"


async def details_combination(desk: Desk) -> None:
    await is_refused(desk.peer.details(await _spread(desk, ("PEP", "COST"))), 200, 321)


# --- prices ----------------------------------------------------------------------------------


async def quote_future(desk: Desk) -> None:
    ticks = (await desk.peer.quote(await _future(desk), wanted=(BID, ASK, LAST, CLOSE))).ticks
    assert 1000 < price_of(ticks[BID]) < price_of(ticks[ASK]), ticks
    assert price_of(ticks[BID]) % 0.25 == 0, ticks


async def quote_currency(desk: Desk) -> None:
    ticks = (await desk.peer.quote(await _pair(desk), wanted=(BID, ASK))).ticks
    assert 0.5 < price_of(ticks[BID]) < price_of(ticks[ASK]) < 2, ticks


async def quote_index(desk: Desk) -> None:
    wanted = {"symbol": "SPX", "secType": "IND", "exchange": "CBOE", **DOLLARS}
    contract = (await desk.peer.details(desk.peer.contract(**wanted)))[0].contract
    ticks = (await desk.peer.quote(contract, wanted=(LAST, CLOSE))).ticks
    assert price_of(ticks[LAST]) > 1000, ticks
    assert not {BID, ASK} & set(ticks), "an index has no quote"


async def quote_coin(desk: Desk) -> None:
    wanted = {"symbol": "BTC", "secType": "CRYPTO", "exchange": "PAXOS", **DOLLARS}
    contract = (await desk.peer.details(desk.peer.contract(**wanted)))[0].contract
    ticks = (await desk.peer.quote(contract, wanted=(BID, ASK, LAST))).ticks
    assert 0 < price_of(ticks[BID]) < price_of(ticks[ASK]), ticks


async def quote_option(desk: Desk) -> None:
    ticks = (await desk.peer.quote(await _option(desk), wanted=(BID, ASK, MODEL))).ticks
    _, volatility, delta, price, _, gamma, vega, theta, underlying = ticks[MODEL]
    assert 0 < price_of(ticks[BID]) < price_of(ticks[ASK]), ticks
    assert 0 < volatility < 3, volatility
    assert 0 < delta < 1, delta
    assert price > 0, price
    assert gamma > 0 > theta, (gamma, theta)
    assert vega > 0, vega
    assert abs(underlying / await desk.price("AAPL") - 1) < 0.1, underlying


async def option_figures(desk: Desk) -> None:
    contract, under = await _option(desk), await desk.price("AAPL")
    price = await desk.peer.option_price(contract, volatility=0.3, under=under)
    assert price > 0, price
    volatility = await desk.peer.implied_volatility(contract, price=price, under=under)
    assert abs(volatility - 0.3) < 0.02, volatility


# --- orders ------------------------------------------------------------------------------------


async def order_option(desk: Desk) -> None:
    terms = {"action": "BUY", "totalQuantity": 2, "orderType": "MKT"}
    working = await desk.peer.place(await _option(desk), **terms)
    await is_filled(desk, working)


async def order_future(desk: Desk) -> None:
    terms = {"action": "SELL", "totalQuantity": 1, "orderType": "MKT"}
    working = await desk.peer.place(await _future(desk), **terms)
    await is_filled(desk, working)


async def order_currency(desk: Desk) -> None:
    terms = {"action": "BUY", "totalQuantity": 25_000, "orderType": "MKT"}
    working = await desk.peer.place(await _pair(desk), **terms)
    await is_filled(desk, working)


async def _spread(desk: Desk, symbols: tuple[str, str]) -> Any:
    """Return a combination that buys one stock and sells another."""
    peer = desk.peer
    legs = [
        peer.leg(conId=(await desk.stock(symbol)).conId, ratio=1, action=action, exchange="SMART")
        for symbol, action in zip(symbols, ("BUY", "SELL"), strict=True)
    ]
    wanted = {"symbol": ",".join(symbols), "secType": "BAG", "exchange": "SMART", "comboLegs": legs}
    return peer.contract(**wanted, **DOLLARS)


async def order_combination(desk: Desk) -> None:
    spread = await _spread(desk, ("PEP", "SBUX"))
    price = round(await desk.price("PEP") - await desk.price("SBUX") + 5, 2)
    terms = {"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": price}
    working = await desk.peer.place(spread, **terms)
    await working.reaches("Filled")
    journal = desk.peer.journal
    mine = await journal.until(
        lambda: len({one.execId for one in working.executions}) >= 3 and working.executions,
        "fills of the combination and of both legs",
    )
    kinds = {one[1].secType for one in journal.calls["execDetails"] if one[2] in mine}
    assert kinds == {"BAG", "STK"}, kinds
