"""What every broker session promises, on the twin and on the adapter with the simulator."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from decimal import Decimal

import pytest

from apps.broker.port import BrokerSession, BrokerTimeout, BrokerUnavailable, CandleQuery, FrameRefused
from apps.domain.candles import CandleInterval
from apps.domain.events import BrokerOrder, OrderStatusReport, PositionReport, SessionLost
from apps.domain.executions import ExecutionReport
from apps.domain.orders import OrderType
from tests.broker.conftest import Heard, apple, order_frame
from tests.broker.stages import ACCOUNT, SimulatorStage, Stage, TwinStage


@pytest.fixture(params=[TwinStage, SimulatorStage], ids=["twin", "simulator"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    built: Stage = request.param()
    await built.open()
    yield built
    await built.close()


@pytest.fixture
async def session(stage: Stage) -> BrokerSession:
    """A session that is signed in."""
    await stage.session.connect()
    return stage.session


def market_order(ib_order_id: int) -> object:
    """Return an order that fills at once."""
    return order_frame(ib_order_id, order_type=OrderType.MARKET, limit_price=None, order_ref="jb:MARKET")


def resting_order(ib_order_id: int) -> object:
    """Return an order far below the market."""
    return order_frame(ib_order_id, limit_price=Decimal("10.50"), order_ref="jb:RESTING")


class TestConnecting:
    async def test_tells_account_and_next_id(self, stage: Stage) -> None:
        identity = await stage.session.connect()

        assert identity.accounts == (ACCOUNT,)
        assert identity.next_valid_id >= 1
        assert identity.connected_at.utcoffset() == timedelta(0)

    async def test_makes_it_alive(self, stage: Stage) -> None:
        before = stage.session.is_alive

        await stage.session.connect()

        assert not before
        assert stage.session.is_alive

    async def test_happens_once(self, session: BrokerSession) -> None:
        with pytest.raises(BrokerUnavailable):
            await session.connect()


class TestOrders:
    async def test_a_written_order_is_heard_under_its_ref(self, stage: Stage, session: BrokerSession) -> None:
        heard, frame = Heard(session), resting_order(21)

        session.write_order(frame)
        stage.answer_order(frame)

        await heard.until(lambda events: bool(heard.of(BrokerOrder)) and bool(heard.of(OrderStatusReport)))
        assert heard.of(BrokerOrder)[0].order_ref == "jb:RESTING"
        assert heard.of(BrokerOrder)[0].limit_price == Decimal("10.50")
        assert heard.of(OrderStatusReport)[0].ib_order_id == 21

    async def test_an_open_order_is_in_the_snapshot(self, stage: Stage, session: BrokerSession) -> None:
        heard, frame = Heard(session), resting_order(21)
        session.write_order(frame)
        stage.answer_order(frame)
        await heard.until(lambda events: bool(heard.of(OrderStatusReport)))

        snapshot = await session.snapshot()

        assert [order.order_ref for order in snapshot.open_orders] == ["jb:RESTING"]
        assert snapshot.open_orders[0].order_type == "LIMIT"

    async def test_a_fill_is_heard_and_in_the_snapshot(self, stage: Stage, session: BrokerSession) -> None:
        heard, frame = Heard(session), market_order(22)
        await session.snapshot()
        session.write_order(frame)
        stage.answer_order(frame)
        await heard.until(lambda events: bool(heard.of(ExecutionReport)) and bool(heard.of(PositionReport)))

        snapshot = await session.snapshot()

        execution = heard.of(ExecutionReport)[0]
        assert (execution.order_ref, execution.quantity) == ("jb:MARKET", 10)
        assert execution.executed_at.utcoffset() == timedelta(0)
        assert [each.ib_exec_id for each in snapshot.executions] == [execution.ib_exec_id]
        assert [each.quantity for each in snapshot.positions] == [10]

    async def test_a_cancelled_order_is_completed(self, stage: Stage, session: BrokerSession) -> None:
        heard, frame = Heard(session), resting_order(23)
        session.write_order(frame)
        stage.answer_order(frame)
        await heard.until(lambda events: bool(heard.of(OrderStatusReport)))

        session.write_cancel(23)
        stage.answer_cancel(frame)

        await heard.until(lambda events: heard.of(OrderStatusReport)[-1].status == "Cancelled")
        snapshot = await session.snapshot()
        assert snapshot.open_orders == ()
        assert [(each.order_ref, each.status) for each in snapshot.completed_orders] == [
            ("jb:RESTING", "Cancelled")
        ]

    async def test_an_order_keeps_its_id(self, session: BrokerSession) -> None:
        session.write_order(resting_order(24))

        with pytest.raises(FrameRefused):
            session.write_order(resting_order(25))

    async def test_an_id_keeps_its_order(self, session: BrokerSession) -> None:
        session.write_order(resting_order(24))

        with pytest.raises(FrameRefused):
            session.write_order(market_order(24))

    async def test_there_is_room_for_an_order_at_first(self, session: BrokerSession) -> None:
        assert session.order_wait_s() == 0


class TestQuestions:
    async def test_an_empty_book_is_an_empty_snapshot(self, session: BrokerSession) -> None:
        snapshot = await session.snapshot()

        assert (snapshot.open_orders, snapshot.executions, snapshot.positions) == ((), (), ())

    async def test_a_list_without_its_end_raises(self, stage: Stage, session: BrokerSession) -> None:
        stage.withhold_a_list()

        with pytest.raises(BrokerTimeout):
            await session.snapshot()

    async def test_the_time_is_aware(self, session: BrokerSession) -> None:
        assert (await session.current_time()).tzinfo is UTC

    async def test_a_silent_broker_times_out(self, stage: Stage, session: BrokerSession) -> None:
        stage.fall_silent()

        with pytest.raises(BrokerTimeout):
            await session.current_time()

    async def test_resolves_a_symbol(self, session: BrokerSession) -> None:
        found = await session.resolve("AAPL", sec_type="STK", exchange="SMART", currency="USD")

        assert [(spec.ib_con_id, spec.symbol, spec.exchange) for spec in found] == [(265598, "AAPL", "SMART")]
        assert found[0].min_tick == Decimal("0.01")

    async def test_an_unknown_symbol_is_an_empty_list(self, session: BrokerSession) -> None:
        assert await session.resolve("NOSUCH", sec_type="STK", exchange="SMART", currency="USD") == []

    async def test_candles_ascend(self, session: BrokerSession) -> None:
        query = CandleQuery(265598, CandleInterval.D1, "5 D", "TRADES", regular_hours_only=True)

        candles = await session.candles(query)

        starts = [candle.start for candle in candles]
        assert len(starts) >= 2
        assert starts == sorted(starts)
        assert candles[0].final
        assert candles[0].start.hour == 0


class TestPrices:
    async def test_flow_after_subscribing(self, stage: Stage, session: BrokerSession) -> None:
        session.subscribe(apple())
        session.subscribe(apple())
        stage.send_prices()

        batch = await anext(session.quotes())

        assert [quote.ib_con_id for quote in batch] == [265598]
        assert batch[0].price is not None
        assert session.ticker_refusal(265598) is None

    async def test_giving_back_is_harmless_for_unknown_ids(self, session: BrokerSession) -> None:
        session.unsubscribe(1)

        assert session.ticker_refusal(1) is None


class TestEnding:
    async def test_a_broken_line_is_the_last_fact(self, stage: Stage, session: BrokerSession) -> None:
        heard = Heard(session)

        stage.break_the_line()

        events = await heard.end()
        assert isinstance(events[-1], SessionLost)
        assert not session.is_alive

    async def test_closing_twice_is_harmless(self, session: BrokerSession) -> None:
        heard = Heard(session)

        await session.close("first")
        await session.close("second")

        events = await heard.end()
        assert [event for event in events if isinstance(event, SessionLost)] == [SessionLost("first")]
        assert events[-1] == SessionLost("first")

    async def test_nothing_works_afterwards(self, session: BrokerSession) -> None:
        await session.close("over")

        with pytest.raises(BrokerUnavailable):
            session.write_order(resting_order(25))
        with pytest.raises(BrokerUnavailable):
            session.write_global_cancel()
        with pytest.raises(BrokerUnavailable):
            await session.snapshot()
        assert [batch async for batch in session.quotes()] == []
