"""The two stages the contract is played on: the twin with its script, the adapter with the simulator.

A stage makes one session and does to its broker what a test asks for.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol

from apps.broker.ib.session import IbSession
from apps.broker.memory import MemoryScript, MemorySession
from apps.broker.port import BrokerSession, BrokerTimeout, ConnectionSettings
from apps.domain.candles import Candle, CandleInterval, session_stamp
from apps.domain.events import BrokerOrder, OrderFrame, OrderStatusReport, PositionReport
from apps.domain.executions import ExecutionReport
from apps.domain.quotes import MarketDataType
from apps.simulator.config import SimulatorConfig
from apps.simulator.instruments.universe import instrument_named
from apps.simulator.server import SimulatorServer
from tests.broker.conftest import apple

ACCOUNT = "DU1234567"


class Stage(Protocol):
    """What a test may ask of the broker behind a session."""

    session: BrokerSession

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def withhold_a_list(self) -> None: ...

    def fall_silent(self) -> None: ...

    def break_the_line(self) -> None: ...

    def answer_order(self, frame: OrderFrame) -> None: ...

    def answer_cancel(self, frame: OrderFrame) -> None: ...

    def send_prices(self) -> None: ...


class TwinStage:
    """The script plays the broker."""

    def __init__(self) -> None:
        day = date(2026, 11, 18)
        self._script = MemoryScript(
            accounts=(ACCOUNT,),
            instruments={"AAPL": [apple()]},
            candles={(265598, CandleInterval.D1): [_candle(day.replace(day=n)) for n in (18, 17)]},
        )
        self._memory = MemorySession(self._script)
        self.session: BrokerSession = self._memory

    async def open(self) -> None:
        """The twin needs nothing."""

    async def close(self) -> None:
        await self.session.close("end of the test")

    def withhold_a_list(self) -> None:
        self._script.snapshot_problem = BrokerTimeout("no answer to positions")

    def fall_silent(self) -> None:
        self._script.is_silent = True

    def break_the_line(self) -> None:
        self._memory.lose("peer gone")

    def answer_order(self, frame: OrderFrame) -> None:
        order = _broker_order(frame, "Submitted")
        status = OrderStatusReport(frame.ib_order_id, 77, 7, "Submitted", Decimal(0), frame.quantity)
        self._memory.say(order, status)
        before = self._script.snapshot
        if frame.limit_price is not None:
            self._script.snapshot = replace(before, open_orders=(*before.open_orders, order))
            return
        self._memory.say(_execution(frame), _position(frame))
        self._script.snapshot = replace(
            before, executions=(_execution(frame),), positions=(_position(frame),)
        )

    def answer_cancel(self, frame: OrderFrame) -> None:
        self._memory.say(OrderStatusReport(frame.ib_order_id, 77, 7, "Cancelled", Decimal(0), frame.quantity))
        completed = (_broker_order(frame, "Cancelled"),)
        self._script.snapshot = replace(self._script.snapshot, open_orders=(), completed_orders=completed)

    def send_prices(self) -> None:
        self._memory.quote(265598, bid=Decimal("215.49"), ask=Decimal("215.51"), last=Decimal("215.50"))


class SimulatorStage:
    """The simulator plays IB Gateway; it answers orders and sends prices by itself."""

    def __init__(self) -> None:
        self._server = SimulatorServer(SimulatorConfig(port=0, account=ACCOUNT, pulse_s=0.05))

    async def open(self) -> None:
        await self._server.start()
        self.session: BrokerSession = IbSession(
            ConnectionSettings(
                "127.0.0.1", self._server.port, 7, MarketDataType.LIVE, connect_timeout_s=5, list_timeout_s=1
            )
        )

    async def close(self) -> None:
        await self.session.close("end of the test")
        await self._server.stop()

    def withhold_a_list(self) -> None:
        self._switch("withhold", messages=[62])

    def fall_silent(self) -> None:
        self._switch("freeze", seconds=60)

    def break_the_line(self) -> None:
        self._switch("drop_rst")

    def answer_order(self, frame: OrderFrame) -> None:
        """The simulator answers by itself."""

    def answer_cancel(self, frame: OrderFrame) -> None:
        """The simulator answers by itself."""

    def send_prices(self) -> None:
        """The simulator sends them by itself."""

    def move_price(self, symbol: str, dollars: float) -> int:
        """Move a price and hold it there; return the contract id."""
        instrument = instrument_named(symbol)
        assert instrument is not None
        self._server.venue.set_price(instrument, instrument.points(dollars), hold=True)
        self._server.pulse()
        return instrument.con_id

    def _switch(self, name: str, **arguments: Any) -> None:
        self._server.venue.faults.switch(name, arguments)


def _candle(day: date) -> Candle:
    price = Decimal("215.50")
    return Candle(session_stamp(day), day, price, price, price, price, Decimal(1000), None, final=True)


def _broker_order(frame: OrderFrame, status: str) -> BrokerOrder:
    return BrokerOrder(
        account=frame.account,
        order_ref=frame.order_ref,
        ib_order_id=frame.ib_order_id,
        ib_perm_id=77,
        client_id=7,
        ib_con_id=frame.ib_con_id,
        symbol=frame.symbol,
        sec_type=frame.sec_type,
        exchange=frame.exchange,
        currency=frame.currency,
        side=frame.side,
        order_type=frame.order_type.value,
        quantity=frame.quantity,
        limit_price=frame.limit_price,
        stop_price=frame.stop_price,
        time_in_force=frame.time_in_force,
        status=status,
    )


def _execution(frame: OrderFrame) -> ExecutionReport:
    return ExecutionReport(
        account=frame.account,
        ib_exec_id="0001.a.01.01",
        ib_order_id=frame.ib_order_id,
        ib_perm_id=77,
        client_id=7,
        order_ref=frame.order_ref,
        ib_con_id=frame.ib_con_id,
        symbol=frame.symbol,
        sec_type=frame.sec_type,
        currency=frame.currency,
        side=frame.side,
        quantity=frame.quantity,
        price=Decimal("215.50"),
        exchange="NASDAQ",
        executed_at=datetime.now(UTC),
    )


def _position(frame: OrderFrame) -> PositionReport:
    return PositionReport(
        frame.account, frame.ib_con_id, frame.symbol, frame.sec_type, "NASDAQ", frame.currency, frame.symbol,
        frame.quantity, Decimal("215.50"),
    )  # fmt: skip
