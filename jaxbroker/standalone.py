"""Web, gateway, simulator and clock work in one process and one loop; composition, no rules.

The loop is Daphne's. The gateway is the same worker with the same adapter as in production,
the simulator speaks to it over TCP like IB Gateway would, and the clock work calls the same
Celery tasks. On SIGTERM the gateway ends first, then the web, then the simulator.
"""

import asyncio
import errno
import http.client
import logging
import os
import signal
import socket
import sys
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from twisted.internet import asyncioreactor

from apps.access.services import ensure_first_admin, ensure_standalone_key
from apps.accounts import selectors as accounts
from apps.broker.ib.session import IbSession
from apps.common.aio import in_db, shutdown_lanes
from apps.common.clock import boottime
from apps.common.store import require_sound_store
from apps.domain.errors import DomainError
from apps.gateway.config import config_from_settings
from apps.gateway.health import readiness
from apps.gateway.lease import LeaseLost
from apps.gateway.session_state import Brake
from apps.gateway.waits import stopped_within
from apps.gateway.worker import run_worker
from apps.simulator.config import BadConfig, SimulatorConfig
from apps.simulator.server import SimulatorServer
from jaxbroker.clockwork import keep_timetable
from jaxbroker.welcome import Progress, Welcome, say

logger = logging.getLogger(__name__)

EXIT_WRONG_SETTING = 2
LOOK_EVERY_S = 0.1
COMPLAIN_AFTER_S = 15.0
RESTART_AFTER_S = 1.0
STOP_DEADLINE_S = 4.5


class CannotStart(Exception):
    """A setting or a port keeps us from starting; the text says which."""


def main() -> int:
    """Run until SIGTERM or SIGINT and return the exit code: 2 if we cannot start like this."""
    began, progress = boottime(), Progress()
    _be_quiet()
    # nothing is collected here: finders serve static files
    warnings.filterwarnings("ignore", message="No directory at")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]  # Twisted types it not
    try:
        house = _build(loop, progress, began)
    except (CannotStart, BadConfig, DomainError) as problem:
        sys.stderr.write(f"jaxbroker: {problem}\n")
        return EXIT_WRONG_SETTING
    return house.serve()


@dataclass(slots=True)
class House:
    """Everything that runs in this process, from start to stop."""

    loop: asyncio.AbstractEventLoop
    progress: Progress
    began: float
    password: str | None
    admin: str
    key: str | None
    last_session: int
    simulator: SimulatorServer | None
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def serve(self) -> int:
        """Serve until told to stop; returns the exit code 0."""
        from jaxbroker.asgi import application
        from jaxbroker.server import build_server

        server = build_server(application, host=settings.HOST, port=settings.PORT, signal_handlers=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._ask_to_stop)
        tasks = [self.loop.create_task(self._run(server), name="standalone")]
        server.run()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        if self.simulator is not None:
            self.loop.run_until_complete(self.simulator.stop())
        shutdown_lanes()
        return 0

    async def _run(self, server: Any) -> None:
        """Hold the tasks; the web ends after the gateway."""
        brake = Brake(config_from_settings().halt_file)
        self.loop.add_signal_handler(signal.SIGUSR1, brake.pull)
        aside = [
            asyncio.create_task(keep_timetable(), name="timetable"),
            asyncio.create_task(self._welcome(), name="welcome"),
        ]
        await self._keep_gateway(brake)
        for task in aside:
            task.cancel()
        server.stop()

    async def _keep_gateway(self, brake: Brake) -> None:
        """Run the worker until we are to stop; start it again as a supervisor would."""
        config = config_from_settings()
        self.progress.done(
            "gateway", f"connection {config.connection_name}, client id {config.settings.client_id}"
        )
        while not self.stop.is_set():
            try:
                await run_worker(config, open_session=IbSession, stop=self.stop, brake=brake)
            except LeaseLost:
                logger.warning("lease lost, the gateway begins again")  # the machine slept
            except Exception:
                logger.exception("the gateway failed and begins again")
                await stopped_within(self.stop, RESTART_AFTER_S)

    def _ask_to_stop(self) -> None:
        """Stop in order; whatever still hangs then is not waited for."""
        if not self.stop.is_set():
            say("\nstopping")
            timer = Timer(STOP_DEADLINE_S, os._exit, args=(0,))
            timer.daemon = True
            timer.start()
        self.stop.set()

    async def _welcome(self) -> None:
        """Say that we are ready when a program could see it, and why not if it takes long."""
        self.progress.done("web", f"listening on {_url()}")
        waited_from, complained = boottime(), False
        while not await self._is_ready():
            if not complained and boottime() - waited_from > COMPLAIN_AFTER_S:
                complained = True
                say(f"      still waiting: {await self._problem()}")
            await stopped_within(self.stop, LOOK_EVERY_S)
        started_in_s = boottime() - self.began
        self.progress.done("ready", f"after {started_in_s:.1f} s")
        say(
            Welcome(
                url=_url(),
                broker=f"{settings.IB_GATEWAY_HOST}:{settings.IB_GATEWAY_PORT}",
                simulated=self.simulator is not None,
                state_dir=str(settings.JAXBROKER_STATE_DIR),
                admin=self.admin,
                password=self.password,
                key=self.key,
                started_in_s=started_in_s,
            ).text()
        )

    async def _is_ready(self) -> bool:
        """Look at the rows first, then ask as a program would."""
        # A gateway that was killed a moment ago left a row that still says READY.
        if await in_db(_last_session) <= self.last_session:
            return False
        found = await in_db(readiness, datetime.now(UTC))
        return found.ready and await asyncio.to_thread(_readyz_is_200)

    async def _problem(self) -> str:
        found = await in_db(readiness, datetime.now(UTC))
        failed = [f"{check.name}: {check.detail}" for check in found.checks if not check.ok]
        return failed[0] if failed else "the web does not answer"


def _be_quiet() -> None:
    """Log warnings only, unless asked otherwise: a person reads this, and the steps say enough.

    The level goes into the settings because every part that sets Django up reads it anew.
    """
    warnings.filterwarnings("ignore", message="No directory at")  # finders serve the static files
    if "LOG_LEVEL" not in os.environ:
        settings.LOGGING["root"]["level"] = "WARNING"
        logging.getLogger().setLevel(logging.WARNING)


def _build(loop: asyncio.AbstractEventLoop, progress: Progress, began: float) -> House:
    """Do what comes before serving, a line each. Raises CannotStart."""
    if not settings.JAXBROKER_STANDALONE:
        raise CannotStart("JAXBROKER_STANDALONE: false; start web and gateway by themselves")
    progress.done("settings", f"{settings.JAXBROKER_MODE} mode, state in {settings.JAXBROKER_STATE_DIR}")
    _require_free_port(settings.HOST, settings.PORT)
    progress.done("port", f"{settings.HOST}:{settings.PORT} is free")
    require_sound_store()
    call_command("migrate", verbosity=0, interactive=False)
    progress.done("database", f"migrated, {len(connection.introspection.table_names())} tables")
    admin, password = ensure_first_admin(settings.JAXBROKER_STANDALONE_ADMIN_PASSWORD or None)
    key = ensure_standalone_key(settings.JAXBROKER_STANDALONE_API_KEY or None)
    last_session = _last_session()
    connections.close_all()
    progress.done("access", f"user {admin}, " + ("a new API key" if key else "API key issued before"))
    simulator = _start_simulator(loop, progress)
    return House(loop, progress, began, password, admin, key, last_session, simulator)


def _last_session() -> int:
    """Return the number of the newest broker session, 0 before the first."""
    try:
        return accounts.connection().session
    except accounts.ConnectionNotFound:
        return 0


def _start_simulator(loop: asyncio.AbstractEventLoop, progress: Progress) -> SimulatorServer | None:
    host, port = settings.IB_GATEWAY_HOST, settings.IB_GATEWAY_PORT
    if not settings.JAXBROKER_SIMULATOR:
        progress.done("simulator", f"off, IB Gateway is expected at {host}:{port}")
        return None
    simulator = SimulatorServer(
        SimulatorConfig(host=host, port=port, state=Path(settings.JAXBROKER_STATE_DIR) / "simulator.state")
    )
    try:
        loop.run_until_complete(simulator.start())
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CannotStart(f"the simulator cannot start: {error}") from error
        raise CannotStart(
            f"IB_GATEWAY_PORT: {port} is taken; stop what listens there or name another port,"
            " or say JAXBROKER_SIMULATOR=false if it is your IB Gateway"
        ) from error
    progress.done("simulator", f"listening on {host}:{simulator.port}")
    return simulator


def _require_free_port(host: str, port: int) -> None:
    """Refuse a taken port now instead of half-way up."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(f"PORT: {host}:{port} cannot be used: {error.strerror}") from error


def _url() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.HOST, settings.HOST)  # noqa: S104  read, not bound
    return f"http://{host}:{settings.PORT}"


def _readyz_is_200() -> bool:
    web = http.client.HTTPConnection(_url().removeprefix("http://"), timeout=2)
    try:
        web.request("GET", "/readyz")
        return web.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        web.close()
