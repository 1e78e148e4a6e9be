"""Our own parts under measurement: web and gateway as processes, the simulator behind a wire clock.

Everything is in force: keys, gates, limits, idempotency, events, the audit chain, two commits. What
a bench may change stands in `bench/settings.py`.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg

from apps.domain.identity import order_ref
from bench.harness import ROOT, Program
from bench.simulator import Simulator
from scripts.services import throw_away_services

ACCOUNT = "DU1234567"
START_LIMIT_S = 60.0
_SCOPES = ("read:quotes", "read:account", "orders:place", "orders:cancel")
#: One process for all of it: starting one takes longer than what it does here.
_PREPARE = """
from dataclasses import replace
from django.core.management import call_command
from django.utils import timezone
from apps.domain.risk.limits import PAPER_DEFAULTS, to_values
from apps.safety.models import LimitSet
call_command("migrate", verbosity=0)
call_command("create_api_key", "bench", *{words!r})
wide = replace(PAPER_DEFAULTS, version=2, short_sale_allowed=True, max_open_orders=500, max_quantity=10_000,
    max_notional=250_000, max_position=100_000)
LimitSet.objects.create(
    version=2, values=to_values(wide), author="bench", reason="a bench", at=timezone.now()
)
"""


@contextmanager
def databases(kinds: tuple[str, ...], folder: Path) -> Iterator[dict[str, str]]:
    """Yield by kind (`sqlite`, `postgresql`) the address of a place for databases, as durable as it gets."""
    with ExitStack() as stack:
        addresses = {"sqlite": f"sqlite:///{folder}/"}
        if "postgresql" in kinds:
            addresses["postgresql"] = stack.enter_context(throw_away_services(durable=True))["DATABASE_URL"]
        yield {kind: addresses[kind] for kind in kinds}


def fresh_database(place: str, name: str) -> str:
    """Return the address of an empty database at a place that `databases` named."""
    if place.startswith("sqlite"):
        return f"{place}{name}.sqlite3"
    with psycopg.connect(place, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    return f"{place.rpartition('/')[0]}/{name}"


class WireClock(Program):
    """The tap that stamps order frames; `wait_for` tells when one of them arrived."""

    def __init__(self, upstream_port: int) -> None:
        super().__init__(["-m", "bench.wire_clock", str(upstream_port)], is_pinned=False)
        found = re.fullmatch(r"wire clock listens on (\d+), tells on (\d+)", self.first_line)
        if found is None:
            raise RuntimeError(f"not understood: {self.first_line}")
        self.port = int(found[1])
        self._told = socket.create_connection(("127.0.0.1", int(found[2])))
        self._lines = self._told.makefile("r")
        self._heard: dict[str, int] = {}

    def command(self, word: str) -> None:
        """Say `refuse` or `accept` to it."""
        self._told.sendall(f"{word}\n".encode())

    def forget(self) -> None:
        """Begin to count anew."""
        self._heard.clear()

    def count(self, wanted: int, *, within_s: float) -> int:
        """Return how many frames arrived since `forget`, as soon as they are so many or time is over."""
        deadline = time.monotonic() + within_s
        with suppress(TimeoutError):
            while len(self._heard) < wanted and (left_s := deadline - time.monotonic()) > 0:
                self._hear(left_s)
        return len(self._heard)

    def last_s(self) -> float:
        """Return when the last frame arrived, in seconds of CLOCK_MONOTONIC; 0 without one."""
        return max(self._heard.values(), default=0) / 1e9

    def _hear(self, within_s: float) -> None:
        self._told.settimeout(within_s)
        line = self._lines.readline()
        if not line:
            raise RuntimeError("the wire clock ended")
        name, moment = line.split()
        self._heard[name] = int(moment)

    def wait_for(self, ref: str, *, within_s: float = 10.0) -> int:
        """Return when the frame of this order arrived, in ns; raises TimeoutError."""
        while ref not in self._heard:
            self._hear(within_s)
        return self._heard[ref]

    def stop(self) -> None:
        self._told.close()
        super().stop()


class Poster:
    """One keep-alive connection that posts orders and says when it began to."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def again(self) -> Poster:
        """Return a fresh connection instead of this one; a quiet one is closed by the server."""
        self.close()
        return Poster(self._port, self._key)

    def post(self, body: dict[str, Any]) -> int:
        """Send one order and return the time just before, in ns; `answer` reads what came of it."""
        content = json.dumps(body).encode()
        head = (
            "POST /orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._key}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        message = head.encode() + content
        began = time.monotonic_ns()
        self._socket.sendall(message)
        return began

    def answer(self) -> Any:
        """Return the body of the answer to the last order; raises RuntimeError unless it is 200."""
        response = http.client.HTTPResponse(self._socket)
        response.begin()
        said = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {said!r}")
        return json.loads(said)

    def close(self) -> None:
        self._socket.close()


class Stack:
    """What both sides share: a simulator of their own, the wire clock before it, and a poster."""

    name = ""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self.simulator = self._ending.enter_context(Simulator(is_pinned=False))
        self.clock = self._ending.enter_context(WireClock(self.simulator.port))
        self.poster: Poster

    def ref_of(self, client_order_id: str) -> str:
        """Return the orderRef an order of this key has on the wire."""
        return client_order_id

    def place(self, body: dict[str, Any]) -> float:
        """Place one order and return the milliseconds until its frame arrived."""
        began = self.poster.post(body)
        said = self.poster.answer()
        try:
            arrived = self.clock.wait_for(self.ref_of(body["client_order_id"]))
        except TimeoutError:
            raise RuntimeError(f"no frame of it: {self.fate_of(said['order_id'])}") from None
        return (arrived - began) / 1e6

    def _hang_up(self) -> None:
        self.poster.close()

    def fate_of(self, order_id: int) -> Any:
        """Return what became of an order that did not reach the wire."""
        return order_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()


class Peer(Stack):
    """FastAPI with the library inside, on its own database."""

    name = "FastAPI"

    def __init__(self, database_url: str) -> None:
        super().__init__()
        port, key = free_port(), secrets.token_hex(16)
        told = {"DATABASE_URL": database_url, "BENCH_KEY": key}
        self._ending.enter_context(
            Program(
                ["-m", "bench.direct_peer", str(self.clock.port), str(port)],
                is_pinned=False,
                environment=told,
            )
        )
        self.poster = until(lambda: Poster(port, key), "the peer")
        self._ending.callback(self._hang_up)


class Bridge(Stack):
    """Web and gateway, each a process, as `run_web` and `run_gateway` start them."""

    name = "JaxBroker"

    def __init__(self, folder: Path, database_url: str, *, settings: str = "jaxbroker.settings") -> None:
        super().__init__()
        self.folder = folder
        folder.mkdir()
        self.web_port = free_port()
        self.environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "IB_LIBRARY") if name in os.environ
        } | {
            "DJANGO_SETTINGS_MODULE": settings,
            "JAXBROKER_ENV_FILE": os.devnull,
            "JAXBROKER_STATE_DIR": str(folder),
            "SECRET_KEY": "only-for-a-bench-" * 4,
            "DATABASE_URL": database_url,
            "IB_GATEWAY_PORT": str(self.clock.port),
            "JAXBROKER_PORT_MODES": f"{self.clock.port}=paper",
            "JAXBROKER_SIMULATOR": "true",
            "RECONNECT_DELAY": "0.2",
            "PORT": str(self.web_port),
        }
        self.key = self._prepare()
        self.gateway = self._start("run_gateway")
        self.web = self._start("run_web")
        self.poster = until(lambda: Poster(self.web_port, self.key), "the web process")
        self._ending.callback(self._hang_up)
        self.until_ready()

    def ref_of(self, client_order_id: str) -> str:
        return order_ref(ACCOUNT, client_order_id)

    def fate_of(self, order_id: int) -> Any:
        return self.get(f"/orders/{order_id}"), *self.last_words()

    def last_words(self) -> Iterator[str]:
        """Yield the end of each log."""
        for log in sorted(self.folder.glob("*.log")):
            yield f"{log.name}: {log.read_text(errors='replace')[-1500:]}"

    def manage(self, *words: str) -> str:
        """Run a management command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def get(self, path: str) -> Any:
        """Return the body of a GET as our caller sees it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=10)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        said = json.loads(connection.getresponse().read())
        connection.close()
        return said

    def until_ready(self) -> None:
        """Wait until an order would be taken."""
        until(lambda: self.get("/health")["connected"], "a READY gateway")

    def _prepare(self) -> str:
        """Make tables, a key and wide limits; return the key."""
        words = ["--account", ACCOUNT, *(word for scope in _SCOPES for word in ("--scope", scope))]
        said = self.manage("shell", "-v", "0", "-c", _PREPARE.format(words=words))
        found = re.search(r"jb_paper_\w+", said)
        if found is None:
            raise RuntimeError(said)
        return found[0]

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        log = self._ending.enter_context((self.folder / f"{command}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "manage.py", command],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self._ending.callback(_end, process)
        return process


def until(read: Any, what: str) -> Any:
    """Return the first true value of `read`; raises RuntimeError after a minute."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError, http.client.HTTPException):
            if found := read():
                return found
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not come up")


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
