"""Framing, version choice and client ids."""

from __future__ import annotations

import asyncio
import struct

import pytest

from apps.simulator.protocol.messages import negotiate
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, RawClient, contract, frame

NOT_PLAYED = [
    18, 19, *range(21, 24), *range(52, 58), 69, 78, 84, 86, *range(100, 104), 999,
]  # fmt: skip
HELLO = b"API\0\0\0\0\x09v157..176"


class TestNegotiation:
    @pytest.mark.parametrize(
        ("lowest", "highest", "server", "agreed"),
        [
            (157, 176, 178, 176),
            (100, 157, 178, 157),
            (100, 161, 178, 161),
            (100, 200, 178, 178),
            (100, 158, 178, 157),
            (157, 176, 158, 157),
            (158, 158, 178, None),
            (200, 210, 178, None),
            (100, 150, 178, None),
        ],
    )
    def test_speaks_the_highest_common_version_but_never_158(self, lowest, highest, server, agreed):
        assert negotiate(lowest, highest, server_max=server) == agreed

    async def test_closes_on_a_client_that_is_too_new(self, simulator):
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(b"API\0\0\0\0\x09v213..225")

        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
        await writer.wait_closed()


class TestFraming:
    @pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"63\0", b"API\0\xff\xff\xff\xffv157"])
    async def test_closes_on_what_is_not_the_protocol(self, simulator, garbage):
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(garbage + b"    ")

        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
        await writer.wait_closed()

    async def test_closes_on_a_frame_that_is_too_long(self, raw):
        raw.write_bytes(struct.pack(">I", 0x1000000))

        assert await raw.is_closed()

    async def test_reads_requests_one_byte_at_a_time(self, raw):
        for byte in frame(49, 1):
            raw.write_bytes(bytes([byte]))
            await asyncio.sleep(0)

        assert (await raw.until(49))[1] == "1"

    async def test_reads_requests_glued_together(self, raw):
        raw.write_bytes(frame(49, 1) + frame(8, 1, 1) + frame(17, 1))

        assert [(await raw.read())[0] for _ in range(3)] == ["49", "9", "15"]


class TestStart:
    async def test_says_nothing_before_start_api(self, simulator):
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(HELLO)
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        answer = (await reader.readexactly(length)).split(b"\0")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)

        assert answer[0] == b"176"
        assert len(answer) == 3
        writer.close()
        await writer.wait_closed()

    async def test_closes_on_a_request_before_start_api(self, connect):
        client = await connect(start=False)
        client.send(49, 1)

        assert await client.is_closed()

    async def test_greets_with_account_next_id_and_farms(self, simulator):
        client = await RawClient.open(simulator.port)
        frames = [*client.frames, *await client.settle()]

        assert [one[2] for one in frames if one[0] == "15"] == ["DU1234567"]
        assert [one[3] for one in frames if one[0] == "4"] == ["2104", "2106", "2158"]
        await client.close()

    async def test_refuses_a_client_id_that_is_taken(self, connect):
        await connect(client_id=5)
        second = await connect(client_id=5, start=False)
        second.send(71, 2, 5, "")

        assert (await second.until(4))[2:4] == ["-1", "326"]
        assert await second.is_closed()

    async def test_frees_a_client_id_when_its_client_goes(self, connect, simulator):
        first = await connect(client_id=5)
        await first.close()
        await until(lambda: 5 not in simulator.sessions)

        assert (await connect(client_id=5)).version == 176


class TestNoRequestIsMetWithSilence:
    @pytest.mark.parametrize("message_id", NOT_PLAYED)
    async def test_answers_what_it_does_not_play_with_an_error(self, raw, message_id):
        raw.send(message_id, *([9] * 40))

        assert [one[0] for one in await raw.settle()] == ["4"]

    async def test_answers_a_request_it_cannot_read(self, raw):
        raw.send(1, 11, "nonsense", *contract("AAPL"))

        assert (await raw.error(320))[2] == "-1"

    async def test_answers_a_request_that_is_cut_off(self, raw):
        raw.send(3, 1, 0)

        assert (await raw.error(320))[2] == "1"
