"""The production shape: simulator, gateway, Daphne, Celery worker and beat as five processes.

Needs PostgreSQL and Redis (DATABASE_URL, REDIS_URL); `scripts/services.py` starts both.
"""

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from apps.simulator.control import ControlClient
from tests.gateway.house import CODE, ROOT, free_port

DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = os.environ.get("REDIS_URL", "")

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATABASE_URL.startswith("postgres") and REDIS_URL),
        reason="five processes meet in PostgreSQL and Redis; set DATABASE_URL and REDIS_URL",
    ),
]


def until(read: Any, *, within_s: float = 20.0, what: str = "") -> Any:
    """Return the first true value of `read`; fail with the last one after `within_s`."""
    deadline, seen = time.monotonic() + within_s, None
    while time.monotonic() < deadline:
        with suppress(OSError):
            if seen := read():
                return seen
        time.sleep(0.1)
    raise AssertionError(f"{what} not in {within_s} s; last seen: {seen!r}")


@contextmanager
def fresh_database() -> Iterator[str]:
    """Make a database of its own on the server, and drop it afterwards."""
    name = f"five_{secrets.token_hex(4)}"
    with psycopg.connect(DATABASE_URL, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        yield urlunsplit(urlsplit(DATABASE_URL)._replace(path=f"/{name}"))
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Shape:
    """The five processes, each with a log of its own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.web, self.broker, self.control = free_port(), free_port(), free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "JAXBROKER_ENV_FILE": os.devnull,
            "JAXBROKER_STATE_DIR": str(folder / "state"),
            "SECRET_KEY": secrets.token_hex(40),
            "DATABASE_URL": database_url,
            "REDIS_URL": REDIS_URL,
            "IB_GATEWAY_PORT": str(self.broker),
            "JAXBROKER_PORT_MODES": f"{self.broker}=paper",
            "JAXBROKER_SIMULATOR": "true",
            "PORT": str(self.web),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.key = ""

    def manage(self, *words: str) -> str:
        """Run a management command and return what it printed."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        """Prepare the database and start all five."""
        (self.folder / "state").mkdir()
        self.manage("migrate", "--verbosity", "0")
        python, celery = sys.executable, [sys.executable, "-m", "celery", "--app", "jaxbroker"]
        ports = ["--port", str(self.broker), "--control-port", str(self.control)]
        state = ["--state", str(self.folder / "simulator.state"), "--account", CODE]
        self._run("simulator", [python, "-m", "apps.simulator", *ports, *state])
        self._run("gateway", [python, "manage.py", "run_gateway"])
        address = ["-b", "127.0.0.1", "-p", str(self.web)]
        self._run("web", [python, "-m", "daphne", *address, "jaxbroker.asgi:application"])
        self._run("worker", [*celery, "worker", "--concurrency", "1", "--loglevel", "INFO"])
        schedule = ["--schedule", str(self.folder / "beat")]
        self._run("beat", [*celery, "beat", *schedule, "--loglevel", "INFO"])

    def _run(self, name: str, command: list[str]) -> None:
        with self.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def log(self, name: str) -> Path:
        """Return where a process writes."""
        return self.folder / f"{name}.log"

    def said(self, name: str, words: str) -> bool:
        """Tell whether a process has written these words."""
        return words in self.log(name).read_text(errors="replace")

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request with the key; a body makes it a POST."""
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        with closing(http.client.HTTPConnection("127.0.0.1", self.web, timeout=15)) as web:
            web.request("GET" if body is None else "POST", path, json.dumps(body) if body else None, headers)
            answer = web.getresponse()
            return answer.status, json.loads(answer.read())

    def last_words(self) -> str:
        """Return the end of each log, for a failure to be understood from its report."""
        tails = (
            f"--- {name}\n{self.log(name).read_text(errors='replace')[-1500:]}" for name in self.processes
        )
        return "\n".join(tails)

    def until_ready(self) -> None:
        """Wait until /readyz is 200; fail with what the processes said."""
        try:
            until(lambda: self.ask("/readyz")[0] == 200, within_s=60, what="ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def stop(self) -> dict[str, int]:
        """End all of them politely, the gateway first; returns their exit codes."""
        for name in ("gateway", "web", "worker", "beat", "simulator"):
            process = self.processes.get(name)
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        codes = {}
        for name, process in self.processes.items():
            try:
                codes[name] = process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        return codes


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    with fresh_database() as database_url:
        five = Shape(tmp_path_factory.mktemp("five"), database_url)
        try:
            five.start()
            yield five
        finally:
            five.stop()


class TestFiveProcesses:
    def test_quotes_candles_and_an_order_go_all_the_way(self, shape: Shape) -> None:
        shape.until_ready()
        scopes = ("read:quotes", "read:account", "orders:place", "orders:cancel")
        named = [word for scope in scopes for word in ("--scope", scope)]
        said = shape.manage("create_api_key", "Tara's backend", "--account", CODE, *named)
        shape.key = re.search(r"jb_paper_\w+", said)[0]  # type: ignore[index]

        status, health = shape.ask("/health")
        assert (status, health["status"], health["connected"]) == (200, "healthy", True)

        status, quote = shape.ask("/quotes/AAPL")
        assert (status, quote["price"] > 0, quote["stale"]) == (200, True, False)

        status, candles = shape.ask("/candles/AAPL", {"duration": "1 D", "bar_size": "5 mins"})
        assert (status, candles["count"] > 0) == (200, True)

        order = {"symbol": "AAPL", "action": "BUY", "quantity": 10, "order_type": "MKT"}
        status, placed = shape.ask("/orders", order | {"client_order_id": "five-processes-1"})
        assert (status, placed["success"]) == (200, True)
        number = placed["order_id"]
        until(lambda: shape.ask(f"/orders/{number}")[1]["status"] == "Filled", what="filled")

        again = shape.ask("/orders", order | {"client_order_id": "five-processes-1"})
        assert (again[0], again[1]["order_id"]) == (200, number)

        held = until(lambda: shape.ask("/positions")[1]["positions"], what="position")
        assert [(row["symbol"], row["quantity"]) for row in held] == [("AAPL", 10)]
        with ControlClient(shape.control) as simulator:
            book = simulator.ask("book")
        assert [row["orderRef"] for row in book["orders"]] == [placed["ib_order_ref"]]

    def test_celery_does_the_clock_work(self, shape: Shape) -> None:
        until(lambda: shape.said("worker", "ready."), within_s=60, what="worker")
        until(lambda: shape.said("beat", "beat: Starting"), within_s=60, what="beat")

        shape.manage("shell", "-c", "from jaxbroker.celery import app; app.send_task('audit.anchor')")

        until(lambda: shape.said("worker", "succeeded"), what="task")

    def test_all_of_them_end_on_request(self, shape: Shape) -> None:
        shape.until_ready()

        codes = shape.stop()

        assert {name: code for name, code in codes.items() if code not in {0, -signal.SIGTERM}} == {}
        assert codes["gateway"] == 0
