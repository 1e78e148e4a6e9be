"""The frame log: every frame is told by the names of its fields, and every field has a name."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import ib_insync
import pytest
from ib_insync import LimitOrder, MarketOrder, Stock

from apps.simulator.config import SimulatorConfig
from apps.simulator.frames import printing
from apps.simulator.frames.answers import ANSWERS
from apps.simulator.frames.describe import Direction, describe_fields, join, split
from apps.simulator.frames.requests import REQUESTS
from apps.simulator.protocol.messages import In, Out
from apps.simulator.server import SimulatorServer
from tests.simulator.conftest import until
from tests.simulator.raw_client import RawClient, frame, place_order
from tests.simulator.tour import take_tour

ROOT = Path(__file__).parents[2]
VERSIONS = (157, 163, 166, 176, 178)


@pytest.fixture
async def logged(tmp_path):
    """Return a simulator with a frame log, and the reader of its lines."""
    path = tmp_path / "frames.jsonl"
    server = SimulatorServer(SimulatorConfig(port=0, pulse_s=0.02, frame_log=path))
    await server.start()
    yield server, lambda: [json.loads(one) for one in path.read_text().splitlines()]
    await server.stop()


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "apps.simulator", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def inexact(lines):
    """Return the frames that do not have exactly the fields of their table."""
    frames = [one for one in lines if "fields" in one and one["message"] not in ("hello", "handshake")]
    return [one for one in frames if one["id"] is None or "left" in one or "missing" in one]


class TestTables:
    def test_know_every_message_the_simulator_reads_or_writes(self):
        assert {int(one) for one in In} <= set(REQUESTS)
        assert {int(one) for one in Out} <= set(ANSWERS)

    @pytest.mark.parametrize("version", VERSIONS)
    async def test_name_every_field_of_a_long_visit(self, logged, version):
        server, lines = logged
        client = await RawClient.open(server.port, version=version)

        async def wait(seconds: float) -> None:
            server.pulse()

        await take_tour(client, step=wait)
        await client.close()

        told = lines()
        asked_wrongly = {"unknown 999", "reqMktData"}
        assert [one for one in inexact(told) if one["message"] not in asked_wrongly] == []
        assert len({one["message"] for one in told if "fields" in one}) > 90

    @pytest.mark.parametrize("version", [157, *range(159, 179)])
    async def test_name_every_field_of_an_order_at_every_version(self, logged, version):
        server, lines = logged
        client = await RawClient.open(server.port, version=version)
        client.send(*place_order(version, 1, quantity=10))
        await client.until(59)
        client.send(99, 0)
        await client.until(102)
        await client.close()

        assert inexact(lines()) == []
        assert {"openOrder", "completedOrder", "execDetails"} <= {one.get("message") for one in lines()}

    async def test_name_every_field_of_a_library_at_work(self, logged):
        server, lines = logged
        ib = ib_insync.IB()
        await ib.connectAsync("127.0.0.1", server.port, clientId=7, timeout=4)
        (stock,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
        ticker = ib.reqMktData(stock, "233")
        trade = ib.placeOrder(stock, MarketOrder("BUY", 10, tif="DAY"))
        await until(trade.isDone)
        bracket = [ib.placeOrder(stock, one) for one in ib.bracketOrder("BUY", 10, 1.0, 2.0, 0.5, tif="DAY")]
        await until(lambda: ticker.last > 0 and bracket[0].orderStatus.status == "Submitted")
        await ib.reqHistoricalDataAsync(stock, "", "1 D", "1 hour", "TRADES", True)
        await ib.whatIfOrderAsync(stock, MarketOrder("BUY", 1, tif="DAY"))
        ib.reqGlobalCancel()
        await ib.reqCompletedOrdersAsync(False)
        ib.disconnect()
        await until(lambda: lines()[-1].get("event") == "closed")

        assert inexact(lines()) == []
        asked = [one["message"] for one in lines() if one.get("from") == "client"]
        assert asked.count("placeOrder") == 5

    async def test_name_algos_and_conditions(self, logged):
        server, lines = logged
        ib = ib_insync.IB()
        await ib.connectAsync("127.0.0.1", server.port, clientId=7, timeout=4)
        order = LimitOrder("BUY", 1, 1.0, algoStrategy="Adaptive", tif="DAY")
        order.algoParams = [ib_insync.TagValue("adaptivePriority", "Normal")]
        order.conditions = [
            ib_insync.PriceCondition(conId=265598, exch="SMART", price=1.0),
            ib_insync.TimeCondition(time="20991231-23:59:59"),
            ib_insync.MarginCondition(percent=10),
            ib_insync.ExecutionCondition(secType="STK", exch="SMART", symbol="AAPL"),
            ib_insync.VolumeCondition(conId=265598, exch="SMART", volume=10),
            ib_insync.PercentChangeCondition(conId=265598, exch="SMART", changePercent=1.0),
        ]
        ib.placeOrder(Stock("AAPL", "SMART", "USD"), order)
        await until(lambda: [one for one in lines() if one.get("message") == "placeOrder"])
        ib.disconnect()

        (placed,) = [one for one in lines() if one.get("message") == "placeOrder"]
        assert inexact([placed]) == []
        assert placed["fields"]["algoParams[0].tag"] == "adaptivePriority"
        assert [placed["fields"][f"conditions[{place}].type"] for place in range(6)] == list("134567")

    def test_say_what_is_left_over_and_what_is_missing(self):
        whole = [str(one) for one in place_order(176, 1)]
        longer = describe_fields([*whole, "more"], 176, Direction.FROM_CLIENT)
        shorter = describe_fields(whole[:-1], 176, Direction.FROM_CLIENT)
        unknown = describe_fields(["9999", "a"], 176, Direction.FROM_SERVER)

        assert (longer.left, longer.missing) == (("more",), "")
        assert (shorter.left, shorter.missing) == ((), "manualOrderTime")
        assert (unknown.name, unknown.left, unknown.is_exact) == ("unknown 9999", ("9999", "a"), False)

    @pytest.mark.parametrize("payload", [b"49\x001\x00", b"", b"\x00", b"a\x00\xff\xfe\x00", b"49\x00\n\x00"])
    def test_lose_no_byte_of_a_payload(self, payload):
        assert join(split(payload)) == payload


class TestLines:
    async def test_tell_time_client_direction_and_fields(self, logged):
        server, lines = logged
        client = await RawClient.open(server.port, client_id=5)
        client.send(*place_order(176, 1, ref="my note"))
        await client.until(59)
        await client.close()
        await until(lambda: lines()[-1].get("event") == "closed")

        told = lines()
        placed = next(one for one in told if one.get("message") == "placeOrder")
        assert [one.get("message", one.get("event")) for one in told[:4]] == [
            "opened", "hello", "handshake", "startApi",
        ]  # fmt: skip
        assert (placed["client"], placed["from"], placed["id"]) == (5, "client", 3)
        assert (placed["fields"]["orderRef"], placed["fields"]["symbol"]) == ("my note", "AAPL")
        assert placed["time"].endswith("Z")
        assert [one["message"] for one in told if one.get("id") == 59] == ["commissionReport"]

    async def test_say_when_bytes_cannot_be_read(self, logged):
        server, lines = logged
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: lines()[-1].get("event") == "closed")
        writer.close()
        await writer.wait_closed()

        assert [one["event"] for one in lines()] == ["opened", "unreadable", "closed"]

    async def test_keep_odd_bytes_on_one_line(self, logged):
        server, lines = logged
        client = await RawClient.open(server.port)
        client.write_bytes(frame(81, 5, "x\ny").replace(b"x", b"\xff"))
        await client.until(79)
        await client.close()

        asked = next(one for one in lines() if one.get("message") == "reqMatchingSymbols")
        assert asked["fields"]["pattern"] == "\udcff\ny"

    async def test_are_not_written_unless_asked_for(self, simulator, raw):
        assert simulator._frame_log is None


class TestPrinting:
    async def test_shows_what_is_asked_for(self, logged, capsys, tmp_path):
        server, _ = logged
        client = await RawClient.open(server.port, client_id=5)
        client.send(*place_order(176, 1, ref="my note"))
        await client.until(59)
        await client.close()
        file = str(tmp_path / "frames.jsonl")

        assert printing.main([file, "--client", "5", "--message", "placeOrder"]) == 0
        shown = capsys.readouterr().out
        assert printing.main([file, "--client", "5", "--message", "placeOrder", "--raw"]) == 0
        raw = capsys.readouterr().out
        assert printing.main([file, "--client", "6"]) == 0

        assert len(shown.splitlines()) == len(raw.splitlines()) == 1
        assert "1/5 > placeOrder orderId=1 conId=0 symbol=AAPL" in shown
        assert 'orderRef="my note"' in shown
        assert "> placeOrder 3|1|0|AAPL|STK||" in raw
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize("content", ["nonsense\n", "[]\n", '{"a": 1}\n', "\xff\n"])
    def test_refuses_what_is_no_frame_log(self, tmp_path, capsys, content):
        file = tmp_path / "other"
        file.write_text(content, encoding="latin-1")

        assert printing.main([str(file)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_stops_quietly_where_a_killed_process_stopped(self, tmp_path, capsys):
        file = tmp_path / "cut"
        file.write_text(
            '{"time": "2026-11-20T10:00:00.000000Z", "client": 1, "event": "opened"}\n{"time": "20'
        )

        assert printing.main([str(file)]) == 0
        assert capsys.readouterr().out == "10:00:00.000   0/1 - opened\n"

    @pytest.mark.processes
    async def test_goes_to_standard_output_while_the_simulator_runs(self):
        process = started("--port", "0", "--frame-log", "-")
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split(",")[0])
        client = await RawClient.open(port)
        client.send(49, 1)
        await client.until(49)
        await client.close()
        process.terminate()
        output, _ = process.communicate(timeout=10)

        assert "1/1 > reqCurrentTime version=1" in output
        assert "1/1 < currentTime version=1 epoch=" in output
