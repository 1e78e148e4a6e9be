"""The whole product over a store that is broken on purpose, and what a test asks of both.

Processes of their own for web, gateway and broker; a supervisor that starts the gateway again as
compose does; on PostgreSQL a server of our own behind a proxy, on SQLite the file itself.
"""

import itertools
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.places import ROOT, free_port
from tests.reliability.checker import DOUBT, Evidence, Violation, check
from tests.reliability.history import Call, Client, History, number_of
from tests.reliability.postgresql import PostgresServer
from tests.reliability.product import Product, until
from tests.reliability.rows import Rows
from tests.reliability.tap import PLACE_ORDER
from tests.reliability.wire import StoreWire

#: One call of the store may take this long; a request that waits for it answers a little later.
DEADLINE_S = 2.0
SLACK_S = 1.5
MARKET = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "MKT"}
#: Rests below the market until the price is pushed through it.
RESTING = {"symbol": "KO", "action": "BUY", "quantity": 3, "order_type": "LMT", "limit_price": 60.0}
KO_PRICE, KO_BELOW = 63.0, 59.0
RESTART_AFTER_S = 0.2
#: Applied migrations at which a migration is killed: Django's own and some of ours.
HALF = 10


class Supervisor:
    """Starts the gateway again whenever it has ended, as `restart: unless-stopped` does."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._over = threading.Event()
        self._works = threading.Lock()
        self.restarts = 0
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let the gateway be ended and started by the test alone."""
        with self._works:
            yield

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._over.wait(RESTART_AFTER_S):
            with self._works:
                gateway = self._product.gateway
                if gateway is not None and not gateway.is_alive and not self._over.is_set():
                    self.restarts += 1
                    self._product.start_gateway()


@dataclass
class StoreStage:
    """A product that trades; `server` and `wire` are None on SQLite, where the store is a file."""

    product: Product
    supervisor: Supervisor
    rows: Rows
    server: PostgresServer | None = None
    wire: StoreWire | None = None
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.client = self.product.client()

    # --- doing -------------------------------------------------------------------------------

    def key(self) -> str:
        return f"store-{next(self.keys):06}"

    def post(self, **terms: Any) -> Call:
        """Ask once for an order with a key of its own."""
        return self.client.place(**MARKET | {"client_order_id": self.key()} | terms)

    def post_at_once(self, count: int, **terms: Any) -> list[Call]:
        """Ask for several orders side by side."""
        with ThreadPoolExecutor(count) as callers:
            return list(callers.map(lambda _: self.post(**terms), range(count)))

    def place(self, **terms: Any) -> int:
        """Place an order and insist until it has a number; return the number."""
        call = self.client.place_insisting(**MARKET | {"client_order_id": self.key()} | terms)
        assert call.status == 200, (call.status, call.result)
        return number_of(call)

    def rest_one(self) -> int:
        """Have a resting order at the broker and return its number."""
        self.product.ask_simulator("set_price", symbol="KO", price=KO_PRICE)
        number = self.place(**RESTING)
        self.until_status(number, "WORKING")
        return number

    def fill_resting(self) -> None:
        """Push the price through every resting order, and back."""
        self.product.ask_simulator("set_price", symbol="KO", price=KO_BELOW)
        until(lambda: not self._open_at_broker(), what="fills at the broker")
        self.product.ask_simulator("set_price", symbol="KO", price=KO_PRICE)

    def resume(self) -> None:
        """Let trading go on after something made it stricter."""
        self.product.manage("shell", "-c", _RESUME)

    # --- waiting -----------------------------------------------------------------------------

    def until_status(self, number: int, *statuses: str, within_s: float = 20.0) -> str:
        """Wait until an order has one of the statuses."""

        def there() -> str:
            with suppress(Exception):
                status = str(self.rows.one(f"SELECT status FROM orders_order WHERE id = {number}")["status"])
                return status if status in statuses else ""
            return ""

        try:
            return str(until(there, within_s=within_s, what=f"order {number} {statuses}"))
        except AssertionError as error:
            events = self.rows.all(
                f"SELECT seq, cause, to_status FROM orders_orderevent WHERE order_id = {number} ORDER BY seq"
            )
            raise AssertionError(f"{error}; {events}") from None

    def until_trading(self, *, within_s: float) -> float:
        """Wait until an order is accepted again; return the seconds that took."""
        began = time.monotonic()
        while True:
            call = self.post()
            if call.status == 200:
                return time.monotonic() - began
            if time.monotonic() - began > within_s:
                raise AssertionError(f"{call.status} {call.result} still after {within_s} s")
            time.sleep(0.1)

    def until_calm(self, *, within_s: float = 40.0) -> None:
        """Wait until the connection is READY and no order is under way or in doubt."""
        self.product.until_gateway_ready(within_s)
        until(lambda: self._count("ACCEPTED", *DOUBT) == 0, within_s=within_s, what="nothing under way")

    # --- reading -----------------------------------------------------------------------------

    @property
    def halt_file(self) -> Path:
        return self.product.folder / "state" / "HALT"

    @property
    def file(self) -> Path:
        """The SQLite database."""
        return Path(urlsplit(self.product.database_url).path)

    def order_frames(self) -> int:
        return len(self.product.wire.tap.sent(PLACE_ORDER))

    def has_row(self, key: str) -> bool:
        return bool(self.rows.all(f"SELECT id FROM orders_order WHERE client_order_id = '{key}'"))

    def trading_state(self, scope: str = "*") -> str:
        found = self.rows.all(f"SELECT state FROM safety_tradingstate WHERE scope = '{scope}'")
        return str(found[0]["state"]) if found else "ACTIVE"

    def violations(self) -> list[Violation]:
        """Return what the history checker finds, after a moment to come to rest."""
        self.until_calm()
        deadline = time.monotonic() + 15
        while True:
            found = check(
                Evidence(
                    self.product.history,
                    self.product.wire.tap,
                    self.rows.dump(),
                    self.product.ask_simulator("book"),
                    time.time(),
                )
            )
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.2)

    def _open_at_broker(self) -> list[Any]:
        book = self.product.ask_simulator("book")
        return [order for order in book["orders"] if order["status"] in ("PreSubmitted", "Submitted")]

    def _count(self, *statuses: str) -> int:
        with suppress(Exception):
            return self.rows.count_in(*statuses)
        return -1


@contextmanager
def on_postgresql(folder: Path) -> Iterator[StoreStage]:
    """Run the product over a PostgreSQL of its own, behind a proxy. Raises Unavailable without one."""
    with (
        # the server may run as another user, who cannot enter the folders of a test
        TemporaryDirectory(prefix="jaxbroker-store-", ignore_cleanup_errors=True) as place,
        PostgresServer(Path(place)) as server,
        StoreWire(server.port) as wire,
    ):
        address = server.address(port=wire.proxy.port)
        with _trading(folder / "product", address) as (product, supervisor):
            yield StoreStage(product, supervisor, Rows(server.url), server, wire)


@contextmanager
def on_sqlite(folder: Path) -> Iterator[StoreStage]:
    """Run the product over a SQLite file."""
    address = f"sqlite:///{folder / 'rows.sqlite3'}"
    with _trading(folder / "product", address) as (product, supervisor):
        yield StoreStage(product, supervisor, Rows(address))


@contextmanager
def _trading(folder: Path, address: str) -> Iterator[tuple[Product, Supervisor]]:
    folder.mkdir()
    with ExitStack() as ending:
        product = ending.enter_context(Product(folder, address))
        supervisor = Supervisor(product)
        ending.callback(supervisor.stop)
        yield product, supervisor


@contextmanager
def locked_file(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the one write lock of a SQLite file for the block."""
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield other
        finally:
            other.execute("ROLLBACK")


def code_of(call: Call) -> str:
    """Return the code of a refused call; the bare error of one without an answer."""
    return str(call.result.get("code", "")) if isinstance(call.result, dict) else str(call.result)


def assert_refused(calls: Iterable[Call], *, within_s: float = DEADLINE_S + SLACK_S) -> None:
    """Check that nobody was told a success, and everybody the truth, in time."""
    for call in calls:
        said = (call.status, code_of(call))
        assert said in ((503, "STORE_UNAVAILABLE"), (504, "OUTCOME_UNKNOWN")), (call.status, call.result)
        assert took_s(call) <= within_s, f"{took_s(call):.1f} s"


def refuses_to_start(product: Product, command: str, **environment: str) -> str:
    """Start a command that must not serve; return what it said when it left."""
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env=product.environment | {"PORT": str(free_port())} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, (done.returncode, done.stderr[-2000:])
    return done.stderr


def halves_of_a_migration(product: Product, address: str) -> tuple[list[str], str]:
    """Kill a migration half-way; return what web and gateway say to it, and a migration it lacks.

    Afterwards the migration is run to its end, which must succeed.
    """
    rows, environment = Rows(address), product.environment | {"DATABASE_URL": address}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as migration:
        until(lambda: _applied(rows) >= HALF, within_s=60, what="half of the migrations")
        migration.kill()
    count = _applied(rows)
    said = [refuses_to_start(product, one, DATABASE_URL=address) for one in ("run_gateway", "run_web")]
    missing = re.search(r"not applied: (\w+\.\w+)", said[0])
    assert missing is not None, said[0]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
    assert _applied(rows) > count
    return said, missing[1]


def _applied(rows: Rows) -> int:
    with suppress(sqlite3.Error, psycopg.Error):
        return int(rows.one("SELECT count(*) AS n FROM django_migrations")["n"])
    return 0


def took_s(call: Call) -> float:
    return call.ended - call.invoked


def in_background(work: Callable[[], Any]) -> threading.Thread:
    """Start something beside the test; the caller joins it."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def ask(product: Product, path: str) -> int:
    """Return the status of a GET with the product's key; nothing of the history."""
    client = Client(History(), port=product.web_port, key=product.key, timeout_s=30)
    return int(client._ask("GET", path, None)[0])


_RESUME = """
from apps.safety.models import TradingState
from apps.safety.services.states import resume_trading
for scope in TradingState.objects.values_list("scope", flat=True):
    resume_trading(scope=scope, by="user:rita", reason="the test goes on")
"""
