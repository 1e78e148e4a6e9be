"""`make run`: one process, from nothing to a filled order, and again."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.gateway.house import ROOT, free_port

pytestmark = [pytest.mark.processes, pytest.mark.slow]


class Standalone:
    """A standalone process with a state directory of its own."""

    def __init__(self, state_dir):
        self.web_port, self.broker_port = free_port(), free_port()
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("JAXBROKER")}
        self._env |= {
            "DJANGO_SETTINGS_MODULE": "jaxbroker.settings",
            "JAXBROKER_ENV_FILE": os.devnull,
            "JAXBROKER_STATE_DIR": str(state_dir),
            "IB_GATEWAY_PORT": str(self.broker_port),
            "JAXBROKER_PORT_MODES": f"{self.broker_port}=paper",
            "PORT": str(self.web_port),
        }
        for name in ("SECRET_KEY", "LOG_LEVEL", "DATABASE_URL", "REDIS_URL"):
            self._env.pop(name, None)
        self.process = None
        self.said = ""

    def start(self, **extra):
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run_standalone"],
            cwd=ROOT,
            env=self._env | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def until_ready(self):
        """Read what it says up to the end of the screenful; returns the seconds it took."""
        began, self.said = time.monotonic(), ""
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C" in line:
                return time.monotonic() - began
        raise AssertionError(f"{self.said}\n{self.process.stderr.read()}")

    def end(self, number=signal.SIGTERM):
        """Stop it; returns exit code and seconds."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=15)
        return self.process.returncode, time.monotonic() - began

    def ask(self, path, body=None, key=""):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        with closing(http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=10)) as web:
            web.request("GET" if body is None else "POST", path, json.dumps(body) if body else None, headers)
            answer = web.getresponse()
            return answer.status, json.loads(answer.read())


@pytest.fixture
def standalone(tmp_path):
    running = Standalone(tmp_path / "state")
    yield running
    if running.process is not None:
        running.end(signal.SIGKILL)


def until(read, within_s=15.0):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := read():
            return found
        time.sleep(0.05)
    raise AssertionError("not in time")


class TestStandalone:
    def test_from_nothing_to_a_filled_order_and_again(self, standalone):
        standalone.start().until_ready()
        key = re.search(r"API key +(\S+)", standalone.said)[1]
        assert re.search(r"user admin, password \S+", standalone.said)
        assert standalone.said.count(key) == 2

        status, health = standalone.ask("/health")
        assert (status, health["connected"], health["simulator"]) == (200, True, True)
        status, quote = standalone.ask("/quotes/AAPL")
        assert (status, quote["symbol"]) == (200, "AAPL")
        order = {"symbol": "AAPL", "action": "BUY", "quantity": 3, "order_type": "MKT"}
        status, placed = standalone.ask("/orders", order, key)
        assert (status, placed["success"]) == (200, True)

        def filled():
            _, found = standalone.ask("/orders", key=key)
            return [one for one in found["orders"] if one["our_status"] == "FILLED"]

        assert until(filled)[0]["filled_qty"] == 3
        code, seconds = standalone.end()
        assert (code, seconds < 5) == (0, True)

        assert standalone.start().until_ready() < 10
        assert key not in standalone.said
        _, orders = standalone.ask("/orders", key=key)
        assert [one["our_status"] for one in orders["orders"]] == ["FILLED"]
        _, positions = standalone.ask("/positions", key=key)
        assert [(one["symbol"], one["quantity"]) for one in positions["positions"]] == [("AAPL", 3)]
        assert standalone.end(signal.SIGINT)[0] == 0

    def test_after_a_kill_it_starts_as_if_nothing_had_happened(self, standalone):
        standalone.start().until_ready()
        standalone.end(signal.SIGKILL)

        standalone.start().until_ready()

        assert standalone.ask("/readyz")[0] == 200

    @pytest.mark.parametrize("which", ["web_port", "broker_port"])
    def test_a_taken_port_is_one_clear_line(self, standalone, which):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", getattr(standalone, which)))
            taken.listen()

            standalone.start()
            _, said = standalone.process.communicate(timeout=30)

        assert standalone.process.returncode == 2
        assert str(getattr(standalone, which)) in said
        assert len(said.splitlines()) == 1

    def test_never_starts_for_live_money(self, standalone):
        standalone.start(PAPER_TRADING="false", IB_GATEWAY_PORT="4001", JAXBROKER_PORT_MODES="")

        _, said = standalone.process.communicate(timeout=30)

        assert standalone.process.returncode == 2
        assert "PAPER_TRADING" in said or "JAXBROKER" in said

    def test_never_trades_on_a_damaged_database(self, standalone, tmp_path):
        standalone.start().until_ready()
        standalone.end()
        database = tmp_path / "state" / "jaxbroker.sqlite3"
        with database.open("r+b") as file:
            for page in range(3, database.stat().st_size // 4096, 4):
                file.seek(page * 4096)
                file.write(b"\xa5" * 4096)

        _, said = standalone.start().process.communicate(timeout=30)

        assert standalone.process.returncode == 2
        assert "damaged" in said
        assert "Traceback" not in said
