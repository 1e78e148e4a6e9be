"""Sockets that misbehave, seen by the client at their other end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import ib_insync
import pytest

from apps.simulator.clock import ManualClock
from tests.simulator.conftest import until
from tests.simulator.raw_client import RawClient, place_order


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))


async def is_answered(client, timeout_s=0.1):
    """Return whether the server still answers a question."""
    client.send(49, 1)
    try:
        await client.until(49, timeout_s)
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


async def silence_of(port):
    """Return how an unanswered hello ends within a tenth of a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"API\0\x00\x00\x00\x09v157..176")
    try:
        async with asyncio.timeout(0.1):
            return await reader.read(100)
    except TimeoutError:
        return None
    finally:
        writer.close()


class TestDrops:
    async def test_politely(self, throw, raw):
        answer = await throw("drop_fin")

        assert answer == {"dropped": 1}
        with pytest.raises(asyncio.IncompleteReadError):
            await raw.read()

    async def test_rudely(self, throw, raw):
        await throw("drop_rst")

        with pytest.raises(ConnectionResetError):
            await raw.read()

    async def test_before_an_order_is_processed(self, throw, raw, simulator):
        await throw("drop_before", count=2)
        raw.send(*place_order(176, 1, quantity=10))
        raw.send(*place_order(176, 2, quantity=10))

        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await raw.until(999)
        assert [one.order_id for one in simulator.venue.state.book.all_orders()] == [1]

    async def test_after_an_order_was_processed_and_before_any_answer(self, throw, raw, simulator):
        await throw("drop_after")
        raw.send(*place_order(176, 1, quantity=10))
        frames = len(raw.frames)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await raw.until(999)
        (order,) = simulator.venue.state.book.all_orders()

        assert len(raw.frames) == frames
        assert (order.order_id, order.status) == (1, "Filled")

    async def test_at_any_request(self, throw, raw):
        await throw("drop_before", message=61, reset=True)
        assert await is_answered(raw)
        raw.send(61, 1)

        with pytest.raises(ConnectionResetError):
            await raw.until(62)


class TestSilences:
    async def test_a_half_open_socket_hears_and_says_nothing_and_then_breaks(
        self, throw, raw, connect, simulator
    ):
        assert await throw("half_open", seconds=60) == {"stalled": 1}

        assert not await is_answered(raw)
        assert await is_answered(await connect(client_id=2), 3)
        await simulator.pacemaker.advance(61)
        assert await raw.is_closed()

    async def test_a_hello_is_not_answered_until_the_time_is_over(self, throw, simulator):
        await throw("no_handshake", seconds=3600)
        during = await silence_of(simulator.port)
        await simulator.pacemaker.advance(3601, step_s=60)

        assert during is None
        assert (await silence_of(simulator.port))[4:7] == b"176"

    async def test_start_is_not_answered(self, throw, simulator):
        await throw("silent_after_start")
        client = await RawClient.open(simulator.port, start=False)
        client.send(71, 2, 9, "")

        assert client.version == 176
        assert not await is_answered(client)
        await client.close()

    async def test_ib_insync_does_not_get_past_them(self, throw, simulator):
        await throw("silent_after_start")
        client = ib_insync.IB()

        with pytest.raises(TimeoutError):
            await client.connectAsync("127.0.0.1", simulator.port, clientId=7, timeout=0.3)

    async def test_a_freeze_keeps_everything_for_later(self, throw, raw, simulator):
        await throw("freeze", seconds=20)
        assert not await is_answered(raw)
        await simulator.pacemaker.advance(21, step_s=1)

        assert (await raw.until(49))[0] == "49"


class TestPace:
    async def test_a_slow_reader_lets_requests_wait(self, throw, raw):
        await throw("slow_reader", bytes_per_s=100)
        for _ in range(20):
            raw.send(49, 1)
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            await raw.until(49)

        assert asyncio.get_running_loop().time() - began > 0.1

    async def test_a_slow_writer_cuts_frames_to_pieces(self, throw, raw):
        await throw("slow_writer", bytes_per_s=500, piece=1)
        pieces = []
        feed = raw._reader.feed_data
        raw._reader.feed_data = lambda data: (pieces.append(len(data)), feed(data))
        raw.send(49, 1)
        found = await raw.until(49)

        assert found[0] == "49"
        assert sum(pieces) > 15
        assert max(pieces) <= 12


class TestHandshakes:
    @pytest.mark.parametrize("version", ["0", "99999", "nonsense", ""])
    async def test_say_whatever_they_are_told(self, throw, simulator, version):
        await throw("bad_handshake", version=version, time="once")
        found = await silence_of(simulator.port)

        assert found[4:].split(b"\0")[:2] == [version.encode(), b"once"]

    async def test_ask_for_the_disclaimer_first(self, throw, simulator):
        await throw("disclaimer")
        first = await RawClient.open(simulator.port, start=False)
        first.send(71, 2, 1, "")
        refused = await first.error(10141)
        closed = await first.is_closed()
        second = await RawClient.open(simulator.port)

        assert (refused[2], closed) == ("-1", True)
        await first.close()
        await second.close()


class TestReturns:
    async def test_are_refused_for_a_time(self, throw, simulator):
        await throw("refuse", seconds=30)
        with pytest.raises(ConnectionRefusedError):
            await RawClient.open(simulator.port)
        await simulator.pacemaker.advance(31, step_s=1)
        client = await RawClient.open(simulator.port)

        assert client.version == 176
        await client.close()

    async def test_meet_their_own_client_id(self, throw, raw, simulator):
        await throw("busy_client_id", seconds=20)
        await throw("drop_fin")
        await until(lambda: not simulator.sessions)
        early = await RawClient.open(simulator.port, start=False)
        early.send(71, 2, 1, "")
        refused = await early.error(326)
        await simulator.pacemaker.advance(21, step_s=1)
        late = await RawClient.open(simulator.port)

        assert refused[2] == "-1"
        assert await is_answered(late, 3)
        await early.close()
        await late.close()

    async def test_after_a_restart_find_ids_rolled_back_and_drafts_gone(self, throw, raw, simulator):
        raw.send(*place_order(176, 500, kind="LMT", limit=1, tif="GTC"))
        raw.send(*place_order(176, 501, kind="LMT", limit=1, transmit=0))
        await raw.settle()
        answer = await throw("gateway_restart", seconds=90, reset=True, busy_s=20, next_id=3)
        with pytest.raises(ConnectionRefusedError):
            await RawClient.open(simulator.port)
        await until(lambda: not simulator.sessions)
        await simulator.pacemaker.advance(91, step_s=1)
        client = await RawClient.open(simulator.port)
        (next_id,) = [one[2] for one in client.frames if one[0] == "9"]
        client.send(16, 1)
        await client.until(53)

        assert answer == {"dropped": 1}
        assert next_id == "3"
        assert [one[1] for one in client.frames if one[0] == "5"] == ["500"]
        await client.close()

    async def test_may_use_ids_again_after_a_roll_back(self, throw, raw):
        raw.send(*place_order(176, 50, quantity=1))
        await raw.until(59)
        await throw("roll_back_ids")
        announced = await raw.ask(9, 8, 1, 1)
        raw.send(*place_order(176, 1, quantity=1))

        assert announced[2] == "1"
        assert (await raw.until(11))[2] == "1"
