"""Clients that mean harm, or cannot do better: each is met with a code or a clean close, and one log line.

Every test has a bystander: a second client that is connected before and must still get
its ticks afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from apps.simulator.clients import client_session, reception
from apps.simulator.config import SimulatorConfig
from apps.simulator.faults import FaultSwitches
from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.server import MAX_CLIENTS, SimulatorServer
from apps.simulator.wire import MAX_FIELDS
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, RawClient, contract, frame, place_order

HELLO = b"API\0\0\0\0\x09v157..176"
BYSTANDER = 900


@pytest.fixture
async def simulator():
    server = SimulatorServer(SimulatorConfig(port=0, pulse_s=0.02))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(autouse=True)
async def bystander(simulator):
    """A client with a quote; after the test it must still be told of changes."""
    client = await RawClient.open(simulator.port, client_id=BYSTANDER)
    client.send(1, 11, 1, *contract("AAPL"), 0, "", 0, 0, "")
    await client.until(1)
    yield client
    await client.settle()
    simulator.venue.set_price(BY_SYMBOL["AAPL"], 12_345, hold=True)
    while (await client.until(1))[4] != "123.45":
        pass
    await client.close()


@pytest.fixture
def impatient(simulator):
    """Let the simulator wait for a greeting only as long as a test can."""
    simulator._reception._limit_s = 0.2


@pytest.fixture
def log(caplog):
    """Return the warnings and errors of the simulator since the test began, as their causes."""
    caplog.set_level(logging.INFO, logger="apps.simulator")

    def lines(level=logging.WARNING):
        found = [one for one in caplog.records if one.name.startswith("apps.simulator")]
        return [f"{one.getMessage()}: {getattr(one, 'cause', '')}" for one in found if one.levelno >= level]

    return lines


class Stranger:
    """A socket that speaks whatever a test likes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port, data=b""):
        stranger = cls(*await asyncio.open_connection("127.0.0.1", port))
        stranger.writer.write(data)
        return stranger

    async def is_closed(self, timeout_s=PATIENCE_S):
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(timeout_s):
                while await self.reader.read(4096):
                    pass
        return True

    async def close(self):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class TestBeforeItIsAClient:
    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"63\0",
            b"\0",
            b"API ",
            b"APIv100..176",
            b"API\0\xff\xff\xff\xff",
            b"API\0\x01\x00\x00\x00",
            b"API\0\0\0\0\x04nope",
            b"API\0\0\0\0\x00",
            b"API\0\0\0\0\x04v1..",
            b"API\0\0\0\0\x09v100..150",
            b"API\0\0\0\0\x09v213..225",
            b"API\0\0\0\0\x09v176..157",
            b"API\0\0\0\0\x0av9999999..",
            HELLO + frame(61, 1),
            HELLO + frame("nonsense", 1),
            HELLO + frame(71, 2, "x", ""),
            HELLO + frame(71),
            HELLO + b"\0\0\0\0",
            HELLO + b"\xff\xff\xff\xff",
        ],
    )
    async def test_what_is_not_the_protocol_is_closed(self, simulator, log, data):
        stranger = await Stranger.open(simulator.port, data)

        assert await stranger.is_closed()
        assert len(log()) == 1
        await stranger.close()

    async def test_silence_has_a_limit_wherever_the_greeting_stops(self, simulator, impatient, log):
        whole = HELLO + frame(71, 2, 5, "")[:-1]
        strangers = [
            await Stranger.open(simulator.port, whole[:count]) for count in range(0, len(whole) + 1, 3)
        ]

        assert all([await one.is_closed() for one in strangers])
        assert log() == ["connection closed: no startApi in time"] * len(strangers)
        for one in strangers:
            await one.close()

    async def test_dripping_bytes_do_not_stretch_the_limit(self, simulator, impatient, log):
        stranger = await Stranger.open(simulator.port)
        started = asyncio.get_running_loop().time()
        with contextlib.suppress(ConnectionError):
            for byte in HELLO * 3:
                stranger.writer.write(bytes([byte]))
                await stranger.writer.drain()
                await asyncio.wait([asyncio.ensure_future(stranger.reader.read(1))], timeout=0.02)
                if stranger.reader.at_eof():
                    break

        assert asyncio.get_running_loop().time() - started < 2
        assert len(log()) == 1
        await stranger.close()

    async def test_a_look_at_the_port_is_no_alarm(self, simulator, log):
        stranger = await Stranger.open(simulator.port)
        await stranger.close()
        await until(lambda: log(logging.INFO))

        assert log() == []
        assert log(logging.INFO) == ["connection closed: left before startApi"]

    async def test_the_oldest_of_a_silent_crowd_makes_room(self, simulator, log, monkeypatch):
        monkeypatch.setattr(reception, "MAX_WAITING", 5)
        crowd = [await Stranger.open(simulator.port, b"API") for _ in range(8)]
        client = await RawClient.open(simulator.port, client_id=5)

        assert all([await one.is_closed() for one in crowd[:3]])
        assert log() == ["connection closed: too many connections wait"] * 4
        assert (await client.ask(49, 49, 1))[0] == "49"
        for one in (*crowd, client):
            await one.close()

    async def test_hundreds_of_connects_leave_nothing_behind(self, simulator, log):
        for _ in range(4):
            strangers = [await Stranger.open(simulator.port) for _ in range(100)]
            for one in strangers:
                one.writer.transport.abort()
        await until(lambda: len(simulator._connections) == 1, 10)

        assert simulator._reception._waiting == []
        assert [one for one in log() if "wait" not in one] == []


class TestClientIds:
    async def test_second_use_is_refused_with_326(self, simulator, log):
        first = await RawClient.open(simulator.port, client_id=5)
        second = await RawClient.open(simulator.port, client_id=5, start=False)
        second.send(71, 2, 5, "")

        assert (await second.error(326))[2] == "-1"
        assert await second.is_closed()
        assert log() == ["connection closed: client id 5 is in use"]
        assert (await first.ask(49, 49, 1))[0] == "49"
        for one in (first, second):
            await one.close()

    async def test_more_clients_than_a_gateway_has_are_closed(self, simulator, log):
        clients = [await RawClient.open(simulator.port, client_id=one) for one in range(1, MAX_CLIENTS)]
        stranger = await Stranger.open(simulator.port, HELLO + frame(71, 2, 500, ""))

        assert await stranger.is_closed()
        assert log() == [f"connection closed: {MAX_CLIENTS} clients are connected"]
        await clients[0].close()
        await until(lambda: 1 not in simulator.sessions)
        late = await RawClient.open(simulator.port, client_id=500)
        for one in (*clients, late, stranger):
            await one.close()


class TestFrames:
    async def test_longer_than_allowed_close_the_connection(self, simulator, log):
        client = await RawClient.open(simulator.port, client_id=5)
        await client.settle()
        client.write_bytes(struct.pack(">I", 0x1000000))

        assert await client.is_closed()
        assert log() == ["connection closed: frame of 16777216 bytes"]
        await client.close()

    async def test_of_ten_megabytes_are_read(self, simulator, log):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(19, 1, 1, "x" * 10_000_000, 5)

        assert (await client.error(321))[2] == "5"
        assert log() == []
        await client.close()

    async def test_of_nothing_but_ends_of_fields_are_refused_cheaply(self, simulator, log):
        client = await RawClient.open(simulator.port, client_id=5)
        client.write_bytes(struct.pack(">I", 0xFFFFFF) + b"\0" * 0xFFFFFF)

        assert (await client.error(320))[2] == "-1"
        assert log() == [f"request not understood: more than {MAX_FIELDS} fields"]
        await client.close()

    async def test_split_at_every_byte_are_read(self, simulator, log):
        client = await RawClient.open(simulator.port, client_id=5)
        asked = frame(*place_order(176, 1, ref="split"))
        for byte in asked:
            client.write_bytes(bytes([byte]))
            await asyncio.sleep(0)

        assert (await client.until(11))[26] == "split"
        assert log() == []
        await client.close()

    @pytest.mark.parametrize(
        "payload", [b"", b"\0", b"\xff\xfe\xfd\0", b"nonsense\0", b"99999999999\0", b"-7\0"]
    )
    async def test_of_garbage_are_answered(self, simulator, log, payload):
        client = await RawClient.open(simulator.port, client_id=5)
        client.write_bytes(struct.pack(">I", len(payload)) + payload)
        await client.until(4)
        await client.settle()

        codes = [one[3] for one in client.frames if one[0] == "4" and one[3] in ("320", "321")]
        assert len(codes) == 1
        assert len(log()) == 1
        await client.close()

    async def test_left_half_written_are_forgotten(self, simulator, log):
        client = await RawClient.open(simulator.port, client_id=5)
        client.write_bytes(frame(*place_order(176, 1))[:-5])
        await client.close()
        await until(lambda: 5 not in simulator.sessions)

        assert simulator.venue.state.book.open_orders() == []
        assert log() == []

    async def test_of_a_client_that_does_not_read_end_its_connection(self, simulator, log, monkeypatch):
        monkeypatch.setattr(client_session, "MAX_PILED_BYTES", 400_000)
        client = await RawClient.open(simulator.port, client_id=5)
        client._reader._transport.pause_reading()
        for _ in range(10):
            simulator.sessions[5].send_error(-1, 2104, "x" * 4_000_000)
        await until(lambda: 5 not in simulator.sessions)

        assert log() == ["connection closed: the client does not read"]
        client._writer.transport.abort()
        await client.close()

    async def test_are_not_read_from_a_client_that_reads_no_answers(self, simulator, monkeypatch):
        monkeypatch.setattr(client_session, "MAX_UNSENT_BYTES", 100_000)
        client = await RawClient.open(simulator.port, client_id=5)
        client._reader._transport.pause_reading()
        simulator.sessions[5].send_error(-1, 2104, "x" * 12_000_000)
        client.send(8, 1, 1)
        client.send(*place_order(176, 1, kind="LMT", limit=1))
        await until(lambda: simulator.sessions[5].is_congested)
        assert list(simulator.venue.state.book.all_orders()) == []
        client._reader._transport.resume_reading()

        await client.until(3, 5)
        await client.close()


ORDER = [str(one) for one in place_order(176, 1, ref="note")]
QUANTITY, KIND, LIMIT, REF = 17, 18, 19, 26


def spoilt(place, text):
    return [*ORDER[:place], text, *ORDER[place + 1 :]]


class TestOrders:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ([*ORDER, ""], "320"),
            ([*ORDER, "1", "2"], "320"),
            (ORDER[:-1], "320"),
            ([*ORDER[:REF], "no", "te", *ORDER[REF + 1 :]], "321"),
            ([*ORDER[:REF], "no", "", *ORDER[REF + 1 :]], "321"),
            ([*ORDER[:REF], "no", "1", *ORDER[REF + 1 :]], "321"),
            (ORDER[:REF] + ORDER[REF + 1 :], "320"),
            (spoilt(QUANTITY, "NaN"), "321"),
            (spoilt(QUANTITY, "Infinity"), "321"),
            (spoilt(QUANTITY, "1_000"), "321"),
            (spoilt(QUANTITY, "ten"), "321"),
            (spoilt(2, "544894145756509053"), "320"),
            (spoilt(28, "x"), "321"),
        ],
    )
    async def test_that_cannot_be_read_are_refused_by_their_id(self, simulator, log, fields, code):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(*fields)
        error = await client.error(int(code))
        frames = await client.settle()

        assert error[2] == "1"
        assert [one for one in frames if one[0] in ("3", "5")] == []
        assert list(simulator.venue.state.book.all_orders()) == []
        assert len(log()) == 1
        await client.close()

    @pytest.mark.parametrize(
        ("place", "text"), [(QUANTITY, ""), (QUANTITY, "0"), (QUANTITY, "-5"), (LIMIT, "NaN")]
    )
    async def test_that_make_no_sense_are_refused(self, simulator, place, text):
        client = await RawClient.open(simulator.port, client_id=5)
        fields = spoilt(place, text)
        if place == LIMIT:
            fields[KIND] = "LMT"
        client.send(*fields)
        errors = [one for one in await client.settle() if one[0] == "4" and one[2] == "1"]

        assert len(errors) == 1
        assert simulator.venue.state.book.open_orders() == []
        await client.close()

    async def test_unknown_and_done_are_not_cancelled(self, simulator):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(4, 1, 77, "")
        unknown = await client.error(10147)
        client.send(*place_order(176, 1))
        await client.until(59)
        client.send(4, 1, 1, "")

        assert unknown[2] == "77"
        assert (await client.error(10148))[2] == "1"
        await client.close()

    async def test_used_twice_are_a_change_or_a_duplicate(self, simulator):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(*place_order(176, 7, kind="LMT", limit=1))
        await client.until(3)
        client.send(*place_order(176, 6, kind="LMT", limit=1))
        duplicate = await client.error(103)
        client.send(*place_order(176, 7, kind="LMT", limit=2))
        changed = await client.until(5)

        assert duplicate[2] == "6"
        assert float(changed[16]) == 2
        await client.close()

    async def test_with_letters_of_other_scripts_are_told_in_ascii(self, simulator):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(*place_order(176, 1, ref="\u00e9 \u20ac \U0001f600"))

        assert (await client.until(11))[26] == r"\u00e9 \u20ac \ud83d\ude00"
        await client.close()

    async def test_stay_when_their_client_goes(self, simulator):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(*place_order(176, 1, kind="LMT", limit=1, ref="stays"))
        await client.until(3)
        await client.close()
        await until(lambda: 5 not in simulator.sessions)
        again = await RawClient.open(simulator.port, client_id=5)

        assert (await again.ask(5, 5, 1))[23] == "stays"
        await again.close()


class TestRequests:
    @pytest.mark.parametrize(
        ("asked", "code"),
        [
            ((2, 2, 77), "300"),
            ((11, 1, 77, 1), "310"),
            ((23, 1, 77), "365"),
            ((25, 1, 77), "366"),
            ((4, 1, 77, ""), "10147"),
            ((93, 77), "10185"),
            ((98, 77), "300"),
            ((51, 1, 77), "300"),
        ],
    )
    async def test_about_unknown_ids_are_answered_with_their_code(self, simulator, log, asked, code):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(*asked)

        assert (await client.error(int(code)))[2] == "77"
        assert log() == []
        await client.close()

    async def test_without_a_name_are_refused_and_told(self, simulator, log):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(999, 77)

        assert (await client.error(321))[2] == "77"
        assert log() == ["request not played: "]
        await client.close()

    async def test_of_an_unreadable_id_are_refused_without_one(self, simulator, log):
        client = await RawClient.open(simulator.port, client_id=5)
        client.send(1, 11, "AAPL", *contract("AAPL"), 0, "", 0, 0, "")

        assert (await client.error(320))[2] == "-1"
        assert len(log()) == 1
        await client.close()

    async def test_faster_than_allowed_are_refused_and_then_cut_off(self, simulator, log):
        switches: FaultSwitches = simulator.venue.faults
        switches.switch("pacing", {})
        client = await RawClient.open(simulator.port, client_id=5)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for _ in range(3):
                for _ in range(51):
                    client.send(8, 1, 1)
                await client.error(100)
            await client.until(99, 3)
        switches.clear()

        codes = [one[3] for one in client.frames if one[0] == "4" and one[3] == "100"]
        assert len(codes) == 3
        await until(lambda: 5 not in simulator.sessions)
        await client.close()

    async def test_after_the_cut_are_not_obeyed(self, simulator):
        switches: FaultSwitches = simulator.venue.faults
        switches.switch("pacing", {})
        client = await RawClient.open(simulator.port, client_id=5)
        burst = frame(8, 1, 1) * (3 * 51) + frame(*place_order(176, 1, kind="LMT", limit=1))
        client.write_bytes(burst)
        await until(lambda: 5 not in simulator.sessions)
        switches.clear()

        assert list(simulator.venue.state.book.all_orders()) == []
        await client.close()

    async def test_in_a_flood_leave_others_their_turn(self, simulator, bystander):
        client = await RawClient.open(simulator.port, client_id=5)
        client.write_bytes(frame(9, 8, 50, *contract("AAPL"), 0, "", "", "") * 3000)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await bystander.settle()

        assert loop.time() - started < 1
        client._writer.transport.abort()
        await client.close()

    async def test_for_a_whole_chain_leave_others_their_turn(self, simulator, bystander):
        client = await RawClient.open(simulator.port, client_id=5)
        chain = ["0", "ES", "FOP", "", "0.0", "", "", "CME", "", "USD", "", ""]
        client.send(9, 8, 50, *chain, 0, "", "", "")
        first = await client.until(10)
        await bystander.settle()

        assert 52 not in {int(one[0]) for one in client.frames}
        assert first[3] == "FOP"
        assert (await client.until(52, 10))[2] == "50"
        await client.close()


class TestLog:
    @pytest.mark.processes
    async def test_of_the_program_tells_causes_on_one_line(self):
        process = started()
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split(",")[0])
        stranger = await Stranger.open(port, b"GET / HTTP/1.1\r\n\r\n")
        assert await stranger.is_closed()
        client = await RawClient.open(port)
        client.send("non\nsense", 1)
        await client.error(320)
        for one in (stranger, client):
            await one.close()
        process.terminate()
        _, errors = process.communicate(timeout=10)

        first, second = errors.splitlines()
        assert first.endswith("WARNING apps.simulator.server connection closed cause=no API preamble")
        assert second.endswith(r"request='non\nsense' cause='not a whole number: non\nsense'")


def started():
    return subprocess.Popen(
        [sys.executable, "-m", "apps.simulator", "--port", "0"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
