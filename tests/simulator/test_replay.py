"""Replays: what a gateway said once is said again to another client, when that client asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import ib_insync
import pytest
from ib_insync import LimitOrder, MarketOrder, Stock

from apps.simulator.config import SimulatorConfig
from apps.simulator.recorder.masking import Mask
from apps.simulator.recorder.proxy import Kept, Recorder
from apps.simulator.recorder.recording import BadRecording, RecordingWriter, read_recording
from apps.simulator.recorder.replay import Replayer
from apps.simulator.server import SimulatorServer
from tests.simulator.conftest import until
from tests.simulator.raw_client import PATIENCE_S, RawClient, contract, frame, place_order

ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def recording_to(path):
    """Run a simulator and a recorder before it; give the recorder's port."""
    server = SimulatorServer(SimulatorConfig(port=0, pulse_s=0.02, account="DU7654321"))
    await server.start()
    header = {"started": "2026-11-20T17:00:00.000000Z"}
    recorder = Recorder("127.0.0.1", server.port, kept=Kept(RecordingWriter(path, header=header), Mask()))
    await recorder.start(0)
    try:
        yield recorder.port
        await until(lambda: not server.sessions)
    finally:
        await recorder.stop()
        await server.stop()


@pytest.fixture
async def replay(tmp_path):
    """Return what starts a replay of the test's recording; it is stopped at the end."""
    started = []

    async def start(*, speed=0.0, patience_s=1.0):
        replayer = Replayer(read_recording(tmp_path / "flight"), speed=speed, patience_s=patience_s)
        await replayer.start(0)
        started.append(replayer)
        return replayer

    yield start
    for one in started:
        await one.stop()


@pytest.fixture
async def visited(tmp_path):
    """Return what records the visits of raw clients, each a function of its client."""

    async def record(*visits):
        async with recording_to(tmp_path / "flight") as port:
            for place, visit in enumerate(visits, start=1):
                client = await RawClient.open(port, client_id=place)
                await client.settle()
                await visit(client)
                await client.close()

    return record


@pytest.fixture
async def opened():
    """Return what opens raw clients; they are closed at the end."""
    clients = []

    async def connect(port, **options):
        clients.append(await RawClient.open(port, **options))
        return clients[-1]

    yield connect
    for one in clients:
        await one.close()


def write_recording(path, *rows):
    """Write a recording of one connection at version 176."""
    greeting = {"serverVersion": "176", "connectionTime": "20261120 12:00:00 EST"}
    handshake = {"from": "server", "at": 0, "message": "handshake", "id": None, "fields": greeting}
    header = {"recording": "tws", "format": 1, "started": "2026-11-20T17:00:00.000000Z"}
    lines = [header, *({"connection": 1, "client": 1, **one} for one in (handshake, *rows))]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))


async def trade_a_little(port):
    """Connect an unmodified library, do some of everything, and return what it saw."""
    ib = ib_insync.IB()
    ib.RequestTimeout = 5
    await ib.connectAsync("127.0.0.1", port, clientId=7, timeout=4)
    (stock,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
    ticker = ib.reqMktData(stock, "", True, False)
    bars = await ib.reqHistoricalDataAsync(stock, "", "1 D", "1 hour", "TRADES", True)
    bought = ib.placeOrder(stock, MarketOrder("BUY", 10, tif="DAY", orderRef="bought"))
    await until(lambda: bought.isDone() and bought.fills and bought.fills[0].commissionReport.commission)
    resting = ib.placeOrder(stock, LimitOrder("BUY", 5, 1.0, tif="DAY", orderRef="resting"))
    await until(lambda: resting.orderStatus.status == "Submitted")
    ib.cancelOrder(resting.order)
    await until(lambda: resting.isDone() and ib.positions())
    completed = await ib.reqCompletedOrdersAsync(False)
    seen = {
        "account": ib.managedAccounts(),
        "contract": ib_insync.util.tree(stock),
        "prices": [ticker.bid, ticker.ask, ticker.last, ticker.close],
        "bars": [ib_insync.util.tree(one) for one in bars],
        "positions": [ib_insync.util.tree(one) for one in ib.positions()],
        "orders": [(one.order.orderRef, one.order.permId, one.orderStatus.status) for one in ib.trades()],
        "fills": [ib_insync.util.tree(one.execution) for one in ib.fills()],
        "commissions": [one.commissionReport.commission for one in ib.fills()],
        "completed": [(one.order.permId, one.orderStatus.status) for one in completed],
        "cash": [one.value for one in ib.accountValues() if one.tag == "TotalCashValue"],
    }
    ib.disconnect()
    return seen


class TestLibrary:
    async def test_sees_in_a_replay_what_it_saw_when_it_was_recorded(self, tmp_path, replay):
        async with recording_to(tmp_path / "flight") as port:
            recorded = await trade_a_little(port)
        replayer = await replay()
        replayed = await trade_a_little(replayer.port)
        await asyncio.wait_for(replayer.is_finished.wait(), PATIENCE_S)

        assert _without_account(replayed) == _without_account(recorded)
        assert replayed["account"] == ["DU0000001"]
        assert replayer.report()[0] == "1 of 1 connections played"
        assert replayer.is_faithful, replayer.report()


def bars_until(end):
    return [20, 50, *contract("AAPL"), 0, end, "1 hour", "1 D", 1, "TRADES", 1, 0, ""]


def _without_account(seen):
    return re.sub(r"DU\d{7}", "DU", str(seen))


class TestIds:
    async def test_of_requests_and_orders_are_those_of_today(self, visited, replay, opened):
        async def visit(client):
            client.send(9, 8, 50, *contract("AAPL"), 0, "", "", "")
            await client.until(52)
            client.send(*place_order(176, 1, ref="then"))
            await client.until(59)

        await visited(visit)
        replayer = await replay()
        client = await opened(replayer.port, client_id=1)
        client.send(9, 8, 7050, *contract("AAPL"), 0, "", "", "")
        end = await client.until(52)
        client.send(*place_order(176, 31, ref="today"))
        await client.until(59)

        status = next(one for one in client.frames if one[0] == "3")
        fill = next(one for one in client.frames if one[0] == "11")
        assert end == ["52", "1", "7050"]
        assert (status[1], fill[2], fill[26]) == ("31", "31", "today")

    async def test_of_cancels_point_to_what_was_asked_for(self, visited, replay, opened):
        async def visit(client):
            for request_id in (50, 51):
                client.send(1, 11, request_id, *contract("AAPL"), 0, "", 0, 0, "")
            await client.settle()
            for request_id in (50, 51, 51):
                client.send(2, 2, request_id)
            await client.error(300)

        await visited(visit)
        replayer = await replay()
        client = await opened(replayer.port, client_id=1)
        for request_id in (61, 60):
            client.send(1, 11, request_id, *contract("AAPL"), 0, "", 0, 0, "")
        for request_id in (60, 60, 61):
            client.send(2, 2, request_id)

        assert (await client.error(300))[2] == "60"

    async def test_of_clients_are_translated_too(self, visited, replay, opened):
        async def visit(client):
            client.send(*place_order(176, 1))
            await client.until(59)

        await visited(visit)
        replayer = await replay()
        client = await opened(replayer.port, client_id=44)
        client.send(*place_order(176, 1))
        await client.until(59)

        assert {one[9] for one in client.frames if one[0] == "3"} == {"44"}


class TestOrder:
    async def test_of_requests_may_differ(self, visited, replay, opened):
        async def visit(client):
            client.send(9, 8, 50, *contract("AAPL"), 0, "", "", "")
            client.send(9, 8, 51, *contract("MSFT"), 0, "", "", "")
            await client.until(52)
            await client.until(52)

        await visited(visit)
        replayer = await replay(patience_s=60)
        client = await opened(replayer.port, client_id=1)
        client.send(9, 8, 1, *contract("MSFT"), 0, "", "", "")
        first = await client.until(10)
        client.send(9, 8, 2, *contract("AAPL"), 0, "", "", "")
        await client.until(52)
        await client.until(52)

        assert (first[1], first[2]) == ("1", "MSFT")
        assert [one[2] for one in client.frames if one[0] == "10"] == ["MSFT", "AAPL"]

    async def test_keeps_the_time_between_answers(self, tmp_path, replay, opened):
        asked = {"from": "client", "message": "reqMatchingSymbols", "id": 81}
        told = {"from": "server", "message": "symbolSamples", "id": 79, "fields": {"reqId": "5", "hits": "0"}}
        write_recording(
            tmp_path / "flight",
            {**asked, "at": 0.1, "fields": {"reqId": "5", "pattern": "A"}},
            {**told, "at": 0.1},
            {**told, "at": 0.3},
        )
        loop = asyncio.get_running_loop()
        replayer = await replay(speed=0.5)
        client = await opened(replayer.port, client_id=1, start=False)
        client.send(71, 2, 1, "")
        client.send(81, 5, "A")
        await client.until(79)
        started = loop.time()
        await client.until(79)

        assert loop.time() - started >= 0.35

    async def test_gives_up_on_a_request_that_does_not_come(self, visited, replay, opened):
        async def visit(client):
            client.send(9, 8, 50, *contract("AAPL"), 0, "", "", "")
            await client.until(52)
            client.send(81, 51, "MSFT")
            await client.until(79)

        await visited(visit)
        replayer = await replay(patience_s=0.05)
        client = await opened(replayer.port, client_id=1)
        client.send(81, 5, "MSFT")

        assert (await client.until(79))[1] == "5"
        await client.close()
        await asyncio.wait_for(replayer.is_finished.wait(), PATIENCE_S)
        assert replayer.played[0].never_asked == ["reqContractDetails reqId=50 symbol=AAPL"]
        assert not [one for one in client.frames if one[0] == "10"]
        assert not replayer.is_faithful

    async def test_answers_a_request_that_comes_late_after_all(self, visited, replay, opened):
        async def visit(client):
            client.send(9, 8, 50, *contract("AAPL"), 0, "", "", "")
            await client.until(52)
            client.send(17, 1)
            await client.until(15)

        await visited(visit)
        replayer = await replay(patience_s=0.05)
        client = await opened(replayer.port, client_id=1)
        client.send(17, 1)
        await client.until(15)
        client.send(9, 8, 60, *contract("AAPL"), 0, "", "", "")
        end = await client.until(52)
        await client.close()
        await asyncio.wait_for(replayer.is_finished.wait(), 3)

        assert end[2] == "60"
        assert replayer.is_faithful, replayer.report()


class TestDifferences:
    async def test_of_a_request_are_refused_and_told(self, visited, replay, opened):
        async def visit(client):
            client.send(9, 8, 50, *contract("AAPL"), 0, "", "", "")
            await client.until(52)

        await visited(visit)
        replayer = await replay()
        client = await opened(replayer.port, client_id=1)
        client.send(9, 8, 9, *contract("MSFT"), 0, "", "", "")
        refusal = await client.error(321)
        await client.close()
        await asyncio.wait_for(replayer.is_finished.wait(), PATIENCE_S)

        assert refusal[2] == "9"
        assert "  never asked: reqContractDetails reqId=50 symbol=AAPL" in replayer.report()
        assert (
            "  not in the recording: reqContractDetails reqId=9 symbol=MSFT (symbol: recorded 'AAPL', "
            "asked 'MSFT')" in replayer.report()
        )

    async def test_of_a_note_alone_are_told_and_played(self, visited, replay, opened):
        async def visit(client):
            client.send(*place_order(176, 1, ref="then"))
            await client.until(59)

        await visited(visit)
        replayer = await replay()
        client = await opened(replayer.port, client_id=1)
        client.send(*place_order(176, 1, ref="today"))
        await client.until(59)
        await client.close()
        await asyncio.wait_for(replayer.is_finished.wait(), PATIENCE_S)

        assert replayer.is_faithful
        assert any("orderRef: recorded 'then', asked 'today'" in one for one in replayer.report())

    async def test_of_times_and_heartbeats_do_not_count(self, visited, replay, opened):
        async def visit(client):
            client.send(
                20, 50, *contract("AAPL"), 0, "20261118-15:00:00", "1 hour", "1 D", 1, "TRADES", 1, 0, ""
            )
            await client.until(17)

        await visited(visit)
        replayer = await replay()
        client = await opened(replayer.port, client_id=1)
        client.send(49, 1)
        client.send(*bars_until("20261119-15:00:00"))
        await client.until(17)
        client.send(49, 1)
        answer = await client.until(49)
        await client.close()
        await asyncio.wait_for(replayer.is_finished.wait(), PATIENCE_S)

        assert int(answer[2]) >= 1_795_194_000
        assert replayer.is_faithful, replayer.report()


class TestConnections:
    async def test_are_given_by_client_id(self, visited, replay, opened):
        async def look_up(client):
            client.send(81, 5, "AAPL" if client.frames[0][0] == "15" else "")
            await client.until(79)

        async def ask_for_ids(client):
            client.send(8, 1, 1)
            await client.until(9)

        await visited(look_up, ask_for_ids)
        replayer = await replay()
        second = await opened(replayer.port, client_id=2)
        first = await opened(replayer.port, client_id=1)
        second.send(8, 1, 1)
        await second.until(9)
        first.send(81, 5, "AAPL")
        await first.until(79)
        for client in (first, second):
            await client.close()
        await asyncio.wait_for(replayer.is_finished.wait(), PATIENCE_S)

        assert replayer.is_faithful, replayer.report()
        assert [one.client_id for one in replayer.played] == [2, 1]

    async def test_beyond_those_recorded_are_turned_away(self, visited, replay, opened):
        async def nothing(client):
            await client.settle()

        await visited(nothing)
        replayer = await replay()
        await opened(replayer.port, client_id=1)
        reader, writer = await asyncio.open_connection("127.0.0.1", replayer.port)
        writer.write(b"API\0\0\0\0\x09v157..176")

        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        assert replayer.turned_away == ["every recorded connection has been played"]
        writer.close()
        await writer.wait_closed()

    @pytest.mark.parametrize(
        "garbage", [b"GET / HTTP/1.1", b"API\0\xff\xff\xff\xff", b"API\0\0\0\0\x09v100..110"]
    )
    async def test_of_no_use_are_turned_away(self, visited, replay, garbage):
        async def nothing(client):
            await client.settle()

        await visited(nothing)
        replayer = await replay()
        reader, writer = await asyncio.open_connection("127.0.0.1", replayer.port)
        writer.write(garbage)

        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        assert len(replayer.turned_away) == 1
        writer.close()
        await writer.wait_closed()

    async def test_closed_by_the_gateway_are_closed_again(self, tmp_path, replay, opened):
        error = {"version": "2", "reqId": "-1", "code": "326", "text": "in use", "json": ""}
        write_recording(
            tmp_path / "flight",
            {"from": "server", "at": 0.1, "message": "error", "id": 4, "fields": error},
            {"at": 0.2, "event": "closed", "by": "server"},
        )
        replayer = await replay()
        client = await opened(replayer.port, client_id=1, start=False)
        client.send(71, 2, 1, "")

        assert (await client.error(326))[2] == "-1"
        assert await client.is_closed()

    async def test_without_a_version_make_no_replay(self, tmp_path, replay):
        (tmp_path / "flight").write_text('{"recording": "tws", "format": 1}\n')

        with pytest.raises(BadRecording):
            await replay()


@pytest.mark.processes
class TestPrograms:
    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "apps.simulator", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def test_record_and_replay_a_session(self, tmp_path, simulator, opened):
        path = str(tmp_path / "flight")
        recorder = self.start(
            "record", "--to", path, "--upstream", f"127.0.0.1:{simulator.port}", "--listen", "0"
        )
        port = int(recorder.stdout.readline().split("on 127.0.0.1:")[1].split()[0])
        client = await opened(port)
        await client.settle()
        await client.close()
        await until(lambda: "closed" in Path(path).read_text())
        recorder.send_signal(signal.SIGINT)
        output, errors = recorder.communicate(timeout=10)
        assert (recorder.returncode, errors) == (0, "")
        assert output.startswith("1 connections, ")

        player = self.start("replay", path, "--port", "0", "--speed", "0")
        port = int(player.stdout.readline().split("on 127.0.0.1:")[1])
        client = await opened(port)
        await client.settle()
        await client.close()
        output, errors = player.communicate(timeout=10)
        assert (player.returncode, errors) == (0, "")
        assert output.splitlines()[0] == "1 of 1 connections played"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("replay", "NOFILE"),
            ("replay", "OTHER"),
            ("record", "--to", "OTHER", "--upstream", "127.0.0.1:1", "--listen", "0"),
            ("record", "--to", "NEW", "--upstream", "nonsense"),
            ("replay", "OTHER", "--speed", "-1"),
        ],
    )
    def test_say_in_a_few_words_what_they_cannot_do(self, tmp_path, arguments):
        (tmp_path / "OTHER").write_text("nonsense\n")
        paths = {one: str(tmp_path / one) for one in ("NOFILE", "OTHER", "NEW")}
        process = self.start(*(paths.get(one, one) for one in arguments))
        _, errors = process.communicate(timeout=10)

        assert process.returncode == 2
        assert "Traceback" not in errors
        assert arguments[0] in errors


class TestFrames:
    async def test_split_at_every_byte_are_understood(self, visited, replay, opened):
        async def visit(client):
            client.send(81, 51, "MSFT")
            await client.until(79)

        await visited(visit)
        replayer = await replay()
        client = await opened(replayer.port, client_id=1)
        for byte in frame(81, 51, "MSFT"):
            client.write_bytes(bytes([byte]))
            await asyncio.sleep(0)

        assert (await client.until(79))[1] == "51"
