"""The tap: what goes through it arrives, and what it is told to do to the line happens."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from tests.reliability.tap import Tap, Way, framed, payload_of


class Peer:
    """A server that remembers every frame it was sent and answers each with one of its own."""

    def __init__(self) -> None:
        self.frames: list[list[str]] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(4) == b"API\0"
        while True:
            try:
                fields = await read(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            self.frames.append(fields)
            writer.write(framed(payload_of(["9", "1", fields[-1]])))

    def close(self) -> None:
        assert self._server is not None
        self._server.close()


async def read(reader: asyncio.StreamReader) -> list[str]:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return (await reader.readexactly(length)).decode().removesuffix("\0").split("\0")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.start()
    yield peer
    peer.close()


@pytest.fixture
async def tap(peer: Peer) -> AsyncIterator[Tap]:
    tap = Tap(peer.port)
    await tap.start()
    yield tap
    await tap.stop()


class Client:
    """The gateway's side of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *fields: str) -> None:
        self.writer.write(framed(payload_of(list(fields))))
        await self.writer.drain()

    async def hear(self) -> list[str]:
        return await asyncio.wait_for(read(self.reader), 5)


@pytest.fixture
async def client(tap: Tap) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
    writer.write(b"API\0")
    yield Client(reader, writer)
    writer.close()


class TestTap:
    async def test_hands_on_and_logs_what_is_said_both_ways(
        self, tap: Tap, client: Client, peer: Peer
    ) -> None:
        await client.say("3", "17", "AAPL")

        assert await client.hear() == ["9", "1", "AAPL"]
        assert peer.frames == [["3", "17", "AAPL"]]
        assert [(frame.way, frame.number) for frame in tap.frames] == [(Way.OUT, "3"), (Way.IN, "9")]

    async def test_a_slow_and_chopped_line_changes_nothing_but_the_time(
        self, tap: Tap, client: Client
    ) -> None:
        tap.line.slice_bytes, tap.line.latency_s, tap.line.jitter_s = 1, 0.01, 0.01

        await client.say("3", "17", "MSFT")

        assert await client.hear() == ["9", "1", "MSFT"]

    async def test_eats_only_the_message_it_was_told_to(self, tap: Tap, client: Client, peer: Peer) -> None:
        tap.eat("3", way=Way.OUT)

        await client.say("3", "1", "eaten")
        await client.say("3", "2", "passed")

        assert await client.hear() == ["9", "1", "passed"]
        assert [fields[1] for fields in peer.frames] == ["2"]
        assert [frame.fields[1] for frame in tap.sent("3")] == ["1", "2"]

    async def test_repeats_rewrites_and_injects(self, tap: Tap, client: Client) -> None:
        tap.repeat({"9"}, times=2)
        tap.rewrite("9", 2, "changed")

        await client.say("3", "1", "x")

        assert [await client.hear(), await client.hear()] == [["9", "1", "changed"]] * 2
        tap.inject(4, 2, -1, 1100, "gone")
        assert await client.hear() == ["4", "2", "-1", "1100", "gone"]

    async def test_holds_what_is_said_until_it_is_released(
        self, tap: Tap, client: Client, peer: Peer
    ) -> None:
        tap.hold(Way.OUT)
        await client.say("3", "1", "late")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(client.reader), 0.2)
        assert peer.frames == []

        tap.release(Way.OUT)

        assert await client.hear() == ["9", "1", "late"]

    @pytest.mark.parametrize("rst", [False, True], ids=["fin", "rst"])
    async def test_cuts_both_sides(self, tap: Tap, client: Client, rst: bool) -> None:
        await client.say("3", "1", "x")
        await client.hear()

        assert tap.cut(rst=rst) == 1

        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.hear()
        assert tap.living() == []
