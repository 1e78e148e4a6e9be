"""One broker session with IB Gateway: the only holder of an IB object.

The library's own connect asks half a dozen lists at once and calls itself connected when they
time out (F7). So only its client is connected here, and the questions, their end markers and
their deadlines are ours. What each part does: `framing` cuts the stream, `ear` makes facts,
`asking` waits for answers, `reference` looks things up, `lines` stream, `pacing` and `outlet`
guard the way out.
All of it runs on the loop that called connect().
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

from apps.broker.clock import boottime, utc_now
from apps.broker.ib import ear as words
from apps.broker.ib import translate
from apps.broker.ib.asking import Asker
from apps.broker.ib.choke import Written, check_intent
from apps.broker.ib.ear import Ear
from apps.broker.ib.encodings import utc_text
from apps.broker.ib.framing import Framing
from apps.broker.ib.inquiries import Inquiries
from apps.broker.ib.library import Contract, fresh_ib, library, own_socket
from apps.broker.ib.lines import Lines
from apps.broker.ib.outlet import Outlet
from apps.broker.ib.pacing import Pacer, Urgency
from apps.broker.ib.reference import Reference
from apps.broker.lanes import FactLane
from apps.broker.port import (
    Backpressure,
    BrokerRefused,
    BrokerSnapshot,
    BrokerTimeout,
    BrokerUnavailable,
    CandleQuery,
    ConnectionSettings,
    SessionIdentity,
)
from apps.domain.candles import Candle
from apps.domain.events import BalanceReport, BrokerEvent, OrderFrame
from apps.domain.executions import ExecutionReport
from apps.domain.instruments import InstrumentSpec
from apps.domain.quotes import IB_MARKET_DATA_TYPES, Quote

CLOSE_TIMEOUT_S = 1.0

#: IB Gateway ignores the time asked twice within a second.
HEARTBEAT_GAP_S = 1.05

#: Beyond this many accounts of one login, balances and P&L of the rest are not followed.
MAX_FOLLOWED_ACCOUNTS = 50

#: Errors that end a handshake; what they say is better than the time-out they would become.
_HANDSHAKE_REFUSALS = frozenset({326, 10141})
_SUBSCRIPTIONS_LOST = 1101

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
        self._pacer = Pacer(paced=settings.paced)
        self._ear = Ear(self._facts, self._inquiries, self._lines, on_system=self._hear_system)
        self._asker = Asker(
            self._inquiries,
            self._pacer,
            is_alive=lambda: self.is_alive,
            next_request_id=self._lines.next_request_id,
            timeout_s=settings.list_timeout_s,
        )
        self._clock_lane = asyncio.Lock()
        self._lines_changed = asyncio.Event()
        self._socket_closed = asyncio.Event()
        self._handshake: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._accounts: tuple[str, ...] = ()
        self._written = Written()
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
        self._asker.require_alive()
        self._accounts = tuple(dict.fromkeys(self._client.getAccounts()))
        await self._start()
        return SessionIdentity(
            self._client.serverVersion(),
            self._accounts,
            self._ear.next_valid_id,
            utc_now(),
            time_zone=self._ear.zone,
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
        self._reference = Reference(self._client, self._asker, self._lines)
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
        await self._asker.turn(Urgency.RECONCILIATION)
        self._client.reqMarketDataType(data_type)
        self._spawn(self._write_line_changes(), "market-data lines")
        self._spawn(self._follow_accounts(), "account streams")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._lose(f"{task.get_name()} failed: {task.exception()}")

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
        self._asker.require_alive()
        check_intent(frame)
        self._written.check(frame)
        self._outlet.require_empty()
        if self._pacer.orders.wait_s() > 0:
            raise Backpressure("the order budget of this second is spent")
        contract, order = translate.order_contract(frame), translate.order_terms(frame)
        with self._outlet.intending(frame):
            self._client.placeOrder(frame.ib_order_id, contract, order)
        self._written.keep(frame)
        self._pacer.orders.take()

    @property
    def takes_cancels(self) -> bool:
        """Tell whether a cancel written in this tick would go out."""
        return self.is_alive and self._outlet.is_empty and self._pacer.cancels.wait_s() == 0

    def write_cancel(self, ib_order_id: int) -> None:
        """Write one cancelOrder frame now."""
        self._asker.require_alive()
        self._outlet.require_empty()
        if self._pacer.cancels.wait_s() > 0:
            raise Backpressure("the cancel budget of this second is spent")
        self._client.cancelOrder(ib_order_id)
        self._pacer.cancels.take()

    def write_global_cancel(self) -> None:
        """Ask the broker to cancel everything in the account, TWS included."""
        self._asker.require_alive()
        self._outlet.require_empty()
        self._client.reqGlobalCancel()
        self._pacer.cancels.take()

    # ---------------------------------------------------------------- questions

    async def snapshot(self, *, executions_since: datetime | None = None) -> BrokerSnapshot:
        """Ask for the four lists and the account values, one after the other; never a partial answer.

        Commissions follow the end marker of the executions, so they come as facts.
        """
        self._asker.require_alive()
        ask, client = self._asker.by_word, self._client
        return BrokerSnapshot(
            open_orders=tuple(await ask(words.OPEN_ORDERS, client.reqAllOpenOrders)),
            completed_orders=tuple(
                await ask(words.COMPLETED_ORDERS, lambda: client.reqCompletedOrders(False))
            ),
            executions=tuple(await self._ask_executions(executions_since)),
            commissions=(),
            positions=tuple(await ask(words.POSITIONS, client.reqPositions)),
            balances=tuple([value for each in self._followed for value in await self._ask_account(each)]),
        )

    async def current_time(self) -> datetime:
        """Ask the time; the answer is the heartbeat."""
        self._asker.require_alive()
        try:
            async with asyncio.timeout(self._settings.list_timeout_s + HEARTBEAT_GAP_S), self._clock_lane:
                moment = await self._ask_time()
        except TimeoutError:
            raise BrokerTimeout("no answer to the time") from None
        self._broker_ahead = moment - utc_now()
        return moment

    async def resolve(
        self, symbol: str, *, sec_type: str, exchange: str, currency: str
    ) -> list[InstrumentSpec]:
        """Return every contract that matches; none is an empty list."""
        self._asker.require_alive()
        wanted = Contract(symbol=symbol, secType=sec_type, exchange=exchange, currency=currency)
        return await self._reference.resolve(wanted)

    async def candles(self, query: CandleQuery) -> list[Candle]:
        """Return candles ascending; IB's "no data" is an empty list."""
        self._asker.require_alive()
        return await self._reference.candles(query, now=utc_now() + self._broker_ahead)

    async def _ask_time(self) -> datetime:
        await asyncio.sleep(max(0.0, self._asked_time_at + HEARTBEAT_GAP_S - boottime()))
        self._asked_time_at = boottime()
        answer: list[datetime] = await self._asker.by_word(
            words.CURRENT_TIME, self._client.reqCurrentTime, urgency=Urgency.HEARTBEAT, owes_an_end=False
        )
        return answer[0]

    async def _ask_executions(self, since: datetime | None) -> list[ExecutionReport]:
        wanted = library.ExecutionFilter(time="" if since is None else utc_text(since))
        return await self._asker.by_id(
            lambda request_id: self._client.reqExecutions(request_id, wanted), Urgency.RECONCILIATION
        )

    async def _ask_account(self, account: str) -> list[BalanceReport]:
        """Ask for the values of one account; IB answers in full only to a fresh subscription."""
        await self._asker.turn(Urgency.RECONCILIATION)
        self._client.reqAccountUpdates(False, account)
        return await self._asker.by_word(
            words.account_values(account), lambda: self._client.reqAccountUpdates(True, account)
        )

    # ---------------------------------------------------------------- streams

    def subscribe(self, instrument: InstrumentSpec) -> None:
        """Open one market-data line for the instrument; a second call changes nothing."""
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
                await self._asker.turn(Urgency.MARKET_DATA)
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
            await self._asker.turn(Urgency.MARKET_DATA)
            self._client.reqPnL(request_id, account, "")
            if len(self._accounts) > 1:
                await self._asker.turn(Urgency.MARKET_DATA)
                self._client.reqAccountUpdatesMulti(self._lines.next_request_id(), account, "", False)
