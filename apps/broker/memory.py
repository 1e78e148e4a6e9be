"""The in-memory twin of a broker session: the same promises, played by a script.

Tests of the gateway run on it; `tests/broker/test_session_contract.py` holds it to what the real
adapter does. It keeps what was written (`frames`, `cancels`), says what it is told to say, and
answers questions from the fields below. It decides nothing about orders.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from apps.broker.clock import boottime, utc_now
from apps.broker.lanes import FACTS_BOUND, FactLane, QuoteLane
from apps.broker.port import (
    Backpressure,
    BrokerSnapshot,
    BrokerTimeout,
    BrokerUnavailable,
    CandleQuery,
    FrameRefused,
    SessionIdentity,
)
from apps.domain.candles import Candle, CandleInterval
from apps.domain.errors import DomainError
from apps.domain.events import BrokerEvent, BrokerNotice, OrderFrame
from apps.domain.instruments import InstrumentSpec
from apps.domain.quotes import MarketDataType, Quote

EMPTY_SNAPSHOT = BrokerSnapshot((), (), (), (), (), ())


@dataclass
class MemoryScript:
    """What the twin answers; change it between two calls. A `..._problem` is raised instead."""

    accounts: tuple[str, ...] = ("DU1234567",)
    next_valid_id: int = 1
    server_version: int = 176
    connect_problem: DomainError | None = None
    snapshot: BrokerSnapshot = EMPTY_SNAPSHOT
    snapshot_problem: DomainError | None = None
    instruments: dict[str, list[InstrumentSpec]] = field(default_factory=dict)
    candles: dict[tuple[int, CandleInterval], list[Candle]] = field(default_factory=dict)
    candles_problem: DomainError | None = None
    is_silent: bool = False
    is_clogged: bool = False


class MemorySession:
    """BrokerSession without a wire; used once, like the real one."""

    def __init__(self, script: MemoryScript | None = None, *, facts_bound: int = FACTS_BOUND) -> None:
        self.script = script or MemoryScript()
        self.frames: list[OrderFrame] = []
        self.cancels: list[int] = []
        self.global_cancels = 0
        self.lines: dict[int, InstrumentSpec] = {}
        self._facts = FactLane(lambda: self.lose("the facts lane is full"), bound=facts_bound)
        self._newest: dict[int, Quote] = {}
        self._quotes = QuoteLane(self._newest.get)
        self._refusals: dict[int, tuple[int, str]] = {}
        self._is_connected = False
        self._is_lost = False

    # ---------------------------------------------------------------- the script's side

    def say(self, *events: BrokerEvent) -> None:
        """Let the broker report facts, in this order."""
        for event in events:
            self._facts.put(event)

    def quote(self, ib_con_id: int, **values: object) -> Quote:
        """Let the broker send prices on an open line; named values change, the rest stays."""
        line = self.lines[ib_con_id]
        before = self._newest.get(ib_con_id) or Quote(
            ib_con_id=ib_con_id,
            symbol=line.symbol,
            exchange=line.exchange,
            currency=line.currency,
            market_data_type=MarketDataType.LIVE,
            received_at=utc_now(),
            received_boottime=boottime(),
        )
        stamped = {"received_at": utc_now(), "received_boottime": boottime(), **values}
        quote = replace(before, **stamped)  # type: ignore[arg-type]  # names are checked by replace itself
        self._newest[ib_con_id] = quote
        self._refusals.pop(ib_con_id, None)
        self._quotes.mark(ib_con_id)
        return quote

    def refuse_ticker(self, ib_con_id: int, ib_code: int, ib_message: str) -> None:
        """Let the broker refuse the line of an instrument."""
        self._refusals[ib_con_id] = (ib_code, ib_message)
        self.say(BrokerNotice(ib_con_id, ib_code, ib_message))

    def lose(self, reason: str) -> None:
        """Let the line break."""
        self._is_lost = True
        self._facts.end(reason)
        self._quotes.end()

    # ---------------------------------------------------------------- the port

    async def connect(self) -> SessionIdentity:
        """Sign in, or raise what the script wants."""
        if self._is_connected or self._is_lost:
            raise BrokerUnavailable("a broker session is used once")
        if self.script.connect_problem is not None:
            self.lose(str(self.script.connect_problem))
            raise self.script.connect_problem
        self._is_connected = True
        script = self.script
        return SessionIdentity(script.server_version, script.accounts, script.next_valid_id, utc_now())

    async def snapshot(self, *, executions_since: datetime | None = None) -> BrokerSnapshot:
        """Return the script's lists, executions only since the given moment."""
        self._require_answer()
        if self.script.snapshot_problem is not None:
            raise self.script.snapshot_problem
        snapshot = self.script.snapshot
        if executions_since is None:
            return snapshot
        recent = tuple(each for each in snapshot.executions if each.executed_at >= executions_since)
        return replace(snapshot, executions=recent)

    def facts(self) -> AsyncIterator[BrokerEvent]:
        """Yield what was said, in order; the last event is SessionLost."""
        return self._facts.drain()

    def quotes(self) -> AsyncIterator[Sequence[Quote]]:
        """Yield batches of whole quotes, newest wins per instrument."""
        return self._quotes.drain()

    def order_wait_s(self, frames: int = 1) -> float:
        """Return 0: there is no budget without a wire."""
        return 0.0

    def write_order(self, frame: OrderFrame) -> None:
        """Keep the frame, or raise and keep nothing."""
        self._require_way_out()
        refs = {written.ib_order_id: written.order_ref for written in self.frames}
        if refs.get(frame.ib_order_id, frame.order_ref) != frame.order_ref:
            raise FrameRefused("this order id belongs to another order", field="ib_order_id")
        if frame.order_ref in refs.values() and frame.ib_order_id not in refs:
            raise FrameRefused("this order was written under another id", field="order_ref")
        self.frames.append(frame)

    @property
    def takes_cancels(self) -> bool:
        """Tell whether there is a way out."""
        return self.is_alive and not self.script.is_clogged

    def write_cancel(self, ib_order_id: int) -> None:
        """Keep the id of an order to cancel."""
        self._require_way_out()
        self.cancels.append(ib_order_id)

    def write_global_cancel(self) -> None:
        """Count the wish to cancel everything."""
        self._require_way_out()
        self.global_cancels += 1

    async def current_time(self) -> datetime:
        """Return the wall clock; a silent twin lets the question time out at once."""
        self._require_answer()
        return utc_now()

    async def resolve(
        self, symbol: str, *, sec_type: str, exchange: str, currency: str
    ) -> list[InstrumentSpec]:
        """Return the script's contracts of this symbol that fit."""
        self._require_answer()
        found = self.script.instruments.get(symbol, [])
        wanted = (sec_type, exchange, currency)
        return [spec for spec in found if (spec.sec_type, spec.exchange, spec.currency) == wanted]

    async def candles(self, query: CandleQuery) -> list[Candle]:
        """Return the script's candles, ascending."""
        self._require_answer()
        if self.script.candles_problem is not None:
            raise self.script.candles_problem
        found = self.script.candles.get((query.ib_con_id, query.interval), [])
        return sorted(found, key=lambda candle: candle.start)

    def subscribe(self, instrument: InstrumentSpec) -> None:
        """Open one line; a second call changes nothing."""
        self.lines.setdefault(instrument.ib_con_id, instrument)

    def unsubscribe(self, ib_con_id: int) -> None:
        """Give the line back; unknown ids are ignored."""
        self.lines.pop(ib_con_id, None)
        self._newest.pop(ib_con_id, None)
        self._refusals.pop(ib_con_id, None)

    def ticker_refusal(self, ib_con_id: int) -> tuple[int, str] | None:
        """Return why the line brings no prices."""
        return self._refusals.get(ib_con_id)

    @property
    def is_alive(self) -> bool:
        """Tell whether the script has broken the line."""
        return self._is_connected and not self._is_lost

    async def close(self, reason: str) -> None:
        """End the session; harmless when it is over."""
        self.lose(reason)

    def _require_alive(self) -> None:
        if not self.is_alive:
            raise BrokerUnavailable("the broker session is over")

    def _require_answer(self) -> None:
        self._require_alive()
        if self.script.is_silent:
            raise BrokerTimeout("no answer from the broker")

    def _require_way_out(self) -> None:
        self._require_alive()
        if self.script.is_clogged:
            raise Backpressure("earlier frames have not left yet")
