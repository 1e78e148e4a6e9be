"""The control port as any HTTP client sees it, and as nothing in a browser may use it."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import subprocess

import pytest

from apps.simulator.control import COMMANDS, ControlClient, ControlRefused
from tests.simulator.raw_client import PATIENCE_S


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


@pytest.fixture
def ask(simulator):
    """Send one HTTP request from beside the loop."""

    async def send(method, path, body=None, headers=None):
        def exchange():
            connection = http.client.HTTPConnection("127.0.0.1", simulator.control_port, timeout=5)
            connection.request(method, path, body, headers or {})
            answer = Answer(connection.getresponse())
            connection.close()
            return answer

        return await asyncio.to_thread(exchange)

    return send


@pytest.fixture
def say(simulator):
    """Write raw bytes and return everything that comes back until the port closes."""

    async def exchange(data):
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.control_port)
        writer.write(data)
        found = await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
        await writer.wait_closed()
        return found.decode()

    return exchange


class TestAddresses:
    async def test_home_is_a_page_for_people(self, ask):
        answer = await ask("GET", "/")

        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        for word in ("GET    /status", "POST   /faults/<name>", "eat_order", "nightly_reset", *COMMANDS):
            assert word in answer.text

    async def test_what_can_be_read_is_read(self, ask):
        for path, name in (
            ("/status", "account"),
            ("/book", "orders"),
            ("/faults", "verbs"),
            ("/ping", "pong"),
        ):
            answer = await ask("GET", path)

            assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
            assert name in answer.json

    async def test_a_fault_is_thrown_and_lifted(self, ask, simulator):
        thrown = await ask("POST", "/faults/eat_order", '{"count": 2}')
        on = (await ask("GET", "/status")).json["faults"]
        lifted = await ask("DELETE", "/faults")

        assert (thrown.status, lifted.status) == (200, 200)
        assert on == {"eat_order": 2}
        assert simulator.venue.faults.state() == {}

    async def test_a_price_is_set(self, ask, simulator):
        answer = await ask("POST", "/prices/AAPL", '{"price": 251.37, "hold": true}')

        assert answer.json == {"symbol": "AAPL", "price": 251.37}

    async def test_every_command_has_an_address(self, ask):
        for name in COMMANDS:
            answer = await ask("POST", f"/commands/{name}", "{}")

            assert answer.status in (200, 400)

    async def test_a_connection_serves_many_requests(self, simulator):
        def talk():
            with ControlClient(simulator.control_port) as client:
                return [client.request("GET", "/ping") for _ in range(3)] + [client.ask("ping")]

        assert await asyncio.to_thread(talk) == [{"pong": True}] * 4

    @pytest.mark.processes
    @pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
    async def test_curl_needs_no_header(self, simulator):
        url = f"http://localhost:{simulator.control_port}/faults/eat_order"
        run = await asyncio.to_thread(
            subprocess.run, ["curl", "-sS", "-4", "-d", '{"count": 3}', url], capture_output=True, text=True
        )

        assert (run.returncode, json.loads(run.stdout)) == (0, {})
        assert simulator.venue.faults.state() == {"eat_order": 3}


class TestRefusals:
    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("GET", "/nonsense", None, 404),
            ("GET", "/faults/eat_order/more", None, 404),
            ("POST", "/faults/nonsense", None, 404),
            ("POST", "/commands/nonsense", None, 404),
            ("GET", "/faults/eat_order", None, 405),
            ("DELETE", "/status", None, 405),
            ("OPTIONS", "/status", None, 405),
            ("POST", "/commands/set_price", "nonsense", 400),
            ("POST", "/commands/set_price", "[]", 400),
            ("POST", "/commands/set_price", "[" * 60_000, 400),
            ("POST", "/commands/set_price", '{"price": 1}', 400),
            ("POST", "/commands/set_price", '{"symbol": "AAPL", "price": NaN}', 400),
            ("POST", "/commands/set_price", '{"symbol": "AAPL", "price": 1, "price": 2}', 400),
            ("POST", "/commands/set_price", '{"symbol": "NOSUCH", "price": 1}', 400),
            ("POST", "/commands/set_price", '{"symbol": "AAPL", "price": 0}', 400),
            ("POST", "/faults/refuse", '{"seconds": -1}', 400),
            ("POST", "/commands/ping", "x" * 70_000, 413),
        ],
    )
    async def test_are_problems_with_a_reason(self, ask, method, path, body, status):
        answer = await ask(method, path, body)

        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert answer.json["status"] == status
        assert len(answer.json["detail"]) > 10

    async def test_tell_which_methods_there_are(self, ask):
        answer = await ask("GET", "/faults/eat_order")

        assert answer.headers["Allow"] == "DELETE, POST"

    async def test_reach_the_python_client_as_they_are(self, simulator):
        def talk():
            with ControlClient(simulator.control_port) as client, pytest.raises(ControlRefused) as refused:
                client.fault("nonsense")
            return refused.value.problem

        assert (await asyncio.to_thread(talk))["status"] == 404


class TestBrowsers:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://localhost:8000"},
            {"Origin": "null"},
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example:80"},
            {"Host": "localhost.evil.example"},
            {"Host": ""},
        ],
    )
    async def test_cannot_throw_switches(self, ask, simulator, headers):
        answer = await ask("POST", "/faults/eat_order", "{}", headers)

        assert answer.status == 403
        assert simulator.venue.faults.state() == {}

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.0.0.1:4003", "localhost", "LOCALHOST:1", "[::1]:4003"]
    )
    async def test_this_machine_may(self, ask, host):
        assert (await ask("GET", "/ping", None, {"Host": host})).status == 200


class TestBytes:
    @pytest.mark.parametrize(
        "data",
        [
            b"nonsense\r\n\r\n",
            b'{"command": "ping"}\n\r\n\r\n',
            b"GET /ping HTTP/1.1\r\n\r\n",
            b"POST /ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            b"POST /ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST /ping HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000,
        ],
    )
    async def test_that_are_not_http_get_a_problem_and_a_close(self, say, ask, data):
        answer = await say(data)

        assert answer.startswith("HTTP/1.1 4")
        assert "application/problem+json" in answer
        assert (await ask("GET", "/ping")).status == 200

    async def test_a_client_that_leaves_in_mid_request_is_let_go(self, simulator, ask):
        _, writer = await asyncio.open_connection("127.0.0.1", simulator.control_port)
        writer.write(b"POST /commands/ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        writer.close()
        await writer.wait_closed()

        assert (await ask("GET", "/ping")).status == 200

    async def test_a_body_is_asked_for_when_the_client_waits(self, say):
        head = b"POST /commands/ping HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        answer = await say(head + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")

        assert '{"pong": true}' in answer
