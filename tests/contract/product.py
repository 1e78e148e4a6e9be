"""The running product as programs meet it: one standalone process on free ports of this machine."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "jb_paper_k7m2qd4x_abcdefghijklmnopqrstuvwxyz01234567890ABC"
ACCOUNT = "DU1234567"
START_S = 60.0

T = TypeVar("T")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(look: Callable[[], T | None], *, within_s: float = 15.0) -> T:
    """Return what `look` finds as soon as it finds something; fails after `within_s`."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing found within {within_s} s")


@dataclass
class Product:
    """A bridge, the simulator behind it, and its environment."""

    port: int
    environment: dict[str, str]
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=30, follow_redirects=False)

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN, **headers: str
    ) -> httpx.Response:
        """Send a request with a key and a JSON body, if there is one."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is None:
            return self.client.request(method, path, headers=sent)
        sent.setdefault("Content-Type", "application/json")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.request(method, path, headers=sent, content=content)

    def manage(self, *words: str) -> str:
        """Run a management command on its database and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.strip()

    def new_key(self, *scopes: str, account: str = ACCOUNT) -> str:
        """Issue a key and return its token."""
        named = [word for scope in scopes for word in ("--scope", scope)]
        return self.manage("create_api_key", "Tara's backend", "--account", account, *named)

    def revoke(self, token: str) -> None:
        """End a key."""
        key_id = token.split("_")[2]
        self.manage(
            "shell",
            "-c",
            "from apps.access.selectors import key_by_id\n"
            "from apps.access.services import revoke_key\n"
            f"revoke_key(key=key_by_id({key_id!r}), by='user:rita', reason='laptop lost')",
        )

    def order_count(self) -> int:
        """Return how many orders it lists."""
        count: int = self.call("GET", "/orders").json()["count"]
        return count

    def filled_position(self, symbol: str, quantity: int) -> None:
        """Buy at the market unless at least `quantity` shares are held already."""
        if self.held(symbol) >= quantity:
            return
        body = {"symbol": symbol, "action": "BUY", "quantity": quantity, "order_type": "MKT"}
        placed = self.call("POST", "/orders", body)
        assert placed.status_code == 200, placed.text
        eventually(lambda: self._is_filled(placed.json()["order_id"]))
        eventually(lambda: self.held(symbol) >= quantity)

    def held(self, symbol: str) -> int:
        """Return how many shares are held."""
        rows = self.call("GET", "/positions").json()["positions"]
        return sum(row["quantity"] for row in rows if row["symbol"] == symbol)

    def _is_filled(self, order_id: int) -> bool:
        status: str = self.call("GET", f"/orders/{order_id}").json()["status"]
        return status == "Filled"

    @contextmanager
    def without_broker(self) -> Iterator[None]:
        """Let the session be down for the length of a block."""
        assert self.call("POST", "/disconnect").status_code == 200
        eventually(lambda: not self.is_connected())
        try:
            yield
        finally:
            eventually(lambda: self.call("POST", "/connect").status_code == 200, within_s=30)

    def is_connected(self) -> bool:
        """Return what /health says."""
        connected: bool = self.call("GET", "/health").json()["connected"]
        return connected


@contextmanager
def running_product(state_dir: Path) -> Iterator[Product]:
    """Start the product on free ports, wait until it is ready, and stop it afterwards."""
    port, broker_port = free_port(), free_port()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {
        "JAXBROKER_ENV_FILE": os.devnull,
        "JAXBROKER_STATE_DIR": str(state_dir),
        "JAXBROKER_STANDALONE": "true",
        "JAXBROKER_STANDALONE_API_KEY": TOKEN,
        "JAXBROKER_SIMULATOR": "true",
        "JAXBROKER_PORT_MODES": f"{broker_port}=paper",
        "IB_GATEWAY_PORT": str(broker_port),
        "PORT": str(port),
        "RECONNECT_DELAY": "0.2",
        "NO_COLOR": "1",
    }
    log = state_dir / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_standalone"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    product = Product(port, environment, log)
    try:
        _await_ready(product, process)
        yield product
    finally:
        product.client.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(product: Product, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            if product.client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the product did not start:\n{product.log.read_text()[-4000:]}")


def has_go() -> bool:
    """Return whether Go programs can be built here."""
    return shutil.which("go") is not None
