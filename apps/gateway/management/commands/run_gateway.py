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

from apps.broker.ib.session import IbSession
from apps.common.aio import in_db, shutdown_lanes
from apps.common.store import CHECK_WITHIN_S, StoreUnfit, require_fit_store
from apps.common.threads import share_fairly
from apps.gateway.config import GatewayConfig, config_from_settings
from apps.gateway.lease import LOOK_EVERY_S, STORE_TROUBLE, LeaseLost
from apps.gateway.session_state import Brake
from apps.gateway.waits import stopped_within
from apps.gateway.worker import run_worker

logger = logging.getLogger(__name__)

EXIT_WRONG_SETTING = 2
EXIT_LEASE_LOST = 70


class Command(BaseCommand):
    """Own the broker session of the configured connection until SIGTERM or SIGINT; SIGUSR1 kills trading."""

    help = "Run the gateway: the one process that owns the broker session."

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop. Exit codes: 2 wrong settings or an unfit database, 70 lease lost."""
        share_fairly()
        config = config_from_settings()
        logger.info("gateway starts", extra=_start_line(config))
        try:
            asyncio.run(_serve(config))
        except LeaseLost:
            logger.critical("lease lost, leaving at once")
            _leave()
        except StoreUnfit as problem:
            shutdown_lanes()
            raise CommandError(problem.detail, returncode=EXIT_WRONG_SETTING) from problem
        shutdown_lanes()
        logger.info("gateway stopped")


async def _serve(config: GatewayConfig) -> None:
    stop, brake = asyncio.Event(), Brake(config.halt_file)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, brake.pull)
    await _until_store_answers(stop)
    await run_worker(config, open_session=IbSession, stop=stop, brake=brake)


async def _until_store_answers(stop: asyncio.Event) -> None:
    """Wait for a database that does not answer yet. Raises StoreUnfit for one not to trade on."""
    while not stop.is_set():
        try:
            return await in_db(require_fit_store, deadline_s=CHECK_WITHIN_S * 2)
        except STORE_TROUBLE:
            logger.warning("gateway waits for the database")
            await stopped_within(stop, LOOK_EVERY_S)
    return None


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
