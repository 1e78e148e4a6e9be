"""Steps about what there is: contracts, chains, rules, news, scans, and the small questions."""

from __future__ import annotations

import time
from typing import Any

from tests.interop.desk import Desk, is_refused


async def connect(desk: Desk) -> None:
    peer = desk.peer
    await peer.connect(desk.port, desk.client_id)
    assert peer.version == desk.version, f"negotiated {peer.version}, expected {desk.version}"
    assert peer.account.startswith("DU"), peer.account
    assert peer.next_order_id >= 1, peer.next_order_id


async def server_time(desk: Desk) -> None:
    told = await desk.peer.server_time()
    assert abs(told - time.time()) < 5, told


async def symbol_search(desk: Desk) -> None:
    found = await desk.peer.search("AAPL")
    (apple,) = [one for one in found if one.contract.symbol == "AAPL" and one.contract.currency == "USD"]
    assert apple.contract.conId == (await desk.stock("AAPL")).conId
    assert "OPT" in apple.derivativeSecTypes, apple.derivativeSecTypes


def _sound(details: Any) -> None:
    contract = details.contract
    assert contract.conId > 0, contract
    assert details.minTick > 0, details.minTick
    assert contract.exchange in details.validExchanges.split(","), details.validExchanges
    assert len(details.marketRuleIds.split(",")) == len(details.validExchanges.split(","))
    assert details.timeZoneId, "no time zone"
    assert details.tradingHours, "no trading hours"
    assert details.liquidHours, "no liquid hours"
    assert details.orderTypes, "no order types"
    assert details.longName, "no name"


async def described(desk: Desk, **wanted: Any) -> Any:
    """Return the details of the first contract that fits, sound in all that every kind has."""
    found = await desk.peer.details(desk.peer.contract(**wanted))
    for one in found:
        _sound(one)
        assert one.contract.secType == wanted["secType"], one.contract
        assert one.contract.currency == wanted["currency"], one.contract
    return found[0]


async def details_stock(desk: Desk) -> None:
    found = await described(desk, symbol="IBM", secType="STK", exchange="SMART", currency="USD")
    assert found.stockType == "COMMON", found.stockType
    assert found.contract.primaryExchange == "NYSE", found.contract.primaryExchange
    assert {one.tag for one in found.secIdList} >= {"ISIN"}, found.secIdList
    again = await desk.peer.details(desk.peer.contract(conId=found.contract.conId))
    assert [one.contract.symbol for one in again] == ["IBM"]


async def details_fund(desk: Desk) -> None:
    found = await described(desk, symbol="SPY", secType="STK", exchange="SMART", currency="USD")
    assert found.stockType == "ETF", found.stockType


async def option_chain(desk: Desk) -> None:
    stock = await desk.stock("AAPL")
    chains = await desk.peer.chains(stock)
    assert {one.exchange for one in chains} >= {"SMART", "CBOE"}, [one.exchange for one in chains]
    for one in chains:
        # ib_insync leaves it a text.
        assert int(one.underlyingConId) == stock.conId, one.underlyingConId
        assert int(one.multiplier) == 100, one.multiplier
        assert one.expirations, "no expirations"
        assert all(strike > 0 for strike in one.strikes), one.strikes


async def market_rule(desk: Desk) -> None:
    details = (await desk.peer.details(await desk.stock("MSFT")))[0]
    rule = await desk.peer.market_rule(int(details.marketRuleIds.split(",")[0]))
    edges = [one.lowEdge for one in rule]
    assert edges[0] == 0, edges
    assert edges == sorted(edges), edges
    assert all(one.increment > 0 for one in rule), rule


async def smart_components(desk: Desk) -> None:
    quote = await desk.peer.snapshot(await desk.stock("META"))
    found = await desk.peer.smart_components(quote.bbo_exchange)
    assert {one.exchange for one in found} >= {"NYSE", "NASDAQ"}, found
    assert all(len(one.exchangeLetter) == 1 for one in found), found


async def depth_exchanges(desk: Desk) -> None:
    found = await desk.peer.depth_exchanges()
    assert {one.exchange for one in found} >= {"NYSE", "NASDAQ"}, found
    assert all(one.secType for one in found), found


async def scanner_parameters(desk: Desk) -> None:
    xml = await desk.peer.scanner_parameters()
    assert "<scanCode>MOST_ACTIVE</scanCode>" in xml, xml[:200]


async def scanner(desk: Desk) -> None:
    found = await desk.peer.scan("MOST_ACTIVE", 10)
    assert [rank for rank, _ in found] == list(range(10)), found
    assert all(details.contract.secType == "STK" for _, details in found), found
    assert len({details.contract.conId for _, details in found}) == 10, found


async def news_providers(desk: Desk) -> None:
    assert len((await desk.news_codes()).split("+")) >= 2


async def historical_news(desk: Desk) -> None:
    stock = await desk.stock("AAPL")
    codes = await desk.news_codes()
    found = await desk.peer.headlines(stock.conId, codes, 5)
    assert len(found) == 5, found
    assert all(one.headline and one.providerCode in codes for one in found), found
    assert [one.time for one in found] == sorted((one.time for one in found), reverse=True), found


async def news_article(desk: Desk) -> None:
    stock = await desk.stock("MSFT")
    (headline,) = await desk.peer.headlines(stock.conId, await desk.news_codes(), 1)
    text = await desk.peer.article(headline.providerCode, headline.articleId)
    assert len(text) > 20, text


async def user_info(desk: Desk) -> None:
    assert await desk.peer.user_info() == ""


async def family_codes(desk: Desk) -> None:
    (code,) = await desk.peer.family_codes()
    assert code.accountID == desk.peer.account, code


async def soft_dollar_tiers(desk: Desk) -> None:
    assert await desk.peer.soft_dollar_tiers() == []


async def display_groups(desk: Desk) -> None:
    groups = (await desk.peer.display_groups()).split("|")
    assert groups[0] == "1", groups
    assert await desk.peer.show_in_group(1, "265598@SMART") == ["none", "265598@SMART"]


async def financial_advisor(desk: Desk) -> None:
    await desk.peer.send("requestFA", 1)
    await desk.peer.journal.notice(-1, 321)


async def wall_street_horizon(desk: Desk) -> None:
    peer = desk.peer
    request_id = peer.new_id()
    await peer.send("reqWshMetaData", request_id)
    await peer.journal.notice(request_id, 10276, 10277)


async def fundamentals(desk: Desk) -> None:
    stock = await desk.stock("AAPL")
    asked = desk.peer.ask("reqFundamentalData", stock, "ReportSnapshot", [], answer="fundamentalData")
    await is_refused(asked, 430)


async def error_200(desk: Desk) -> None:
    unknown = desk.peer.contract(symbol="NOSUCH", secType="STK", exchange="SMART", currency="USD")
    await is_refused(desk.peer.details(unknown), 200)
    await is_refused(desk.peer.snapshot(desk.peer.contract(conId=999_999_999, exchange="SMART")), 200)


async def error_300(desk: Desk) -> None:
    request_id = desk.peer.new_id()
    await desk.peer.send("cancelMktData", request_id)
    await desk.peer.journal.notice(request_id, 300)


async def error_321(desk: Desk) -> None:
    peer = desk.peer
    request_id = peer.new_id()
    asked = (await desk.stock("GE"), "", "1 D", "7 minutes", "TRADES", 0, 1, False, [])
    await peer.send("reqHistoricalData", request_id, *asked)
    await peer.journal.notice(request_id, 321)


async def error_322(desk: Desk) -> None:
    peer = desk.peer
    # A gateway takes two; some libraries keep one for themselves.
    ids = [peer.new_id() for _ in range(3)]
    for request_id in ids:
        await peer.send("reqAccountSummary", request_id, "All", "NetLiquidation")
    await peer.journal.notice(ids[2], 322)
    peer.journal.forgive(ids[1], 322)
    for request_id in ids[:2]:
        await peer.send("cancelAccountSummary", request_id)
