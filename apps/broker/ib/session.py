"""One broker session with IB Gateway: the only holder of an IB object.

The library's own connect asks half a dozen lists at once and calls itself connected when they
time out (F7). So only its client is connected here, and the questions, their end markers and
their deadlines are ours. What each part does: `framing` cuts the stream, `ear` makes facts,
`inquiries` hold what is asked, `lines` what streams, `pacing` and `outlet` guard the way out.
All of it runs on the loop that called connect().
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from apps.broker.clock import boottime, utc_now
from apps.broker.ib import ear as words
from apps.broker.ib import translate
from apps.broker.ib.choke import check_intent
from apps.broker.ib.ear import Ear
from apps.broker.ib.framing import Framing
from apps.broker.ib.inquiries import Inquiries, Key
from apps.broker.ib.library import Contract, fresh_ib, library, own_socket
from apps.broker.ib.lines import Lines
from apps.broker.ib.outlet import Outlet
from apps.broker.ib.pacing import Pacer, Urgency
from apps.broker.lanes import FactLane
from apps.broker.port import (
    Backpressure,
    BrokerRefused,
    BrokerSnapshot,
    BrokerTimeout,
    BrokerUnavailable,
    CandleQuery,
    ConnectionSettings,
    FrameRefused,
    SessionIdentity,
)
from apps.domain.candles import Candle
from apps.domain.events import BalanceReport, BrokerEvent, BrokerOrder, OrderFrame, PositionReport
from apps.domain.executions import ExecutionReport
from apps.domain.instruments import InstrumentSpec, TickRule
from apps.domain.quotes import IB_MARKET_DATA_TYPES, Quote

logger = logging.getLogger(__name__)

HISTORY_TIMEOUT_S = 30.0
MARKET_RULE_TIMEOUT_S = 3.0
CLOSE_TIMEOUT_S = 1.0

#: IB Gateway ignores the time asked twice within a second.
HEARTBEAT_GAP_S = 1.05

#: Beyond this many accounts of one login, balances and P&L of the rest are not followed.
MAX_FOLLOWED_ACCOUNTS = 50

#: Errors that end a handshake; what they say is better than the time-out they would become.
_HANDSHAKE_REFUSALS = frozenset({326, 10141})
_SUBSCRIPTIONS_LOST = 1101
_NO_CONTRACT, _HISTORY_PROBLEM = 200, 162

_IB_NUMBER_OF = {data_type: number for number, data_type in IB_MARKET_DATA_TYPES.items()}


class IbSession:
    """BrokerSession over the library; used once."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._ib: Any = None
        self._client: Any = None
        self._facts = FactLane(lambda: self._lose("the facts lane is full"))
        self._inquiries = Inquiries()
        self._lines = Lines()
        self._pacer = Pacer()
        self._ear = Ear(self._facts, self._inquiries, self._lines, on_system=self._hear_system)
        self._lane = asyncio.Lock()
        self._clock_lane = asyncio.Lock()
        self._lines_changed = asyncio.Event()
        self._socket_closed = asyncio.Event()
        self._handshake: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._accounts: tuple[str, ...] = ()
        self._refs: dict[int, str] = {}
        self._rules: dict[int, tuple[TickRule, ...]] = {}
        self._zones: dict[int, str] = {}
        self._asked_time_at = float("-inf")
        self._broker_ahead = timedelta(0)
        self._is_lost = False

    # ---------------------------------------------------------------- handshake and end

    async def connect(self) -> SessionIdentity:
        """Sign in; see the port. A refusal of the client id is raised at once, not after the time-out."""
        if self._ib is not None or self._is_lost:
            raise BrokerUnavailable("a broker session is used once")
        loop = asyncio.get_running_loop()
        asyncio.set_event_loop(loop)  # the library asks the policy for it, not the running code
        handshake = self._handshake = loop.create_future()
        self._build()
        try:
            await self._shake_hands(handshake)
        except (BrokerRefused, BrokerUnavailable, BrokerTimeout) as problem:
            await self.close(str(problem))
            raise
        self._accounts = tuple(dict.fromkeys(self._client.getAccounts()))
        await self._start()
        return SessionIdentity(
            self._client.serverVersion(), self._accounts, self._ear.next_valid_id, utc_now()
        )

    @property
    def is_alive(self) -> bool:
        """Tell whether the socket is open as far as we know."""
        return not self._is_lost and self._client is not None and bool(self._client.isReady())

    async def close(self, reason: str) -> None:
        """End the session; harmless when it is over."""
        self._lose(reason)
        if self._client is None or self._client.conn.transport is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket_closed.wait()
        except TimeoutError:
            self._abort()

    def _build(self) -> None:
        """Make a fresh IB and put our own parts in the places where the library would decide."""
        self._ib = fresh_ib()
        self._client = self._ib.client
        self._outlet = Outlet(self._client)
        self._client.sendMsg = self._outlet.send
        self._framing = Framing(
            self._client,
            on_price=self._lines.hear_price,
            on_size=self._lines.hear_size,
            on_unreadable=self._ear.hear_unreadable,
            on_abuse=self._lose,
            execution_time=self._ear.execution_time,
            on_zone=self._ear.set_zone,
        )
        self._ear.listen(self._ib.wrapper)
        own_socket(self._client, has_data=self._framing.feed, disconnected=self._hear_disconnect)

    async def _shake_hands(self, handshake: asyncio.Future[None]) -> None:
        settings = self._settings
        attempt = asyncio.ensure_future(
            self._client.connectAsync(settings.host, settings.port, settings.client_id, 0)
        )
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await asyncio.wait({attempt, handshake}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise BrokerTimeout("IB Gateway did not finish the handshake") from None
        finally:
            if not attempt.done():
                attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
        if handshake.done():
            handshake.result()
        problem = attempt.exception()
        if problem is not None:
            raise BrokerUnavailable(f"IB Gateway cannot be reached: {problem}")

    async def _start(self) -> None:
        """Ask for what flows by itself from now on."""
        data_type = _IB_NUMBER_OF.get(self._settings.market_data_type, 1)
        await self._pacer.turn(Urgency.RECONCILIATION)
        self._client.reqMarketDataType(data_type)
        self._spawn(self._write_line_changes(), "market-data lines")
        self._spawn(self._follow_accounts(), "account streams")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose(self, reason: str) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        self._facts.end(reason)
        self._lines.lane.end()
        self._inquiries.close(reason)
        self._pacer.close()
        for task in self._tasks:
            task.cancel()
        self._fail_handshake(BrokerUnavailable(reason))
        if self._client is not None:
            self._framing.stop()
            self._drop_socket()

    def _drop_socket(self) -> None:
        transport = self._client.conn.transport
        if transport is None:
            return
        if transport.get_write_buffer_size():
            self._abort()  # what waits in our buffer must not be written after the end
        else:
            self._client.disconnect()

    def _abort(self) -> None:
        if self._client.conn.transport is not None:
            self._client.conn.transport.abort()

    def _hear_disconnect(self, message: str) -> None:
        self._socket_closed.set()
        self._lose(message or "IB Gateway closed the connection")

    def _hear_system(self, ib_code: int, text: str) -> None:
        if ib_code in _HANDSHAKE_REFUSALS:
            self._fail_handshake(BrokerRefused(ib_code, text))
            self._lose(text)
        elif ib_code == _SUBSCRIPTIONS_LOST:
            self._lines.renew()
            self._lines_changed.set()
            self._spawn(self._follow_accounts(), "account streams")

    def _fail_handshake(self, problem: Exception) -> None:
        if self._handshake is not None and not self._handshake.done():
            self._handshake.set_exception(problem)
            self._handshake.exception()  # nobody may be waiting for it any more

    def _require_alive(self) -> None:
        if not self.is_alive:
            raise BrokerUnavailable("the broker session is over")

    # ---------------------------------------------------------------- the two lanes

    def facts(self) -> AsyncIterator[BrokerEvent]:
        """Yield what the broker says, in order; the last event is SessionLost."""
        return self._facts.drain()

    def quotes(self) -> AsyncIterator[Sequence[Quote]]:
        """Yield batches of whole quotes, newest wins per instrument."""
        return self._lines.lane.drain()

    # ---------------------------------------------------------------- orders

    def order_wait_s(self, frames: int = 1) -> float:
        """Return the seconds until so many order frames fit into the budget; 0 when they do now."""
        return self._pacer.orders.wait_s(frames)

    def write_order(self, frame: OrderFrame) -> None:
        """Write one placeOrder frame now, or raise and write nothing."""
        self._require_alive()
        check_intent(frame)
        if self._refs.get(frame.ib_order_id, frame.order_ref) != frame.order_ref:
            raise FrameRefused("this order id belongs to another order", field="ib_order_id")
        self._outlet.require_empty()
        if self._pacer.orders.wait_s() > 0:
            raise Backpressure("the order budget of this second is spent")
        contract, order = translate.order_contract(frame), translate.order_terms(frame)
        with self._outlet.intending(frame):
            self._client.placeOrder(frame.ib_order_id, contract, order)
        self._refs[frame.ib_order_id] = frame.order_ref
        self._pacer.orders.take()

    def write_cancel(self, ib_order_id: int) -> None:
        """Write one cancelOrder frame now."""
        self._require_alive()
        self._outlet.require_empty()
        if self._pacer.cancels.wait_s() > 0:
            raise Backpressure("the cancel budget of this second is spent")
        self._client.cancelOrder(ib_order_id)
        self._pacer.cancels.take()

    def write_global_cancel(self) -> None:
        """Ask the broker to cancel everything in the account, TWS included."""
        self._require_alive()
        self._outlet.require_empty()
        self._client.reqGlobalCancel()
        self._pacer.cancels.take()

    # ---------------------------------------------------------------- questions

    async def snapshot(self, *, executions_since: datetime | None = None) -> BrokerSnapshot:
        """Ask for the four lists and the account values, one after the other; never a partial answer."""
        self._require_alive()
        client = self._client
        open_orders = await self._ask_word(words.OPEN_ORDERS, client.reqAllOpenOrders)
        completed = await self._ask_word(words.COMPLETED_ORDERS, lambda: client.reqCompletedOrders(False))
        executions = await self._ask_executions(executions_since)
        positions = await self._ask_word(words.POSITIONS, client.reqPositions)
        balances = [value for account in self._followed for value in await self._ask_account(account)]
        return BrokerSnapshot(
            open_orders=tuple(cast("list[BrokerOrder]", open_orders)),
            completed_orders=tuple(cast("list[BrokerOrder]", completed)),
            executions=tuple(cast("list[ExecutionReport]", executions)),
            commissions=(),  # they follow the end marker of the executions, so they come as facts
            positions=tuple(cast("list[PositionReport]", positions)),
            balances=tuple(cast("list[BalanceReport]", balances)),
        )

    async def current_time(self) -> datetime:
        """Ask the time; the answer is the heartbeat."""
        self._require_alive()
        try:
            async with asyncio.timeout(self._settings.list_timeout_s + HEARTBEAT_GAP_S), self._clock_lane:
                moment = await self._ask_time()
        except TimeoutError:
            raise BrokerTimeout("no answer to the time") from None
        self._broker_ahead = moment - utc_now()
        return moment

    async def _ask_time(self) -> datetime:
        await asyncio.sleep(max(0.0, self._asked_time_at + HEARTBEAT_GAP_S - boottime()))
        self._asked_time_at = boottime()
        answer = await self._ask_word(
            words.CURRENT_TIME, self._client.reqCurrentTime, urgency=Urgency.HEARTBEAT
        )
        return cast("datetime", answer[0])

    async def resolve(
        self, symbol: str, *, sec_type: str, exchange: str, currency: str
    ) -> list[InstrumentSpec]:
        """Return every contract that matches; none is an empty list."""
        self._require_alive()
        contract = Contract(symbol=symbol, secType=sec_type, exchange=exchange, currency=currency)
        try:
            found = await self._ask_id(
                lambda request_id: self._client.reqContractDetails(request_id, contract), Urgency.LOOKUP
            )
        except BrokerRefused as refusal:
            if refusal.ib_code == _NO_CONTRACT:
                return []
            raise
        return [await self._specified(details) for details in found]

    async def candles(self, query: CandleQuery) -> list[Candle]:
        """Return candles ascending; IB's "no data" is an empty list."""
        self._require_alive()
        contract = self._lines.contract(query.ib_con_id) or Contract(conId=query.ib_con_id, exchange="SMART")
        end = "" if query.end is None else translate.utc_text(query.end)
        ask = (contract, end, query.duration, query.interval.ib_bar_size, query.what_to_show)
        try:
            bars = await self._ask_id(
                lambda request_id: self._client.reqHistoricalData(
                    request_id, *ask, query.regular_hours_only, 2, False, []
                ),
                Urgency.HISTORY,
                timeout_s=HISTORY_TIMEOUT_S,
                cancel=self._client.cancelHistoricalData,
            )
        except BrokerRefused as refusal:
            if refusal.ib_code == _HISTORY_PROBLEM and "no data" in refusal.ib_message.lower():
                return []
            raise
        now, zone = utc_now() + self._broker_ahead, self._zones.get(query.ib_con_id, "")
        found = [translate.candle(bar, query, zone=zone, now=now) for bar in bars]
        return sorted(found, key=lambda candle: candle.start)

    async def _specified(self, details: Any) -> InstrumentSpec:
        spec = translate.instrument(details, await self._tick_rules(translate.market_rule_id(details)))
        self._lines.remember(spec)
        self._zones[spec.ib_con_id] = spec.time_zone
        return spec

    async def _tick_rules(self, rule_id: int | None) -> tuple[TickRule, ...]:
        """Return a tick rule, asked once in a session; without an answer the minimum tick has to do."""
        if rule_id is None:
            return ()
        if rule_id not in self._rules:
            try:
                answer = await self._ask_word(
                    words.market_rule(rule_id),
                    lambda: self._client.reqMarketRule(rule_id),
                    urgency=Urgency.LOOKUP,
                    timeout_s=MARKET_RULE_TIMEOUT_S,
                )
            except (BrokerTimeout, BrokerRefused):
                logger.warning("no answer to a market rule", extra={"rule": rule_id})
                return ()
            self._rules[rule_id] = cast("tuple[TickRule, ...]", answer[0])
        return self._rules[rule_id]

    async def _ask_executions(self, since: datetime | None) -> list[object]:
        wanted = library.ExecutionFilter(time="" if since is None else translate.utc_text(since))
        return await self._ask_id(
            lambda request_id: self._client.reqExecutions(request_id, wanted), Urgency.RECONCILIATION
        )

    async def _ask_account(self, account: str) -> list[object]:
        """Ask for the values of one account; IB answers in full only to a fresh subscription."""
        self._require_alive()
        await self._pacer.turn(Urgency.RECONCILIATION)
        self._client.reqAccountUpdates(False, account)
        return await self._ask_word(
            words.account_values(account), lambda: self._client.reqAccountUpdates(True, account)
        )

    async def _ask_word(
        self,
        word: str,
        write: Callable[[], None],
        *,
        urgency: Urgency = Urgency.RECONCILIATION,
        timeout_s: float | None = None,
    ) -> list[object]:
        """Ask a question without an id, one at a time in this session (F9)."""
        limit = timeout_s or self._settings.list_timeout_s
        try:
            async with asyncio.timeout(limit), self._lane:
                return await self._ask(word, write, urgency)
        except TimeoutError:
            raise BrokerTimeout(f"no answer to {word}") from None

    async def _ask_id(
        self,
        write: Callable[[int], None],
        urgency: Urgency,
        *,
        timeout_s: float | None = None,
        cancel: Callable[[int], None] | None = None,
    ) -> list[Any]:
        request_id = self._lines.next_request_id()
        try:
            async with asyncio.timeout(timeout_s or self._settings.list_timeout_s):
                return await self._ask(request_id, lambda: write(request_id), urgency)
        except TimeoutError:
            if cancel is not None and self.is_alive:
                cancel(request_id)
            raise BrokerTimeout("no answer from IB Gateway") from None

    async def _ask(self, key: Key, write: Callable[[], None], urgency: Urgency) -> list[object]:
        self._require_alive()
        await self._pacer.turn(urgency)
        self._require_alive()
        inquiry = self._inquiries.begin(key)
        try:
            write()
            return await inquiry.answer
        finally:
            owes_an_end = isinstance(key, str) and key != words.CURRENT_TIME
            self._inquiries.give_up(key, inquiry, owes_an_end=owes_an_end)

    # ---------------------------------------------------------------- streams

    def subscribe(self, instrument: InstrumentSpec) -> None:
        """Open one market-data line for the instrument; a second call changes nothing."""
        self._zones.setdefault(instrument.ib_con_id, instrument.time_zone)
        self._lines.open(instrument)
        self._lines_changed.set()

    def unsubscribe(self, ib_con_id: int) -> None:
        """Give the line back; unknown ids are ignored."""
        self._lines.shut(ib_con_id)
        self._lines_changed.set()

    def ticker_refusal(self, ib_con_id: int) -> tuple[int, str] | None:
        """Return IB's code and text while the line of this instrument brings no prices because of it."""
        return self._lines.refusal(ib_con_id)

    @property
    def _followed(self) -> tuple[str, ...]:
        return self._accounts[:MAX_FOLLOWED_ACCOUNTS]

    async def _write_line_changes(self) -> None:
        while True:
            while self._lines.changes:
                await self._pacer.turn(Urgency.MARKET_DATA)
                if not self._lines.changes:
                    break
                change = self._lines.changes.popleft()
                if change.contract is None:
                    self._client.cancelMktData(change.request_id)
                else:
                    self._client.reqMktData(change.request_id, change.contract, "", False, False, [])
            self._lines_changed.clear()
            await self._lines_changed.wait()

    async def _follow_accounts(self) -> None:
        """Ask for P&L of each account, and for values of each where one login has several.

        Values and marks of a single account stream by themselves after the first snapshot.
        """
        for account in self._followed:
            request_id = self._lines.next_request_id()
            self._ear.follow_pnl(request_id, account)
            await self._pacer.turn(Urgency.MARKET_DATA)
            self._client.reqPnL(request_id, account, "")
            if len(self._accounts) > 1:
                await self._pacer.turn(Urgency.MARKET_DATA)
                self._client.reqAccountUpdatesMulti(self._lines.next_request_id(), account, "", False)
