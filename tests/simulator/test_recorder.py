"""The flight recorder: a session of a real client through it, and what the file may hold."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import stat

import ib_insync
import pytest
from ib_insync import LimitOrder, MarketOrder, Stock

from apps.simulator.config import SimulatorConfig
from apps.simulator.frames import printing
from apps.simulator.recorder.masking import Mask
from apps.simulator.recorder.proxy import Kept, Recorder
from apps.simulator.recorder.recording import BadRecording, RecordingWriter, read_recording
from apps.simulator.server import SimulatorServer
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, RawClient, contract, frame, place_order

ACCOUNT = "DU7654321"


@pytest.fixture
async def gateway():
    server = SimulatorServer(SimulatorConfig(port=0, pulse_s=0.02, account=ACCOUNT))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def recorder(tmp_path):
    """Start recorders before a port; they are stopped at the end of the test."""
    started = []

    async def start(upstream, *, mask=None, accepts_unmasked=False):
        path = tmp_path / "flight.jsonl"
        kept = Kept(RecordingWriter(path, header={"started": "2026-11-20T17:00:00Z"}), mask or Mask())
        kept.accepts_unmasked = accepts_unmasked
        one = Recorder("127.0.0.1", upstream, kept=kept)
        await one.start(0)
        started.append(one)
        return one, path, kept

    yield start
    for one in started:
        await one.stop()


def rows(path):
    return [json.loads(one) for one in path.read_text().splitlines()]


def events(path):
    return [one["event"] for one in rows(path) if "event" in one]


class TestTraffic:
    async def test_passes_unchanged_both_ways(self, gateway, recorder):
        between, *_ = await recorder(gateway.port)
        direct = await RawClient.open(gateway.port, client_id=1)
        through = await RawClient.open(between.port, client_id=2)
        asked = frame(9, 8, 50, *contract("AAPL"), 0, "", "", "")
        for client in (direct, through):
            for byte in asked:
                client.write_bytes(bytes([byte]))
        answers = [await one.until(10) for one in (direct, through)]
        value = await through.ask(6, 6, 2, 1, ACCOUNT)
        for client in (direct, through):
            await client.close()

        assert answers[0] == answers[1]
        assert value[-1] == ACCOUNT

    async def test_carries_a_frame_of_ten_megabytes(self, gateway, recorder):
        between, path, _ = await recorder(gateway.port)
        client = await RawClient.open(between.port)
        client.send(19, 1, 1, "x" * 10_000_000, 5)

        assert (await client.error(321))[2] == "5"
        await client.close()
        assert path.stat().st_size > 10_000_000

    async def test_hangs_up_on_both_sides_when_one_does(self, gateway, recorder):
        between, path, _ = await recorder(gateway.port)
        client = await RawClient.open(between.port, client_id=9)
        await until(lambda: 9 in gateway.sessions)
        await client.close()
        await until(lambda: 9 not in gateway.sessions)
        other = await RawClient.open(between.port, client_id=9)
        await other.settle()
        gateway.drop_clients(reset=False)

        assert await other.is_closed()
        await until(lambda: events(path).count("closed") == 2)
        assert [one["by"] for one in rows(path) if one.get("event") == "closed"] == ["client", "server"]
        await other.close()

    async def test_survives_a_client_that_hangs_up_in_the_middle_of_a_frame(self, gateway, recorder):
        between, path, kept = await recorder(gateway.port)
        client = await RawClient.open(between.port, client_id=9)
        client.write_bytes(b"\0\0\1\0half")
        await client.close()
        await until(lambda: "closed" in events(path))

        again = await RawClient.open(between.port, client_id=9)
        await again.close()

        assert kept.troubles == 0

    async def test_says_when_there_is_no_gateway(self, recorder, unused_tcp_port, caplog):
        between, path, kept = await recorder(unused_tcp_port)
        reader, writer = await asyncio.open_connection("127.0.0.1", between.port)

        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        assert events(path) == ["opened", "no upstream"]
        assert kept.troubles == 1
        assert [one.levelno for one in caplog.records] == [logging.ERROR]
        writer.close()
        await writer.wait_closed()

    async def test_goes_on_when_the_disk_does_not(self, gateway, recorder, caplog):
        between, _, kept = await recorder(gateway.port)
        kept.writer._file.close()
        kept.writer._file = open("/dev/full", "w")  # noqa: ASYNC230, SIM115  it opens at once
        client = await RawClient.open(between.port)

        assert (await client.ask(49, 49, 1))[0] == "49"
        assert kept.is_broken
        assert len([one for one in caplog.records if one.levelno >= logging.ERROR]) == 1
        await client.close()
        with contextlib.suppress(OSError):
            kept.writer._file.close()
        kept.writer._file = open("/dev/null", "w")  # noqa: ASYNC230, SIM115


class TestFile:
    async def test_holds_no_account_of_a_real_session(self, gateway, recorder, tmp_path):
        between, path, kept = await recorder(gateway.port)
        ib = ib_insync.IB()
        await ib.connectAsync("127.0.0.1", between.port, clientId=7, timeout=4)
        (stock,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
        trade = ib.placeOrder(stock, MarketOrder("BUY", 10, tif="DAY", account=ACCOUNT, orderRef="my note"))
        await until(lambda: trade.isDone() and ib.positions() and ib.portfolio())
        ib.reqPnL(ACCOUNT)
        await ib.accountSummaryAsync()
        ib.placeOrder(stock, LimitOrder("BUY", 1, 1.0, tif="DAY", account="U9999999"))
        await ib.reqCurrentTimeAsync()
        ib.disconnect()
        await until(lambda: "closed" in events(path))

        text = path.read_text()
        assert ib.managedAccounts() == [ACCOUNT]
        assert ACCOUNT not in text
        assert "7654321" not in text
        assert "9999999" not in text
        assert "DU0000001" in text
        assert "my note" in text
        assert kept.frames == len([one for one in rows(path) if "fields" in one])
        assert [one for one in rows(path) if "left" in one or "missing" in one] == []

    async def test_masks_order_refs_on_demand(self, gateway, recorder):
        between, path, _ = await recorder(gateway.port, mask=Mask(masks_order_ref=True))
        client = await RawClient.open(between.port)
        client.send(*place_order(176, 1, ref="secret plan"))
        await client.until(59)
        await client.close()

        assert "secret plan" not in path.read_text()
        assert {one["fields"].get("orderRef") for one in rows(path)[1:] if "fields" in one} == {
            None,
            "REF0001",
        }

    async def test_is_its_owners_and_never_overwritten(self, recorder, tmp_path, unused_tcp_port):
        _, path, _ = await recorder(unused_tcp_port)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(FileExistsError):
            RecordingWriter(path, header={})

    async def test_holds_several_connections(self, gateway, recorder):
        between, path, _ = await recorder(gateway.port)
        for client_id in (1, 2):
            client = await RawClient.open(between.port, client_id=client_id)
            await client.settle()
            await client.close()
        await until(lambda: events(path).count("closed") == 2)
        recording = read_recording(path)

        assert [(one.number, one.client_id) for one in recording.connections] == [(1, 1), (2, 2)]
        assert [one.told.name for one in recording.connections[1].asks] == ["reqCurrentTime"]

    async def test_is_printed_like_a_frame_log(self, gateway, recorder, capsys):
        between, path, _ = await recorder(gateway.port)
        client = await RawClient.open(between.port, client_id=5)
        client.send(*place_order(176, 1, ref="my note"))
        await client.until(59)
        await client.close()

        assert printing.main([str(path), "--client", "5", "--message", "placeOrder"]) == 0
        assert 'orderRef="my note"' in capsys.readouterr().out


class TestBinaryServers:
    @pytest.fixture
    async def binary(self):
        """A server of version 203 that answers every frame with bytes of its own kind."""

        async def serve(reader, writer):
            await reader.readexactly(4)
            while length := await reader.read(4):
                await reader.readexactly(int.from_bytes(length, "big"))
                writer.write(frame("203", "20261120 12:00:00 EST"))
                break
            while await reader.read(100):
                writer.write(b"\0\0\0\x0c\0\0\0\xcbDU123456")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()

    async def talk(self, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"API\0\0\0\0\x09v100..203")
        greeting = await asyncio.wait_for(reader.read(100), PATIENCE_S)
        writer.write(b"\0\0\0\x08\0\0\0\x47abcd")
        answer = await asyncio.wait_for(reader.read(100), PATIENCE_S)
        writer.close()
        await writer.wait_closed()
        return greeting, answer

    async def test_are_turned_away_for_nothing_in_them_can_be_masked(self, binary, recorder, caplog):
        between, path, kept = await recorder(binary)
        with contextlib.suppress(ConnectionError):
            assert await self.talk(between.port) == (b"", b"")
        await until(lambda: "closed" in events(path))

        assert events(path) == ["opened", "refused", "closed"]
        assert "--accept-unmasked" in caplog.text
        assert kept.troubles == 1

    async def test_are_kept_as_they_are_if_that_is_accepted(self, binary, recorder):
        between, path, _ = await recorder(binary, accepts_unmasked=True)
        greeting, answer = await self.talk(between.port)
        await until(lambda: "closed" in events(path))

        assert greeting.startswith(b"\0\0\0")
        assert answer == b"\0\0\0\x0c\0\0\0\xcbDU123456"
        assert [one["opaque"] for one in rows(path) if "opaque" in one] == [
            "AAAAR2FiY2Q=",
            "AAAAy0RVMTIzNDU2",
        ]
        assert "unmasked" in events(path)
        with pytest.raises(BadRecording):
            read_recording(path)


class TestReading:
    @pytest.mark.parametrize(
        "content",
        [b"", b"nonsense\n", b"[]\n", b'{"a": 1}\n', b'{"recording": "tws", "format": 99}\n', b"\xff\xfe\n"],
    )
    def test_refuses_what_is_no_recording(self, tmp_path, content):
        path = tmp_path / "other"
        path.write_bytes(content)

        with pytest.raises(BadRecording):
            read_recording(path)

    @pytest.mark.parametrize(
        "line", ["nonsense", "[]", "{}", '{"connection": 1, "from": "nobody", "fields": {}}']
    )
    def test_names_the_line_that_is_broken(self, tmp_path, line):
        path = tmp_path / "broken"
        path.write_text(
            f'{{"recording": "tws", "format": 1}}\n{line}\n{{"connection": 1, "event": "opened"}}\n'
        )

        with pytest.raises(BadRecording, match="line 2"):
            read_recording(path)

    async def test_takes_a_file_that_was_never_finished(self, gateway, recorder):
        between, path, _ = await recorder(gateway.port)
        client = await RawClient.open(between.port)
        await client.settle()
        await client.close()
        await until(lambda: "closed" in events(path))
        path.write_bytes(path.read_bytes()[:-20])
        recording = read_recording(path)

        assert recording.is_cut
        assert recording.connections[0].closed_by == ""
        assert len(recording.connections[0].asks) == 1
