"""The library's traps (spec/orders.md section 1), each over a real socket."""

import asyncio
import gc
from collections.abc import Callable
from decimal import Decimal

import pytest

from apps.broker.ib import ear, pacing
from apps.broker.ib.session import IbSession
from apps.broker.port import (
    Backpressure,
    BrokerRefused,
    BrokerTimeout,
    BrokerUnavailable,
    FrameRefused,
)
from apps.domain.events import BrokerNotice, BrokerOrder, OrderStatusReport, SessionLost
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.ib_codes import IB_CODES
from apps.domain.orders import OrderType, Side
from tests.broker import peer as wire
from tests.broker.conftest import Heard, order_frame
from tests.broker.peer import PLACE_ORDER, Peer

LISTS = [wire.OPEN_ORDERS, wire.COMPLETED_ORDERS, wire.EXECUTIONS, wire.POSITIONS, wire.ACCOUNT]


class TestWrittenOrNotAtAll:
    """F1: no frame waits in a queue of the library."""

    async def test_every_accepted_frame_arrives_and_no_other(self, peer: Peer, session: IbSession) -> None:
        accepted = 0
        for number in range(1, 121):
            try:
                session.write_order(order_frame(number, order_ref=f"jb:{number}"))
                accepted += 1
            except Backpressure:
                pass

        await peer.until(lambda: len(peer.of_kind(PLACE_ORDER)) >= accepted)
        await session.current_time()
        assert accepted == pacing.ORDERS_PER_S
        assert len(peer.of_kind(PLACE_ORDER)) == accepted

    async def test_is_written_in_the_callers_tick(self, session: IbSession) -> None:
        sent_before = session._client.conn.numMsgSent

        session.write_order(order_frame())

        assert session._client.conn.numMsgSent == sent_before + 1
        assert session._client.conn.transport.get_write_buffer_size() == 0

    async def test_refuses_while_the_peer_does_not_read(self, peer: Peer, session: IbSession) -> None:
        session._client.conn.transport.pause_reading()
        session._client.conn.transport.write(b"\0" * 20_000_000)

        with pytest.raises(Backpressure):
            session.write_order(order_frame())
        with pytest.raises(Backpressure):
            session.write_cancel(5)

    async def test_cancels_have_a_budget_of_their_own(self, peer: Peer, session: IbSession) -> None:
        for number in range(pacing.ORDERS_PER_S):
            session.write_order(order_frame(number + 1, order_ref=f"jb:{number}"))

        session.write_cancel(1)

        await peer.until(lambda: bool(peer.of_kind(wire.CANCEL_ORDER)))
        assert session.order_wait_s() > 0
        assert peer.of_kind(wire.CANCEL_ORDER)[0][:3] == ["4", "1", "1"]

    async def test_says_when_it_takes_no_more_cancels(self, peer: Peer, session: IbSession) -> None:
        before = session.takes_cancels
        for number in range(pacing.CANCELS_PER_S):
            session.write_cancel(number + 1)

        assert (before, session.takes_cancels) == (True, False)
        with pytest.raises(Backpressure):
            session.write_cancel(99)

    async def test_orders_do_not_stand_behind_requests(self, peer: Peer, session: IbSession) -> None:
        waiting = [asyncio.create_task(session._pacer.turn(pacing.Urgency.HISTORY)) for _ in range(60)]
        await asyncio.sleep(0)

        session.write_order(order_frame())

        await peer.until(lambda: bool(peer.of_kind(PLACE_ORDER)))
        assert not all(task.done() for task in waiting)
        await session.close("enough")
        assert any(
            isinstance(p, BrokerUnavailable) for p in await asyncio.gather(*waiting, return_exceptions=True)
        )


class TestWhatIsWritten:
    """F3, F4, F6: the frame is the intent, or nothing is written."""

    async def test_says_exactly_the_intent(self, peer: Peer, session: IbSession) -> None:
        frame = order_frame(
            9,
            side=Side.SELL,
            order_type=OrderType.STOP_LIMIT,
            quantity=Decimal("1E+3"),
            limit_price=Decimal("12.3400"),
            stop_price=Decimal("0.0001"),
            parent_ib_order_id=8,
            transmit=False,
            outside_rth=True,
            oca_group="pair",
        )

        session.write_order(frame)

        await peer.until(lambda: bool(peer.of_kind(PLACE_ORDER)))
        fields = peer.of_kind(PLACE_ORDER)[0]
        assert len(fields) == 115
        assert fields[1:4] == ["9", "265598", "AAPL"]
        assert fields[16:22] == ["SELL", "1000", "STP LMT", "12.34", "0.0001", "DAY"]
        assert fields[22:24] == ["pair", "DU1234567"]
        assert fields[26:29] == ["jb:HUDYBLC4P7SKU7J4TPI2D3IAPR", "0", "8"]
        assert fields[33] == "1"

    async def test_nothing_shifted_by_a_nul_is_written(self, peer: Peer, session: IbSession) -> None:
        evil = "AAPL\0STK\0\0" + "0.0\0\0\0SMART\0\0USD\0\0\0\0\0SELL\0" + "999999\0MKT"

        with pytest.raises(FrameRefused):
            session.write_order(order_frame(symbol=evil))

        await session.current_time()
        assert peer.of_kind(PLACE_ORDER) == []

    @pytest.mark.parametrize(
        "changed",
        [
            {"order_ref": "jb:A\nB"},
            {"account": "DU1\u0661"},
            {"quantity": Decimal(2_147_483_647)},
            {"quantity": Decimal("NaN")},
            {"limit_price": Decimal("1.7976931348623157e308")},
            {"limit_price": Decimal(-5)},
        ],
    )
    async def test_nothing_outside_the_envelope_is_written(
        self, peer: Peer, session: IbSession, changed: dict[str, object]
    ) -> None:
        with pytest.raises(FrameRefused):
            session.write_order(order_frame(**changed))

        await session.current_time()
        assert peer.of_kind(PLACE_ORDER) == []

    async def test_a_frame_the_library_built_otherwise_is_not_written(
        self, peer: Peer, session: IbSession
    ) -> None:
        frame = order_frame()
        contract, order = session_objects(order_frame(quantity=Decimal(999)))

        with pytest.raises(FrameRefused), session._outlet.intending(frame):
            session._client.placeOrder(frame.ib_order_id, contract, order)

        await session.current_time()
        assert peer.of_kind(PLACE_ORDER) == []

    async def test_no_other_road_of_the_library_places_an_order(self, peer: Peer, session: IbSession) -> None:
        contract, order = session_objects(order_frame())

        with pytest.raises(FrameRefused):
            session._ib.placeOrder(contract, order)

        await session.current_time()
        assert peer.of_kind(PLACE_ORDER) == []

    async def test_an_order_id_keeps_its_order(self, peer: Peer, session: IbSession) -> None:
        session.write_order(order_frame(5, order_ref="jb:FIRST"))

        with pytest.raises(FrameRefused):
            session.write_order(order_frame(5, order_ref="jb:SECOND"))

        await session.current_time()
        assert len(peer.of_kind(PLACE_ORDER)) == 1

    async def test_an_order_may_be_changed_under_its_id(self, peer: Peer, session: IbSession) -> None:
        session.write_order(order_frame(5))

        session.write_order(order_frame(5, limit_price=Decimal("216.00")))

        await peer.until(lambda: len(peer.of_kind(PLACE_ORDER)) == 2)
        assert [fields[19] for fields in peer.of_kind(PLACE_ORDER)] == ["215.5", "216"]

    @pytest.mark.parametrize("next_valid_id", [1, -1, 2**31])
    async def test_ids_that_come_back_name_the_new_order(
        self, dial: Callable[..., IbSession], next_valid_id: int
    ) -> None:
        async with Peer(next_valid_id=next_valid_id) as gateway:
            first = dial(gateway.port)
            await first.connect()
            first.write_order(order_frame(1))
            await gateway.until(lambda: bool(gateway.of_kind(PLACE_ORDER)))
            await first.close("restart")
            second = dial(gateway.port)
            await second.connect()

            second.write_order(
                order_frame(1, symbol="MSFT", ib_con_id=272093, side=Side.SELL, order_ref="jb:M")
            )

            await gateway.until(lambda: len(gateway.of_kind(PLACE_ORDER)) == 2)
            fields = gateway.of_kind(PLACE_ORDER)[1]
            assert (fields[3], fields[16], fields[26]) == ("MSFT", "SELL", "jb:M")

    async def test_request_ids_are_out_of_reach_of_order_ids(self, peer: Peer, session: IbSession) -> None:
        await session.snapshot()

        assert int(peer.of_kind(wire.EXECUTIONS)[0][2]) >= 1_000_000_000


class TestNoFalseTerminal:
    """F5: a code decides nothing, and the library's opinion is not asked."""

    async def test_no_code_says_that_an_order_is_over(self, peer: Peer, session: IbSession) -> None:
        session.write_order(order_frame(5))
        heard = Heard(session)
        peer.send(*wire.open_order(5, "Submitted"))
        peer.send(*wire.order_status(5, "Submitted"))

        codes = sorted({*range(100, 3_000), *range(10_000, 10_400), *IB_CODES} - {1101})
        for code in codes:
            peer.send(*wire.error(5, code))

        await heard.until(lambda events: len(heard.of(BrokerNotice)) >= len(codes))
        assert {event.status for event in heard.of(OrderStatusReport)} == {"Submitted"}
        assert {event.status for event in heard.of(BrokerOrder)} == {"Submitted"}
        assert session._ib.trades() == []

    async def test_open_orders_come_with_ibs_own_status(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)

        peer.send(*wire.open_order(5, "Submitted"))
        peer.send(*wire.open_order(5, "Inactive"))

        await heard.until(lambda events: len(heard.of(BrokerOrder)) == 2)
        assert [event.status for event in heard.of(BrokerOrder)] == ["Submitted", "Inactive"]
        assert heard.of(BrokerOrder)[0].stop_price is None


class TestNeverAPartialList:
    """F7, F8: silence and refusals are not empty lists."""

    @pytest.mark.parametrize("request_id", LISTS)
    async def test_a_missing_end_marker_is_a_timeout(
        self, peer: Peer, dial: Callable[..., IbSession], request_id: str
    ) -> None:
        del peer.answers[request_id]
        session = dial(peer.port, list_timeout_s=0.3)
        await session.connect()

        with pytest.raises(BrokerTimeout):
            await session.snapshot()

    @pytest.mark.parametrize("request_id", LISTS)
    async def test_an_error_in_place_of_a_list_is_a_refusal(
        self, peer: Peer, session: IbSession, request_id: str
    ) -> None:
        peer.answers[request_id] = lambda asked: [
            wire.error(asked[2] if request_id == wire.EXECUTIONS else -1, 321, "Read-Only")
        ]

        with pytest.raises(BrokerRefused) as refusal:
            await session.snapshot()

        assert refusal.value.ib_code == 321

    async def test_farm_notices_refuse_nothing(self, peer: Peer, session: IbSession) -> None:
        peer.answers[wire.POSITIONS] = lambda _: [wire.error(-1, 2106), wire.error(-1, 1100), ("62", "1")]

        snapshot = await session.snapshot()

        assert snapshot.positions == ()

    @pytest.mark.parametrize(
        ("request_id", "lost"),
        [
            (wire.OPEN_ORDERS, ("5", "1", "rubbish")),
            (wire.COMPLETED_ORDERS, ("101", "rubbish")),
            (wire.EXECUTIONS, ("11", "1", "rubbish")),
            (wire.POSITIONS, ("61", "3", "rubbish")),
        ],
    )
    async def test_a_record_nobody_can_read_spoils_the_list(
        self, peer: Peer, session: IbSession, request_id: str, lost: tuple[str, ...]
    ) -> None:
        complete = peer.answers[request_id]
        peer.answers[request_id] = lambda asked: [lost, *complete(asked)]
        heard = Heard(session)

        with pytest.raises(BrokerUnavailable):
            await session.snapshot()

        await heard.until(lambda events: any("Unreadable" in n.text for n in heard.of(BrokerNotice)))

    async def test_the_end_of_an_abandoned_list_proves_nothing_later(
        self, peer: Peer, dial: Callable[..., IbSession]
    ) -> None:
        del peer.answers[wire.OPEN_ORDERS]
        session = dial(peer.port, list_timeout_s=0.3)
        await session.connect()
        with pytest.raises(BrokerTimeout):
            await session.snapshot()
        late = [wire.open_order(4, "Submitted"), ("53", "1")]
        peer.answers[wire.OPEN_ORDERS] = lambda _: [*late, wire.open_order(5, "Submitted"), ("53", "1")]

        snapshot = await session.snapshot()

        assert [order.ib_order_id for order in snapshot.open_orders] == [5]

    async def test_a_lost_line_ends_the_question(self, peer: Peer, session: IbSession) -> None:
        del peer.answers[wire.POSITIONS]
        asking = asyncio.create_task(session.snapshot())
        await peer.until(lambda: bool(peer.of_kind(wire.POSITIONS)))

        peer.hang_up()

        with pytest.raises(BrokerUnavailable):
            await asking


class TestOneQuestionAtATime:
    """F9: concurrent callers of one question are all answered or timed out."""

    async def test_fifty_callers_get_their_answers(self, peer: Peer, session: IbSession) -> None:
        peer.answers[wire.POSITIONS] = lambda _: [wire.position(265598), ("62", "1")]
        asks = [
            session._asker.by_word(ear.POSITIONS, session._client.reqPositions, timeout_s=20.0)
            for _ in range(50)
        ]

        answers = await asyncio.gather(*asks)

        assert [len(answer) for answer in answers] == [1] * 50

    async def test_the_time_is_not_asked_twice_within_a_second(self, peer: Peer, session: IbSession) -> None:
        loop = asyncio.get_running_loop()
        await session.current_time()
        started = loop.time()

        await session.current_time()

        assert loop.time() - started > 0.9
        assert len(peer.of_kind(wire.TIME)) == 2


class TestFactsAroundABreak:
    """F11: what is heard is reported, whatever the state of the line to IB's servers."""

    async def test_no_fill_is_lost_between_1100_and_1102(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        peer.send(*wire.error(-1, 1100))
        for number in range(1_000):
            peer.send(*wire.execution(-1, f"0001.{number:04x}.01.01"))
            peer.send("59", "1", f"0001.{number:04x}.01.01", "1.0", "USD", "1.7976931348623157E308", "", "")
        peer.send(*wire.error(-1, 1102))

        await heard.until(lambda events: len(heard.of(BrokerNotice)) >= 2)

        assert len(heard.of(ExecutionReport)) == 1_000
        assert {event.realized_pnl for event in heard.of(CommissionReport)} == {None}

    async def test_facts_keep_their_order(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        for number in range(200):
            peer.send(*wire.order_status(5, f"S{number}"))

        await heard.until(lambda events: len(heard.of(OrderStatusReport)) == 200)

        assert [event.status for event in heard.of(OrderStatusReport)] == [f"S{n}" for n in range(200)]

    async def test_commissions_after_the_end_marker_are_facts(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        peer.answers[wire.EXECUTIONS] = lambda asked: [
            wire.execution(asked[2], "0001.a.01.01"),
            ("55", "1", asked[2]),
            ("59", "1", "0001.a.01.01", "1.0", "USD", "0", "", ""),
        ]

        snapshot = await session.snapshot()

        await heard.until(lambda events: bool(heard.of(CommissionReport)))
        assert [report.ib_exec_id for report in snapshot.executions] == ["0001.a.01.01"]
        assert heard.of(ExecutionReport) == []

    async def test_nothing_stops_when_only_the_session_is_kept(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        gc.collect()

        peer.send(*wire.order_status(5, "Submitted"))

        await heard.until(lambda events: bool(heard.of(OrderStatusReport)))

    async def test_session_lost_is_last(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        peer.send(*wire.order_status(5, "Submitted"))
        peer.hang_up()

        events = await heard.end()

        assert isinstance(events[-1], SessionLost)
        assert [type(event) for event in events].count(SessionLost) == 1
        assert heard.of(OrderStatusReport)


def session_objects(frame: object) -> tuple[object, object]:
    """Return the library's contract and order for a frame."""
    from apps.broker.ib.translate import order_contract, order_terms

    return order_contract(frame), order_terms(frame)
