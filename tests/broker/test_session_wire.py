"""The session and a peer that is late, wrong or hostile (spec/faults.md 5.4), over a real socket."""

import asyncio
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.broker.ib.framing import MAX_FRAME
from apps.broker.ib.session import IbSession
from apps.broker.port import BrokerRefused, BrokerTimeout, BrokerUnavailable
from apps.domain.events import BrokerNotice, OrderStatusReport, PnlReport, SessionLost
from apps.domain.executions import ExecutionReport
from tests.broker import peer as wire
from tests.broker.conftest import Heard, order_frame
from tests.broker.peer import Peer, frame

RUBBISH = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "length zero": b"\x00\x00\x00\x00",
    "length of four gigabytes": b"\xff\xff\xff\xff",
    "length of sixteen megabytes": b"\x01\x00\x00\x00",
}


class TestHandshake:
    async def test_tells_who_we_are(self, dial: Callable[..., IbSession]) -> None:
        async with Peer(next_valid_id=41, accounts="DU1,DU2,DU1,") as gateway:
            session = dial(gateway.port)

            identity = await session.connect()

            assert identity.server_version == 176
            assert identity.accounts == ("DU1", "DU2")
            assert identity.next_valid_id == 41
            assert session.is_alive

    async def test_signs_in_with_the_client_id_and_asks_no_list(self, peer: Peer, session: IbSession) -> None:
        assert peer.frames[0] == ["71", "2", "7", ""]
        assert {fields[0] for fields in peer.frames[1:]} == {"59", "92"}

    async def test_a_used_client_id_is_refused_at_once(self, dial: Callable[..., IbSession]) -> None:
        async with Peer() as gateway:
            gateway.greeting = [wire.error(-1, 326, "client id in use")]
            session = dial(gateway.port, connect_timeout_s=30.0)

            async with asyncio.timeout(2):
                with pytest.raises(BrokerRefused) as refusal:
                    await session.connect()

            assert refusal.value.ib_code == 326
            assert await Heard(session).end() == [
                BrokerNotice(-1, 326, "client id in use"),
                SessionLost("client id in use"),
            ]

    async def test_a_closed_port_is_unavailable(self, dial: Callable[..., IbSession]) -> None:
        async with Peer() as gateway:
            port = gateway.port
        session = dial(port)

        with pytest.raises(BrokerUnavailable):
            await session.connect()

    async def test_silence_is_a_timeout(self, dial: Callable[..., IbSession]) -> None:
        async with Peer() as gateway:
            gateway.rubbish = b""
            session = dial(gateway.port, connect_timeout_s=0.3)

            with pytest.raises(BrokerTimeout):
                await session.connect()

            assert not session.is_alive

    async def test_an_early_end_is_unavailable_at_once(self, dial: Callable[..., IbSession]) -> None:
        async with Peer() as gateway:
            gateway.greeting = [("9", "1", "1")]
            session = dial(gateway.port, connect_timeout_s=30.0)
            connecting = asyncio.create_task(session.connect())
            await gateway.until(lambda: bool(gateway.frames))

            gateway.hang_up()

            async with asyncio.timeout(2):
                with pytest.raises(BrokerUnavailable):
                    await connecting

    @pytest.mark.parametrize("version", ["0", "100", "156", "158", "179", "999", "abc"])
    async def test_versions_the_library_misreads_are_refused(
        self, dial: Callable[..., IbSession], version: str
    ) -> None:
        async with Peer(version=version) as gateway:
            session = dial(gateway.port, connect_timeout_s=30.0)

            async with asyncio.timeout(2):
                with pytest.raises(BrokerUnavailable):
                    await session.connect()

    async def test_is_used_once(self, session: IbSession) -> None:
        with pytest.raises(BrokerUnavailable):
            await session.connect()

    @pytest.mark.parametrize("data", RUBBISH.values(), ids=RUBBISH)
    async def test_rubbish_in_place_of_the_handshake(
        self, dial: Callable[..., IbSession], data: bytes
    ) -> None:
        async with Peer() as gateway:
            gateway.rubbish = data
            session = dial(gateway.port, connect_timeout_s=30.0)

            async with asyncio.timeout(2):
                with pytest.raises(BrokerUnavailable):
                    await session.connect()


class TestStream:
    async def test_frames_may_come_byte_by_byte(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        data = frame(*wire.order_status(5, "Submitted")) + frame(*wire.execution(-1, "1.a.01.01"))

        for number in range(len(data)):
            session._framing.feed(data[number : number + 1])

        await heard.until(lambda events: bool(heard.of(ExecutionReport)))
        assert len(heard.of(OrderStatusReport)) == 1

    async def test_a_burst_in_one_read_is_walked_once(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        session._framing.feed(frame(*wire.order_status(5, "Submitted")) * 20_000)

        await heard.until(lambda events: len(heard.of(OrderStatusReport)) == 20_000)

    @pytest.mark.parametrize("data", [RUBBISH["length zero"], RUBBISH["length of four gigabytes"]])
    async def test_an_impossible_length_drops_the_session(
        self, peer: Peer, session: IbSession, data: bytes
    ) -> None:
        peer.send_bytes(data)

        events = await Heard(session).end()

        assert "inbound frame" in events[-1].reason
        assert not session.is_alive

    async def test_a_frame_of_a_megabyte_still_passes(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        text = "x" * (MAX_FRAME - 20)
        peer.send(*wire.error(-1, 2104, text))

        await heard.until(lambda events: bool(heard.of(BrokerNotice)))

        assert len(heard.of(BrokerNotice)[0].text) == 2_000

    @pytest.mark.parametrize(
        "fields",
        [
            ("abc", "1"),
            ("-1", "1"),
            ("99999", "1"),
            ("11", "-1"),
            wire.execution(-1, ""),
            wire.execution(-1, "1.a.01.01", shares="-10"),
            wire.execution(-1, "1.a.01.01", shares="1e308"),
            wire.execution(-1, "1.a.01.01", price="nan"),
            wire.execution(-1, "1.a.01.01", side="???"),
            wire.execution(-1, "1.a.01.01", time="yesterday"),
            wire.execution(-1, "1.a.01.01")[:-2],
        ],
    )
    async def test_what_is_no_fact_is_reported_and_not_booked(
        self, peer: Peer, session: IbSession, fields: tuple[str, ...]
    ) -> None:
        heard = Heard(session)

        peer.send(*fields)
        peer.send(*wire.order_status(5, "Submitted"))

        await heard.until(lambda events: bool(heard.of(OrderStatusReport)))
        assert heard.of(ExecutionReport) == []
        assert "Unreadable" in heard.of(BrokerNotice)[0].text
        assert session.is_alive

    async def test_an_unreadable_message_is_logged_once_a_second(
        self, peer: Peer, session: IbSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        session._framing.feed(frame("99999", "1") * 1_000)

        assert len([record for record in caplog.records if record.message == "unreadable message"]) <= 2

    async def test_bytes_that_are_no_utf8_do_not_end_it(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        payload = b"4\x002\x00-1\x002104\x00\xff\xfe\x00\x00"

        peer.send_bytes(struct.pack(">I", len(payload)) + payload)

        await heard.until(lambda events: bool(heard.of(BrokerNotice)))

    async def test_a_flood_of_facts_ends_the_session_and_keeps_what_it_has(
        self, peer: Peer, session: IbSession
    ) -> None:
        session._framing.feed(frame(*wire.error(-1, 2104)) * 50_001)

        events = await Heard(session).end()

        assert len(events) == 50_001
        assert events[-1] == SessionLost("the facts lane is full")


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "hour"),
        [
            ("20261120 10:01:02 US/Eastern", 15),
            ("20261120  10:01:02", 15),
            ("20261120-10:01:02", 10),
            ("20261120 10:01:02 Central European Standard Time", 9),
            ("20261120 10:01:02 EST", 15),
        ],
    )
    async def test_executions_come_in_utc(self, peer: Peer, session: IbSession, text: str, hour: int) -> None:
        heard = Heard(session)

        peer.send(*wire.execution(-1, "1.a.01.01", time=text))

        await heard.until(lambda events: bool(heard.of(ExecutionReport)))
        assert heard.of(ExecutionReport)[0].executed_at == datetime(2026, 11, 20, hour, 1, 2, tzinfo=UTC)

    async def test_executions_are_asked_for_since_a_moment_in_utc(
        self, peer: Peer, session: IbSession
    ) -> None:
        await session.snapshot(executions_since=datetime(2026, 11, 20, 9, 0, tzinfo=UTC))

        assert peer.of_kind(wire.EXECUTIONS)[0][5] == "20261120-09:00:00"


class TestAccounts:
    async def test_unknown_pnl_is_none(self, peer: Peer, session: IbSession) -> None:
        heard = Heard(session)
        request_id = peer.of_kind("92")[0][1]

        peer.send("94", request_id, "12.5", "1.7976931348623157E308", "0.0")

        await heard.until(lambda events: bool(heard.of(PnlReport)))
        assert heard.of(PnlReport) == [PnlReport("DU1234567", Decimal("12.5"), None, Decimal(0))]

    async def test_every_account_of_a_login_is_asked(self, dial: Callable[..., IbSession]) -> None:
        async with Peer(accounts="DU1,DU2") as gateway:
            gateway.answers[wire.ACCOUNT] = lambda asked: (
                [("6", "2", "NetLiquidation", "100.5", "USD", asked[3]), ("54", "1", asked[3])]
                if asked[2] == "1"
                else []
            )
            session = dial(gateway.port)
            await session.connect()

            snapshot = await session.snapshot()

            assert [(b.account, b.value) for b in snapshot.balances] == [
                ("DU1", Decimal("100.5")),
                ("DU2", Decimal("100.5")),
            ]
            await gateway.until(lambda: len(gateway.of_kind("76")) == 2)


class TestEnd:
    @pytest.mark.parametrize("reset", [False, True])
    async def test_a_remote_end_is_the_last_fact(self, peer: Peer, session: IbSession, reset: bool) -> None:
        peer.hang_up(reset=reset)

        events = await Heard(session).end()

        assert isinstance(events[-1], SessionLost)
        assert not session.is_alive

    async def test_close_is_idempotent_and_heard_by_the_peer(self, peer: Peer, session: IbSession) -> None:
        await session.close("first")
        await session.close("second")

        assert await Heard(session).end() == [SessionLost("first")]
        assert [batch async for batch in session.quotes()] == []
        assert session._client.conn.transport is None

    async def test_nothing_works_after_it(self, session: IbSession) -> None:
        await session.close("over")

        with pytest.raises(BrokerUnavailable):
            session.write_order(order_frame())
        with pytest.raises(BrokerUnavailable):
            session.write_cancel(5)
        with pytest.raises(BrokerUnavailable):
            await session.snapshot()
        with pytest.raises(BrokerUnavailable):
            await session.current_time()

    async def test_close_before_connect_is_harmless(self, dial: Callable[..., IbSession]) -> None:
        session = dial(1)

        await session.close("never mind")

        with pytest.raises(BrokerUnavailable):
            await session.connect()

    async def test_what_the_kernel_did_not_take_is_not_written_later(
        self, peer: Peer, session: IbSession
    ) -> None:
        transport = session._client.conn.transport
        peer.is_reading.clear()
        transport.write(frame("49", "1") * 2_000_000)
        assert transport.get_write_buffer_size() > 0

        await session.close("stuck")

        assert session._client.conn.transport is None
