"""ib_insync and ib_async: one interface, two libraries, used as their users use them.

Everything they offer above the bare requests is called instead of these, and what they make of
the callbacks – tickers, trades, bar lists – is compared with the journal.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

from tests.interop.facts import Book, Quote, Working
from tests.interop.journal import LIMIT_S, Journal, Refused
from tests.interop.peer import Peer

Answer = TypeVar("Answer")

#: Callbacks the libraries decode and let fall; their users listen like this.
_UNHEARD = ("displayGroupList", "displayGroupUpdated")
_NOT_CALLBACKS = frozenset({
    "connectionClosed", "endSubscription", "endTicker", "orderKey", "reset", "setEventsDone", "setTimeout",
    "startReq", "startSubscription", "startTicker", "tcpDataArrived", "tcpDataProcessed",
})  # fmt: skip


class InsyncPeer(Peer):
    """The IB object of either library."""

    def __init__(self, journal: Journal, library: ModuleType) -> None:
        super().__init__(journal)
        self.types = library
        self.ib = library.IB()
        self.ib.RaiseRequestErrors = True
        self.raw = self.ib.client
        self._trades: dict[int, Any] = {}
        self._listen()

    def _listen(self) -> None:
        """Record every callback after the library has dealt with it."""
        wrapper = self.ib.wrapper
        for name in dir(type(wrapper)):
            method = getattr(wrapper, name)
            if not name.startswith("_") and name not in _NOT_CALLBACKS and callable(method):
                setattr(wrapper, name, self._recorder(name, method))
        self.ib.disconnectedEvent += lambda: self.journal.record("connectionClosed", ())
        for name in _UNHEARD:
            setattr(wrapper, name, self._recorder(name, lambda *_: None))

    def _recorder(self, name: str, method: Any) -> Any:
        recorded = "tickPrice" if name == "priceSizeTick" else name

        def record(*arguments: Any, **named: Any) -> None:
            try:
                method(*arguments, **named)
            except (KeyError, IndexError):
                # Both libraries forget a book at once and trip over rows that were already on their way.
                if not (name.startswith("updateMktDepth") and arguments[0] in self.journal.over):
                    raise
            self.journal.record(recorded, (*arguments, *named.values()))

        return record

    async def connect(self, port: int, client_id: int) -> None:
        await self.ib.connectAsync("127.0.0.1", port, clientId=client_id, timeout=LIMIT_S)
        self.next_order_id = int(self.journal.calls["nextValidId"][0][0])
        (self.account,) = self.ib.managedAccounts()
        self.version = self.ib.client.serverVersion()

    async def disconnect(self) -> None:
        ended = asyncio.Event()
        self.ib.disconnectedEvent += ended.set
        self.ib.disconnect()
        async with asyncio.timeout(LIMIT_S):
            await ended.wait()
        assert not self.ib.isConnected(), "still connected"

    def new_id(self) -> int:
        return int(self.ib.client.getReqId())

    def _following_id(self) -> int:
        """Return the id that the next request of the library will take."""
        return self.new_id() + 1

    async def _wanted(self, answer: Awaitable[Answer]) -> Answer:
        """Return an answer. Raises Refused if it is an error."""
        try:
            return await asyncio.wait_for(answer, LIMIT_S)
        except self.types.RequestError as error:
            self.journal.forgive(error.reqId, error.code)
            raise Refused(error.code, error.message) from None

    # --- reference data ----------------------------------------------------------------------

    async def server_time(self) -> int:
        return int((await self._wanted(self.ib.reqCurrentTimeAsync())).timestamp())

    async def details(self, contract: Any) -> list[Any]:
        return await self._wanted(self.ib.reqContractDetailsAsync(contract))

    async def search(self, pattern: str) -> list[Any]:
        return await self._wanted(self.ib.reqMatchingSymbolsAsync(pattern))

    async def chains(self, stock: Any) -> list[Any]:
        asked = (stock.symbol, "", stock.secType, stock.conId)
        return await self._wanted(self.ib.reqSecDefOptParamsAsync(*asked))

    async def market_rule(self, rule_id: int) -> list[Any]:
        return await self._wanted(self.ib.reqMarketRuleAsync(rule_id))

    async def smart_components(self, bbo_exchange: str) -> list[Any]:
        return await self._wanted(self.ib.reqSmartComponentsAsync(bbo_exchange))

    async def depth_exchanges(self) -> list[Any]:
        return await self._wanted(self.ib.reqMktDepthExchangesAsync())

    # --- market data -------------------------------------------------------------------------

    async def start_quote(self, contract: Any, generic: str, *, snapshot: bool) -> int:
        request_id = self._following_id()
        self.ib.reqMktData(contract, generic, snapshot, False)
        return request_id

    async def stop_quote(self, request_id: int, contract: Any) -> None:
        self.journal.over.add(request_id)
        self.ib.cancelMktData(contract)

    def agree_quote(self, contract: Any, quote: Quote) -> None:
        ticker = self.ib.ticker(contract)
        pairs = {1: ticker.bid, 2: ticker.ask, 4: ticker.last, 8: ticker.volume, 9: ticker.close}
        for kind, seen in pairs.items():
            told = quote.ticks.get(kind)
            told = told[0] if isinstance(told, tuple) else told
            # ib_async shows -1 for a price without a size, and a size of less than a lot is none.
            assert told is None or seen in (told, -1), (
                f"the ticker shows {seen} for tick {kind}, told was {told}"
            )

    async def start_book(self, contract: Any, rows: int, *, smart: bool) -> int:
        request_id = self._following_id()
        self.ib.reqMktDepth(contract, rows, smart)
        return request_id

    async def stop_book(self, request_id: int, contract: Any, *, smart: bool) -> None:
        self.journal.over.add(request_id)
        self.ib.cancelMktDepth(contract, smart)

    def agree_book(self, contract: Any, book: Book) -> None:
        ticker = self.ib.ticker(contract)
        for levels, seen in ((book.bids, ticker.domBids), (book.asks, ticker.domAsks)):
            shown = [(one.price, one.size, one.marketMaker) for one in seen]
            assert shown == levels, f"the ticker shows {shown}, told was {levels}"

    async def start_ticks(self, contract: Any, kind: str) -> int:
        request_id = self._following_id()
        self.ib.reqTickByTickData(contract, kind)
        return request_id

    async def stop_ticks(self, request_id: int, contract: Any, kind: str) -> None:
        self.journal.over.add(request_id)
        self.ib.cancelTickByTickData(contract, kind)

    async def five_second_bar(self, contract: Any) -> SimpleNamespace:
        bars = self.ib.reqRealTimeBars(contract, 5, "TRADES", False)
        await self.journal.until(lambda: len(bars) > 0, "five-second bar")
        self.ib.cancelRealTimeBars(bars)
        bar = bars[0]
        return SimpleNamespace(
            time=int(bar.time.timestamp()),
            open=bar.open_,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
        )

    async def implied_volatility(self, contract: Any, *, price: float, under: float) -> float:
        found = await self._wanted(self.ib.calculateImpliedVolatilityAsync(contract, price, under))
        return float(found.impliedVol)

    async def option_price(self, contract: Any, *, volatility: float, under: float) -> float:
        found = await self._wanted(self.ib.calculateOptionPriceAsync(contract, volatility, under))
        return float(found.optPrice)

    # --- the past ------------------------------------------------------------------------------

    async def history(self, contract: Any, *, bar: str, duration: str, what: str) -> list[Any]:
        found = self.ib.reqHistoricalDataAsync(contract, "", duration, bar, what, useRTH=False, formatDate=2)
        return list(await self._wanted(found))

    async def live_history(self, contract: Any) -> tuple[list[Any], Any]:
        updates: list[Any] = []
        bars = await self._wanted(
            self.ib.reqHistoricalDataAsync(
                contract, "", "3600 S", "1 min", "TRADES", useRTH=False, formatDate=2, keepUpToDate=True
            )
        )
        past = list(bars)
        bars.updateEvent += lambda all_bars, _: updates.append(all_bars[-1])
        await self.journal.until(lambda: updates, "updateEvent of the bars")
        self.ib.cancelHistoricalData(bars)
        await self.journal.notice(bars.reqId, 162)
        return past, updates[0]

    async def head_timestamp(self, contract: Any) -> Any:
        return await self._wanted(self.ib.reqHeadTimeStampAsync(contract, "TRADES", True, 2))

    async def past_ticks(self, contract: Any, what: str, *, start: str, count: int) -> list[Any]:
        return await self._wanted(self.ib.reqHistoricalTicksAsync(contract, start, "", count, what, False))

    async def histogram(self, contract: Any) -> list[Any]:
        return await self._wanted(self.ib.reqHistogramDataAsync(contract, False, "1 day"))

    async def schedule(self, contract: Any, days: int) -> list[Any]:
        return (await self._wanted(self.ib.reqHistoricalScheduleAsync(contract, days))).sessions

    # --- orders --------------------------------------------------------------------------------

    async def place(self, contract: Any, **terms: Any) -> Working:
        trade = self.ib.placeOrder(contract, self.order(**terms))
        self._trades[trade.order.orderId] = trade
        return Working(self.journal, trade.order.orderId, contract, trade.order)

    async def modify(self, working: Working, **terms: Any) -> None:
        self.fill_in(working.order, terms)
        self.ib.placeOrder(working.contract, working.order)

    async def cancel(self, working: Working) -> None:
        self.ib.cancelOrder(working.order)

    async def global_cancel(self) -> None:
        self.ib.reqGlobalCancel()

    async def what_if(self, contract: Any, **terms: Any) -> Any:
        return await self._wanted(self.ib.whatIfOrderAsync(contract, self.order(**terms)))

    def after_order(self, working: Working) -> None:
        trade = self._trades[working.order_id]
        assert trade.orderStatus.status == working.status, f"the trade is {trade.orderStatus.status}"
        assert trade.isDone(), f"the trade is not done: {trade.orderStatus.status}"
        shares = sum(one.execution.shares for one in trade.fills)
        assert shares == trade.filled() == working.last.filled, f"the trade shows fills of {shares}"
        charged = sum(one.commissionReport.commission for one in trade.fills)
        told = sum(one.commission for one in working.commissions)
        assert math.isclose(charged, told), f"the trade shows a commission of {charged}, told was {told}"

    async def executions(self) -> list[tuple[Any, Any]]:
        return [(one.contract, one.execution) for one in await self._wanted(self.ib.reqExecutionsAsync())]

    async def open_orders(self, *, of_all: bool) -> list[Any]:
        asked = self.ib.reqAllOpenOrdersAsync() if of_all else self.ib.reqOpenOrdersAsync()
        return [one.order for one in await self._wanted(asked)]

    async def completed_orders(self) -> list[SimpleNamespace]:
        trades = await self._wanted(self.ib.reqCompletedOrdersAsync(False))
        return [
            SimpleNamespace(
                contract=one.contract,
                order=one.order,
                state=SimpleNamespace(status=one.orderStatus.status),
            )
            for one in trades
        ]

    # --- the account -----------------------------------------------------------------------------

    async def account_updates(self) -> tuple[dict[str, tuple[str, str]], list[SimpleNamespace]]:
        await self.journal.until(self.ib.portfolio, "portfolio")
        items = [
            SimpleNamespace(
                contract=one.contract,
                position=one.position,
                price=one.marketPrice,
                value=one.marketValue,
                average_cost=one.averageCost,
                unrealized=one.unrealizedPNL,
                realized=one.realizedPNL,
            )
            for one in self.ib.portfolio()
        ]
        return {one.tag: (one.value, one.currency) for one in self.ib.accountValues()}, items

    async def account_summary(self, tags: str) -> dict[str, tuple[str, str]]:
        values = await self._wanted(self.ib.accountSummaryAsync())
        return {one.tag: (one.value, one.currency) for one in values if one.account == self.account}

    async def positions(self) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                account=one.account, contract=one.contract, position=one.position, average_cost=one.avgCost
            )
            for one in await self._wanted(self.ib.reqPositionsAsync())
        ]

    async def pnl(self) -> tuple[float, ...]:
        found = self.ib.reqPnL(self.account)
        await self.journal.until(lambda: not math.isnan(found.dailyPnL), "profit and loss")
        self.ib.cancelPnL(self.account)
        return found.dailyPnL, found.unrealizedPnL, found.realizedPnL

    async def pnl_single(self, con_id: int) -> tuple[float, ...]:
        found = self.ib.reqPnLSingle(self.account, "", con_id)
        await self.journal.until(lambda: not math.isnan(found.value), "profit and loss of one position")
        self.ib.cancelPnLSingle(self.account, "", con_id)
        return found.position, found.dailyPnL, found.unrealizedPnL, found.realizedPnL, found.value

    # --- news, scans and everything small -----------------------------------------------------------

    async def scanner_parameters(self) -> str:
        return await self._wanted(self.ib.reqScannerParametersAsync())

    async def scan(self, code: str, rows: int) -> list[tuple[int, Any]]:
        wanted = self.types.ScannerSubscription(
            instrument="STK", locationCode="STK.US.MAJOR", scanCode=code, numberOfRows=rows
        )
        found = await self._wanted(self.ib.reqScannerDataAsync(wanted))
        await self.journal.notice(found.reqId, 162)
        return [(one.rank, one.contractDetails) for one in found]

    async def news_providers(self) -> list[Any]:
        return await self._wanted(self.ib.reqNewsProvidersAsync())

    async def headlines(self, con_id: int, codes: str, count: int) -> list[Any]:
        return list(await self._wanted(self.ib.reqHistoricalNewsAsync(con_id, codes, "", "", count)))

    async def article(self, provider: str, article_id: str) -> str:
        return (await self._wanted(self.ib.reqNewsArticleAsync(provider, article_id))).articleText

    async def user_info(self) -> str:
        # The high-level call gives [] whatever it is told; the callback knows.
        mark = len(self.journal.calls["userInfo"])
        await self._wanted(self.ib.reqUserInfoAsync())
        return str(self.journal.calls["userInfo"][mark][1])
