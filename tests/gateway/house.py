"""A simulator in a process of its own, a gateway in this loop, and a way to wait for both."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import connections

from apps.accounts import selectors as accounts
from apps.accounts.selectors import ConnectionNotFound
from apps.broker.ib.session import IbSession
from apps.broker.port import ConnectionSettings
from apps.common.aio import in_db
from apps.domain.mode import Mode
from apps.domain.quotes import MarketDataType
from apps.gateway.config import GatewayConfig
from apps.gateway.worker import run_worker
from apps.simulator.control import ControlClient
from tests.places import CODE, ROOT, free_port

__all__ = ["CODE", "ROOT", "free_port"]


async def until(read: Callable[[], Awaitable[Any]], *, within_s: float = 15.0, what: str = "") -> Any:
    """Return the first true value of `read`; fail with the last one after `within_s`."""
    deadline, seen = time.monotonic() + within_s, None
    while time.monotonic() < deadline:
        seen = await read()
        if seen:
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what or read} did not come true in {within_s} s; last seen: {seen!r}")


async def as_web(func: Callable[..., Any], *args: object, **kwargs: object) -> Any:
    """Call a service as a web request does: in a thread of its own, beside the gateway's lanes."""

    def call() -> Any:
        try:
            return func(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


class SimulatorProcess:
    """A real simulator process that can be killed, frozen and started again with its state."""

    def __init__(self, state: Path) -> None:
        self.port, self.control_port = free_port(), free_port()
        self._state = state
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "apps.simulator"),
                *("--port", str(self.port), "--control-port", str(self.control_port)),
                *("--state", str(self._state), "--account", CODE),
            ],
            cwd=ROOT,
            env=os.environ | {"PAPER_TRADING": "true"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert "listens" in self._process.stdout.readline()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def fault(self, name: str, **arguments: object) -> None:
        with ControlClient(self.control_port) as control:
            control.fault(name, **arguments)

    def ask(self, command: str, **arguments: object) -> Any:
        with ControlClient(self.control_port) as control:
            return control.ask(command, **arguments)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


@dataclass
class Gateway:
    """A worker that runs in this loop until the test is over."""

    config: GatewayConfig
    stop: asyncio.Event
    task: "asyncio.Task[None]"

    async def row(self) -> Any:
        return await in_db(accounts.connection, self.config.connection_name)

    async def phase(self) -> str:
        return (await self.row()).phase

    async def until_phase(self, phase: str, *, within_s: float = 15.0) -> Any:
        async def there() -> Any:
            if self.task.done():
                self.task.result()
            with suppress(ConnectionNotFound):
                row = await self.row()
                return row if row.phase == phase else None
            return None

        try:
            return await until(there, within_s=within_s, what=f"phase {phase}")
        except AssertionError as error:
            row = await self.row()
            raise AssertionError(f"{error}; now {row.phase} because {row.reasons}") from None

    async def until_next_session(self, before: int, *, within_s: float = 15.0) -> Any:
        async def there() -> Any:
            row = await self.row()
            return row if row.session > before and row.phase == "READY" else None

        return await until(there, within_s=within_s, what=f"READY in a session after {before}")

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, timeout=10)


def config_for(port: int, state_dir: Path, **changes: Any) -> GatewayConfig:
    """Return a paper configuration for a gateway at `port`; retries are quick."""
    plain = GatewayConfig(
        connection_name="main",
        settings=ConnectionSettings("127.0.0.1", port, 1, MarketDataType.LIVE, 3.0, 3.0),
        mode=Mode.PAPER,
        state_dir=state_dir,
        bindings={port: Mode.PAPER},
        simulator=True,
        reconnect_delay_s=0.2,
    )
    return replace(plain, **changes)


def start_gateway(config: GatewayConfig, **options: Any) -> Gateway:
    stop = asyncio.Event()
    options.setdefault("open_session", IbSession)
    return Gateway(config, stop, asyncio.create_task(run_worker(config, stop=stop, **options)))


@asynccontextmanager
async def running_gateway(config: GatewayConfig, **options: Any) -> AsyncIterator[Gateway]:
    gateway = start_gateway(config, **options)
    try:
        yield gateway
    finally:
        await gateway.end()
