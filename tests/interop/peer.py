"""One connected client library, as the acceptance steps see it.

Peer speaks through the request methods that all libraries share by name and shape, and reads
the journal of callbacks. What a library offers above that replaces it method by method in
insync.py; how a library connects and hands over callbacks is its own (insync.py, official.py).
Contracts, orders, bars and details stay the library's own objects: their attributes agree.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from tests.interop.facts import Book, Quote, Working
from tests.interop.journal import Arguments, Journal

Contract = Any
Details = Any


class NotOffered(Exception):
    """The library has no such request, or must not send it at this version."""


class Peer(ABC):
    """A client of some library. `raw` is its request interface, `types` its module of classes."""

    raw: Any
    types: Any

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.account = ""
        self.next_order_id = 0
        self.version = 0

    @property
    def deaf_to(self) -> frozenset[str]:
        """Return the callbacks that a fault of the library keeps from its users."""
        return frozenset()

    # --- what differs in every library ---------------------------------------------------

    @abstractmethod
    async def connect(self, port: int, client_id: int) -> None:
        """Connect and be told account and next order id."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close the connection and wait until it is closed."""

    @abstractmethod
    def new_id(self) -> int:
        """Return an id no request and no order had."""

    async def send(self, name: str, *arguments: Any) -> None:
        """Write a request. Raises NotOffered if the library has none of this name."""
        request = getattr(self.raw, name, None)
        if request is None:
            raise NotOffered(f"the library has no {name}")
        request(*arguments)

    def after_order(self, working: Working) -> None:  # noqa: B027  a bare client has no picture
        """Check that the library's own picture of a finished order agrees with the callbacks."""

    def fill_in(self, thing: Any, values: dict[str, Any]) -> Any:
        for name, value in values.items():
            setattr(thing, name, value)
        return thing

    def contract(self, **values: Any) -> Contract:
        return self.fill_in(self.types.Contract(), values)

    def leg(self, **values: Any) -> Any:
        return self.fill_in(self.types.ComboLeg(), values)

    def at(self, contract: Contract, exchange: str) -> Contract:
        """Return the same contract on another exchange."""
        return self.contract(
            conId=contract.conId,
            symbol=contract.symbol,
            secType=contract.secType,
            currency=contract.currency,
            exchange=exchange,
        )

    # --- asking ----------------------------------------------------------------------------

    async def ask(self, name: str, *arguments: Any, answer: str) -> Arguments:
        """Send a request with a new id and return its one answer."""
        request_id = self.new_id()
        await self.send(name, request_id, *arguments)
        return (await self.journal.reply(answer, request_id))[0]

    async def ask_rows(self, name: str, *arguments: Any, row: str, end: str) -> list[Arguments]:
        """Send a request with a new id and return its rows once the end marker came."""
        request_id = self.new_id()
        await self.send(name, request_id, *arguments)
        await self.journal.reply(end, request_id)
        return self.journal.of(row, request_id)

    async def ask_all(self, name: str, *arguments: Any, row: str, end: str) -> list[Arguments]:
        """Send a request that has no id and return the rows told until its end marker."""
        start, mark = len(self.journal.calls[row]), len(self.journal.calls[end])
        await self.send(name, *arguments)
        await self.journal.after(end, mark)
        return self.journal.calls[row][start:]

    async def ask_once(self, name: str, *arguments: Any, answer: str) -> Arguments:
        """Send a request that has no id and return its one answer."""
        mark = len(self.journal.calls[answer])
        await self.send(name, *arguments)
        return await self.journal.after(answer, mark)

    # --- reference data ----------------------------------------------------------------------

    async def server_time(self) -> int:
        return int((await self.ask_once("reqCurrentTime", answer="currentTime"))[0])

    async def details(self, contract: Contract) -> list[Details]:
        request_id = self.new_id()
        await self.send("reqContractDetails", request_id, contract)
        await self.journal.reply("contractDetailsEnd", request_id)
        names = ("contractDetails", "bondContractDetails")
        return [one[1] for name in names for one in self.journal.of(name, request_id)]

    async def search(self, pattern: str) -> list[Any]:
        return list((await self.ask("reqMatchingSymbols", pattern, answer="symbolSamples"))[1])

    async def chains(self, stock: Contract) -> list[SimpleNamespace]:
        name = "securityDefinitionOptionParameter"
        asked = (stock.symbol, "", stock.secType, stock.conId)
        rows = await self.ask_rows("reqSecDefOptParams", *asked, row=name, end=f"{name}End")
        names = ("request_id", "exchange", "underlyingConId", "tradingClass", "multiplier", "expirations")
        return [SimpleNamespace(**dict(zip((*names, "strikes"), one, strict=True))) for one in rows]

    async def market_rule(self, rule_id: int) -> list[Any]:
        return list((await self.ask_once("reqMarketRule", rule_id, answer="marketRule"))[1])

    async def smart_components(self, bbo_exchange: str) -> list[Any]:
        return list((await self.ask("reqSmartComponents", bbo_exchange, answer="smartComponents"))[1])

    async def depth_exchanges(self) -> list[Any]:
        return list((await self.ask_once("reqMktDepthExchanges", answer="mktDepthExchanges"))[0])

    # --- market data -------------------------------------------------------------------------

    async def market_data_type(self, kind: int) -> None:
        await self.send("reqMarketDataType", kind)

    async def start_quote(self, contract: Contract, generic: str, *, snapshot: bool) -> int:
        request_id = self.new_id()
        await self.send("reqMktData", request_id, contract, generic, snapshot, False, [])
        return request_id

    async def stop_quote(self, request_id: int, contract: Contract) -> None:
        await self.send("cancelMktData", request_id)

    async def quote(self, contract: Contract, *, wanted: Iterable[int], generic: str = "") -> Quote:
        """Return a line's values once all wanted tick types came; the line is cancelled."""
        request_id = await self.start_quote(contract, generic, snapshot=False)
        await self.journal.reply("tickReqParams", request_id)
        missing = set(wanted)

        def has_all() -> bool:
            self.journal.raise_refusal(request_id)
            missing.difference_update(self._ticks(request_id))
            return not missing

        try:
            await self.journal.until(has_all, "tick")
        except TimeoutError:
            raise TimeoutError(f"no tick of type {sorted(missing)}") from None
        found = self._quote(request_id)
        self.agree_quote(contract, found)
        await self.stop_quote(request_id, contract)
        return found

    async def snapshot(self, contract: Contract) -> Quote:
        request_id = await self.start_quote(contract, "", snapshot=True)
        await self.journal.reply("tickSnapshotEnd", request_id)
        return self._quote(request_id)

    def agree_quote(self, contract: Contract, quote: Quote) -> None:  # noqa: B027
        """Check that the library's own picture agrees with the ticks."""

    def _ticks(self, request_id: int) -> dict[int, Any]:
        names = ("tickPrice", "tickSize", "tickString", "tickGeneric", "tickOptionComputation")
        calls = [one for name in names for one in self.journal.of(name, request_id)]
        # The last two fields of a price are size and attributes, in no library the same.
        return {int(one[1]): one[2] if len(one) < 6 else one[2:] for one in calls}

    def _quote(self, request_id: int) -> Quote:
        parameters = self.journal.of("tickReqParams", request_id)[-1]
        kinds = self.journal.of("marketDataType", request_id)
        kind = int(kinds[-1][1]) if kinds else 0
        return Quote(self._ticks(request_id), kind, float(parameters[1]), str(parameters[2]))

    async def book(self, contract: Contract, *, rows: int, smart: bool) -> Book:
        """Return a book once both sides have all rows and something was updated; it is cancelled."""
        request_id = await self.start_book(contract, rows, smart=smart)
        book, name = Book(), "updateMktDepthL2" if smart else "updateMktDepth"
        read = 0

        def is_full() -> bool:
            nonlocal read
            self.journal.raise_refusal(request_id)
            calls = self.journal.of(name, request_id)
            for one in calls[read:]:
                book.apply(one[1:7] if smart else (one[1], "", *one[2:6]))
            read = len(calls)
            return len(book.bids) == rows == len(book.asks) and read > 2 * rows

        await self.journal.until(is_full, f"book of {rows} rows, only {book}")
        self.agree_book(contract, book)
        await self.stop_book(request_id, contract, smart=smart)
        return book

    def agree_book(self, contract: Contract, book: Book) -> None:  # noqa: B027
        """Check that the library's own book agrees with its messages."""

    async def start_book(self, contract: Contract, rows: int, *, smart: bool) -> int:
        request_id = self.new_id()
        await self.send("reqMktDepth", request_id, contract, rows, smart, [])
        return request_id

    async def stop_book(self, request_id: int, contract: Contract, *, smart: bool) -> None:
        await self.send("cancelMktDepth", request_id, smart)

    async def ticks(self, contract: Contract, kind: str, *, count: int) -> list[Arguments]:
        """Return the first ticks of a tick-by-tick stream, without their request id."""
        request_id = await self.start_ticks(contract, kind)
        name = {"BidAsk": "tickByTickBidAsk", "MidPoint": "tickByTickMidPoint"}.get(kind, "tickByTickAllLast")
        found = await self.journal.reply(name, request_id, count=count)
        await self.stop_ticks(request_id, contract, kind)
        return [one[1:] for one in found]

    async def start_ticks(self, contract: Contract, kind: str) -> int:
        request_id = self.new_id()
        await self.send("reqTickByTickData", request_id, contract, kind, 0, False)
        return request_id

    async def stop_ticks(self, request_id: int, contract: Contract, kind: str) -> None:
        await self.send("cancelTickByTickData", request_id)

    async def five_second_bar(self, contract: Contract) -> SimpleNamespace:
        request_id = self.new_id()
        await self.send("reqRealTimeBars", request_id, contract, 5, "TRADES", False, [])
        (bar, *_) = await self.journal.reply("realtimeBar", request_id)
        await self.send("cancelRealTimeBars", request_id)
        names = ("time", "open", "high", "low", "close", "volume", "average", "count")
        return SimpleNamespace(**dict(zip(names, bar[1:], strict=True)))

    async def implied_volatility(self, contract: Contract, *, price: float, under: float) -> float:
        asked = ("calculateImpliedVolatility", contract, price, under, [])
        return float((await self.ask(*asked, answer="tickOptionComputation"))[3])

    async def option_price(self, contract: Contract, *, volatility: float, under: float) -> float:
        asked = ("calculateOptionPrice", contract, volatility, under, [])
        return float((await self.ask(*asked, answer="tickOptionComputation"))[5])

    # --- the past ------------------------------------------------------------------------------

    async def history(self, contract: Contract, *, bar: str, duration: str, what: str) -> list[Any]:
        asked = (contract, "", duration, bar, what, False, 2, False, [])
        rows = await self.ask_rows("reqHistoricalData", *asked, row="historicalData", end="historicalDataEnd")
        return [one[1] for one in rows]

    async def live_history(self, contract: Contract) -> tuple[list[Any], Any]:
        """Return the bars of the past and the first update of the bar in progress."""
        request_id = self.new_id()
        asked = (contract, "", "3600 S", "1 min", "TRADES", False, 2, True, [])
        await self.send("reqHistoricalData", request_id, *asked)
        await self.journal.reply("historicalDataEnd", request_id)
        (update, *_) = await self.journal.reply("historicalDataUpdate", request_id)
        await self.send("cancelHistoricalData", request_id)
        await self.journal.notice(request_id, 162)
        return [one[1] for one in self.journal.of("historicalData", request_id)], update[1]

    async def head_timestamp(self, contract: Contract) -> Any:
        asked = (contract, "TRADES", True, 2)
        (_, text) = await self.ask("reqHeadTimeStamp", *asked, answer="headTimestamp")
        return text

    async def past_ticks(self, contract: Contract, what: str, *, start: str, count: int) -> list[Any]:
        name = {"BID_ASK": "historicalTicksBidAsk", "TRADES": "historicalTicksLast"}.get(
            what, "historicalTicks"
        )
        asked = (contract, start, "", count, what, 0, False, [])
        return list((await self.ask("reqHistoricalTicks", *asked, answer=name))[1])

    async def histogram(self, contract: Contract) -> list[Any]:
        answer = await self.ask("reqHistogramData", contract, False, "1 day", answer="histogramData")
        return list(answer[1])

    async def schedule(self, contract: Contract, days: int) -> list[Any]:
        asked = (contract, "", f"{days} D", "1 day", "SCHEDULE", True, 1, False, [])
        answer = await self.ask("reqHistoricalData", *asked, answer="historicalSchedule")
        return list(answer[4])

    # --- orders --------------------------------------------------------------------------------

    def order(self, **terms: Any) -> Any:
        return self.fill_in(self.types.Order(), {"tif": "DAY", **terms})

    async def place(self, contract: Contract, **terms: Any) -> Working:
        order_id = self.new_id()
        working = Working(self.journal, order_id, contract, self.order(**terms))
        await self.send("placeOrder", order_id, contract, working.order)
        return working

    async def place_as(self, order_id: int, contract: Contract, **terms: Any) -> None:
        """Place an order under an id of our choice, past all that a library does about ids."""
        await self.send("placeOrder", order_id, contract, self.order(orderId=order_id, **terms))

    async def modify(self, working: Working, **terms: Any) -> None:
        self.fill_in(working.order, terms)
        await self.send("placeOrder", working.order_id, working.contract, working.order)

    async def cancel(self, working: Working) -> None:
        await self.cancel_id(working.order_id)

    async def cancel_id(self, order_id: int) -> None:
        await self.send("cancelOrder", order_id, "")

    async def global_cancel(self) -> None:
        await self.send("reqGlobalCancel")

    async def what_if(self, contract: Contract, **terms: Any) -> Any:
        """Return the order state of a preview."""
        order_id = self.new_id()
        await self.send("placeOrder", order_id, contract, self.order(whatIf=True, **terms))
        return (await self.journal.reply("openOrder", order_id))[0][3]

    async def executions(self) -> list[tuple[Any, Any]]:
        """Return contract and execution of the day's fills, asked for."""
        asked = self.types.ExecutionFilter()
        rows = await self.ask_rows("reqExecutions", asked, row="execDetails", end="execDetailsEnd")
        return [(one[1], one[2]) for one in rows]

    async def open_orders(self, *, of_all: bool) -> list[Any]:
        """Return the orders that are open."""
        name = "reqAllOpenOrders" if of_all else "reqOpenOrders"
        return [one[2] for one in await self.ask_all(name, row="openOrder", end="openOrderEnd")]

    async def completed_orders(self) -> list[SimpleNamespace]:
        rows = await self.ask_all("reqCompletedOrders", False, row="completedOrder", end="completedOrdersEnd")
        return [SimpleNamespace(contract=one[0], order=one[1], state=one[2]) for one in rows]

    # --- the account -----------------------------------------------------------------------------

    async def account_updates(self) -> tuple[dict[str, tuple[str, str]], list[SimpleNamespace]]:
        """Return value and currency by key, and the portfolio."""
        start = len(self.journal.calls["updatePortfolio"])
        rows = await self.ask_all(
            "reqAccountUpdates", True, self.account, row="updateAccountValue", end="accountDownloadEnd"
        )
        portfolio = self.journal.calls["updatePortfolio"][start:]
        await self.send("reqAccountUpdates", False, self.account)
        names = ("contract", "position", "price", "value", "average_cost", "unrealized", "realized")
        items = [SimpleNamespace(**dict(zip(names, one, strict=False))) for one in portfolio]
        return {one[0]: (one[1], one[2]) for one in rows}, items

    async def account_summary(self, tags: str) -> dict[str, tuple[str, str]]:
        request_id = self.new_id()
        await self.send("reqAccountSummary", request_id, "All", tags)
        await self.journal.reply("accountSummaryEnd", request_id)
        await self.send("cancelAccountSummary", request_id)
        return {one[2]: (one[3], one[4]) for one in self.journal.of("accountSummary", request_id)}

    async def account_updates_multi(self) -> dict[str, tuple[str, str]]:
        asked = (self.account, "", False)
        name = "accountUpdateMulti"
        request_id = self.new_id()
        await self.send("reqAccountUpdatesMulti", request_id, *asked)
        await self.journal.reply(f"{name}End", request_id)
        await self.send("cancelAccountUpdatesMulti", request_id)
        return {one[3]: (one[4], one[5]) for one in self.journal.of(name, request_id)}

    async def positions(self) -> list[SimpleNamespace]:
        rows = await self.ask_all("reqPositions", row="position", end="positionEnd")
        await self.send("cancelPositions")
        names = ("account", "contract", "position", "average_cost")
        return [SimpleNamespace(**dict(zip(names, one, strict=True))) for one in rows]

    async def positions_multi(self) -> list[SimpleNamespace]:
        request_id = self.new_id()
        await self.send("reqPositionsMulti", request_id, self.account, "")
        await self.journal.reply("positionMultiEnd", request_id)
        await self.send("cancelPositionsMulti", request_id)
        names = ("request_id", "account", "model", "contract", "position", "average_cost")
        rows = self.journal.of("positionMulti", request_id)
        return [SimpleNamespace(**dict(zip(names, one, strict=True))) for one in rows]

    async def pnl(self) -> tuple[float, ...]:
        """Return daily, unrealized and realized profit."""
        request_id = self.new_id()
        await self.send("reqPnL", request_id, self.account, "")
        (found, *_) = await self.journal.reply("pnl", request_id)
        await self.send("cancelPnL", request_id)
        return tuple(float(one) for one in found[1:])

    async def pnl_single(self, con_id: int) -> tuple[float, ...]:
        """Return position, daily, unrealized and realized profit, and value."""
        request_id = self.new_id()
        await self.send("reqPnLSingle", request_id, self.account, "", con_id)
        (found, *_) = await self.journal.reply("pnlSingle", request_id)
        await self.send("cancelPnLSingle", request_id)
        return tuple(float(one) for one in found[1:])

    # --- news, scans and everything small -----------------------------------------------------------

    async def scanner_parameters(self) -> str:
        return str((await self.ask_once("reqScannerParameters", answer="scannerParameters"))[0])

    def scan_code(self, name: str) -> Any:
        """Return what the library calls a scan."""
        return name

    async def scan(self, code: str, rows: int) -> list[tuple[int, Details]]:
        """Return rank and details of what a scan found; it is cancelled."""
        wanted = {
            "instrument": "STK",
            "locationCode": "STK.US.MAJOR",
            "scanCode": self.scan_code(code),
            "numberOfRows": rows,
        }
        asked = self.fill_in(self.types.ScannerSubscription(), wanted)
        request_id = self.new_id()
        await self.send("reqScannerSubscription", request_id, asked, [], [])
        await self.journal.reply("scannerDataEnd", request_id)
        found = self.journal.of("scannerData", request_id)
        await self.send("cancelScannerSubscription", request_id)
        await self.journal.notice(request_id, 162)
        return [(one[1], one[2]) for one in found]

    async def news_providers(self) -> list[Any]:
        return list((await self.ask_once("reqNewsProviders", answer="newsProviders"))[0])

    async def headlines(self, con_id: int, codes: str, count: int) -> list[SimpleNamespace]:
        asked = (con_id, codes, "", "", count, [])
        rows = await self.ask_rows("reqHistoricalNews", *asked, row="historicalNews", end="historicalNewsEnd")
        names = ("request_id", "time", "providerCode", "articleId", "headline")
        return [SimpleNamespace(**dict(zip(names, one, strict=True))) for one in rows]

    async def article(self, provider: str, article_id: str) -> str:
        answer = await self.ask("reqNewsArticle", provider, article_id, [], answer="newsArticle")
        return str(answer[2])

    async def user_info(self) -> str:
        return str((await self.ask("reqUserInfo", answer="userInfo"))[1])

    async def family_codes(self) -> list[Any]:
        return list((await self.ask_once("reqFamilyCodes", answer="familyCodes"))[0])

    async def soft_dollar_tiers(self) -> list[Any]:
        return list((await self.ask("reqSoftDollarTiers", answer="softDollarTiers"))[1])

    async def display_groups(self) -> str:
        return str((await self.ask("queryDisplayGroups", answer="displayGroupList"))[1])

    async def show_in_group(self, group: int, contract: str) -> list[str]:
        """Return what a display group told when it was joined and when its contract changed."""
        request_id = self.new_id()
        await self.send("subscribeToGroupEvents", request_id, group)
        await self.journal.reply("displayGroupUpdated", request_id)
        await self.send("updateDisplayGroup", request_id, contract)
        told = await self.journal.reply("displayGroupUpdated", request_id, count=2)
        await self.send("unsubscribeFromGroupEvents", request_id)
        return [str(one[1]) for one in told]
