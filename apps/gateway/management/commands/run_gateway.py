"""Run the one process that owns the broker session: `manage.py run_gateway`.

Settings to config, the adapter, signals, the exit code; everything else is the worker's.
The broker library is imported here, in the main thread, before there is a loop to share.
"""

import asyncio
import logging
import os
import signal
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from apps.broker.ib.session import IbSession
from apps.common.aio import shutdown_lanes
from apps.gateway.config import GatewayConfig, config_from_settings
from apps.gateway.lease import LeaseLost
from apps.gateway.selectors import unapplied_migrations
from apps.gateway.session_state import Brake
from apps.gateway.worker import run_worker

logger = logging.getLogger(__name__)

EXIT_WRONG_SETTING = 2
EXIT_LEASE_LOST = 70


class Command(BaseCommand):
    """Own the broker session of the configured connection until SIGTERM or SIGINT; SIGUSR1 kills trading."""

    help = "Run the gateway: the one process that owns the broker session."

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop. Exit codes: 2 wrong settings or schema, 70 lease lost."""
        _require_schema()
        config = config_from_settings()
        logger.info("gateway starts", extra=_start_line(config))
        try:
            asyncio.run(_serve(config))
        except LeaseLost:
            logger.critical("lease lost, leaving at once")
            _leave()
        shutdown_lanes()
        logger.info("gateway stopped")


async def _serve(config: GatewayConfig) -> None:
    stop, brake = asyncio.Event(), Brake(config.halt_file)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, brake.pull)
    await run_worker(config, open_session=IbSession, stop=stop, brake=brake)


def _require_schema() -> None:
    """A database that does not answer yet is waited for; one of another version is a wrong setting."""
    try:
        missing = unapplied_migrations()
    except DatabaseError:
        return
    if missing:
        raise CommandError(
            f"{missing} migrations are not applied; run manage.py migrate", returncode=EXIT_WRONG_SETTING
        )


def _start_line(config: GatewayConfig) -> dict[str, object]:
    return {
        "connection": config.connection_name,
        "ib_gateway": f"{config.settings.host}:{config.settings.port}",
        "client_id": config.settings.client_id,
        "mode": config.mode.value,
        "simulator": config.simulator,
        "pid": os.getpid(),
    }


def _leave() -> NoReturn:
    """End without waiting for threads: another gateway may be sending by now."""
    logging.shutdown()
    os._exit(EXIT_LEASE_LOST)
