"""The product as processes of its own behind a tap: web, gateway and simulator, to be killed at will.

SQLite or PostgreSQL by the address that is given. Nothing is shared with a product that may
run here already, and only processes started here are ever signalled, by id.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

from apps.simulator.control import ControlClient
from tests.places import CODE, ROOT, free_port
from tests.reliability.history import Client, History
from tests.reliability.wire import Wire

SETTINGS = "tests.reliability.settings"
SCOPES = ("read:quotes", "read:account", "orders:place", "orders:cancel")
#: Wide enough that no limit but the market's own decides what a run can do.
LIMITS = {
    "max_quantity": "10000",
    "max_notional": "250000",
    "max_open_orders": "500",
    "max_position": "100000",
}


def until(read: Callable[[], Any], *, within_s: float = 20.0, what: str = "") -> Any:
    """Return the first true value of `read`; fail with the last one after `within_s`."""
    deadline, seen = time.monotonic() + within_s, None
    while time.monotonic() < deadline:
        with suppress(OSError):
            if seen := read():
                return seen
        time.sleep(0.02)
    raise AssertionError(f"{what or read} not in {within_s} s; last seen: {seen!r}")


@contextmanager
def fresh_database(server_url: str, folder: Path) -> Iterator[str]:
    """Yield the address of an empty database: on the server, or a file if there is no server."""
    if not server_url:
        yield f"sqlite:///{folder / 'rows.sqlite3'}"
        return
    name = f"reliability_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Process:
    """One process of the product, known by its id; it is no child of ours, its nursery's."""

    def __init__(self, pid: int, *, is_armed: bool = False) -> None:
        self.pid = pid
        self.is_armed = is_armed

    @property
    def is_alive(self) -> bool:
        return self._state() not in ("", "Z", "X")

    @property
    def is_stopped(self) -> bool:
        return self._state() in ("T", "t")

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL, also a stopped one, and see it gone."""
        self.send(signal.SIGKILL)
        until(lambda: not self.is_alive, what=f"death of {self.pid}")

    def _state(self) -> str:
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return ""
        return text.rpartition(")")[2].split()[0]


class Nursery:
    """The process that forks gateways and webs; see nursery.py."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.nursery"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._read()

    def fork(
        self,
        *,
        log: Path,
        environment: dict[str, str],
        settings: dict[str, str],
        lease_s: float | None,
    ) -> int:
        """Return the pid of a new gateway."""
        request = {"environment": environment, "settings": settings, "lease_s": lease_s}
        return int(self._ask({**request, "log": str(log), "words": []})["pid"])

    def run(self, *words: str, log: Path, environment: dict[str, str]) -> int:
        """Run a short command to its end; return its exit code, negative for a signal."""
        request = {"environment": environment, "settings": {}, "lease_s": None}
        return int(self._ask({**request, "log": str(log), "words": words})["exit"])

    def _ask(self, request: dict[str, object]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()
        self._log.close()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the nursery died; see {self._log.name}")
        return json.loads(line)


class Product:
    """Web, gateway and simulator on free ports; the gateway speaks to the simulator through the tap."""

    def __init__(self, folder: Path, database_url: str, *, redis_url: str = "") -> None:
        self.folder = folder
        self.database_url = database_url
        self.web_port, self.broker_port, self.control_port = free_port(), free_port(), free_port()
        self.wire = Wire(self.broker_port, log=folder / "tap.jsonl")
        self.history = History()
        self.key = ""
        self._redis_url = redis_url
        self._nursery: Nursery | None = None
        self._simulator: subprocess.Popen[bytes] | None = None
        self._children: list[subprocess.Popen[bytes]] = []
        self._ending = ExitStack()
        self._elsewhere = 0
        self._gateways: list[Process] = []
        self.gateway: Process | None = None
        self.web: Process | None = None

    def __enter__(self) -> Self:
        (self.folder / "state").mkdir(exist_ok=True)
        try:
            self.start_simulator()
            self._ending.enter_context(self.wire)
            self.manage("migrate", "--verbosity", "0")
            self._nursery = Nursery(self.environment, self.folder / "nursery.log")
            self.start_gateway()
            self.start_web()
            self.until_gateway_ready()
            self._let_trade()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._gateways, self.web):
            if process is not None and process.is_alive:
                process.kill()
        for child in self._children:
            child.wait(timeout=20)
        if self._nursery is not None:
            self._nursery.close()
        self._ending.close()
        self.stop_simulator(signal.SIGKILL)

    # --- processes -----------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "IB_LIBRARY") if name in os.environ
        }
        more = {"REDIS_URL": self._redis_url} if self._redis_url else {}
        return (
            kept
            | more
            | {
                "DJANGO_SETTINGS_MODULE": SETTINGS,
                "JAXBROKER_ENV_FILE": os.devnull,
                "JAXBROKER_STATE_DIR": str(self.folder / "state"),
                "SECRET_KEY": "only-for-tests-" * 5,
                "DATABASE_URL": self.database_url,
                "IB_GATEWAY_PORT": str(self.wire.tap.port),
                "JAXBROKER_PORT_MODES": f"{self.wire.tap.port}=paper",
                "JAXBROKER_SIMULATOR": "true",
                "RECONNECT_DELAY": "0.2",
                "PORT": str(self.web_port),
                "LOG_LEVEL": "INFO",
            }
        )

    def start_gateway(
        self,
        crash_at: str = "",
        *,
        elsewhere: bool = False,
        version: str = "",
        lease_s: float | None = None,
    ) -> Process:
        """Start a gateway that may be armed; `elsewhere` gives it a state directory of its own.

        `version` is the code it says it runs, `lease_s` how long its lease lasts without a renewal.
        """
        assert self._nursery is not None
        settings = {"JAXBROKER_VERSION": version} if version else {}
        if elsewhere:
            settings["JAXBROKER_STATE_DIR"] = self._another_place()
        pid = self._nursery.fork(
            log=self.folder / "gateway.log",
            environment={"JAXBROKER_CRASH_AT": crash_at},
            settings=settings,
            lease_s=lease_s,
        )
        self.gateway = Process(pid, is_armed=bool(crash_at))
        self._gateways = [one for one in self._gateways if one.is_alive] + [self.gateway]
        return self.gateway

    def _another_place(self) -> str:
        self._elsewhere += 1
        place = self.folder / f"elsewhere-{self._elsewhere}"
        place.mkdir()
        return str(place)

    def _start(self, command: str, **environment: str) -> int:
        with (self.folder / f"{command.removeprefix('run_')}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "manage.py", command],
                cwd=ROOT,
                env=self.environment | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._children.append(child)
        return child.pid

    def start_web(self, crash_at: str = "", *, version: str = "") -> Process:
        pid = self._start("run_web", JAXBROKER_CRASH_AT=crash_at, JAXBROKER_TEST_VERSION=version)
        self.web = Process(pid, is_armed=bool(crash_at))
        return self.web

    def start_simulator(self) -> None:
        command = [
            *(sys.executable, "-m", "apps.simulator", "--port", str(self.broker_port)),
            *("--control-port", str(self.control_port), "--account", CODE),
            *("--state", str(self.folder / "simulator.state")),
        ]
        with (self.folder / "simulator.log").open("ab") as log:
            self._simulator = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PAPER_TRADING": "true"},
            )
        until(lambda: self.ask_simulator("ping"), what="simulator")

    def stop_simulator(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._simulator is None:
            return
        self._simulator.send_signal(signal.SIGCONT)
        self._simulator.send_signal(number)
        self._simulator.wait(timeout=20)
        self._simulator = None

    def signal_simulator(self, number: signal.Signals) -> None:
        assert self._simulator is not None
        self._simulator.send_signal(number)

    # --- asking --------------------------------------------------------------------------

    def ask_simulator(self, command: str, **arguments: object) -> Any:
        with ControlClient(self.control_port) as control:
            return control.ask(command, **arguments)

    def fault(self, name: str, **arguments: object) -> Any:
        with ControlClient(self.control_port) as control:
            return control.fault(name, **arguments)

    def client(self, name: str = "tara") -> Client:
        return Client(self.history, port=self.web_port, key=self.key, name=name)

    def manage(self, *words: str, crash_at: str = "") -> str:
        """Run a management command in a process of its own and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment | {"JAXBROKER_CRASH_AT": crash_at},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *words: str, crash_at: str = "") -> int:
        """Run a management command in a forked process; return its exit code, negative for a signal."""
        assert self._nursery is not None
        environment = {"JAXBROKER_CRASH_AT": crash_at}
        return self._nursery.run(*words, log=self.folder / "commands.log", environment=environment)

    def until_gateway_ready(self, within_s: float = 60) -> None:
        """Wait until an order would be taken."""
        probe = Client(History(), port=self.web_port, key=self.key)
        try:
            until(probe.ready, within_s=within_s, what="ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def last_words(self) -> str:
        """Return the end of each log, for a failure to be understood from its report."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in logs)

    def _let_trade(self) -> None:
        named = [word for scope in SCOPES for word in ("--scope", scope)]
        said = self.manage("create_api_key", "reliability", "--account", CODE, *named)
        found = re.search(r"jb_paper_\w+", said)
        assert found is not None, said
        self.key = found[0]
        self.manage("shell", "-c", _WIDEN.format(limits=LIMITS, code=CODE))


_WIDEN = """
from dataclasses import replace
from decimal import Decimal
from django.utils import timezone
from apps.domain.risk.limits import PAPER_DEFAULTS, to_values
from apps.safety.models import LimitSet
wide = replace(PAPER_DEFAULTS, version=2, short_sale_allowed=True, duplicate_window_s=0, **{{
    name: type(getattr(PAPER_DEFAULTS, name))(value) for name, value in {limits}.items()
}})
LimitSet.objects.create(
    version=2, values=to_values(wide), author="reliability", reason="wide limits", at=timezone.now()
)
"""
