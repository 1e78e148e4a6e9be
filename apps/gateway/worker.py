"""The gateway process: host lock, lease, sentinel, heartbeat row and connection, side by side.

Ends in one of two ways: on request, with everything said and given back, or because the lease
is lost, at once and without a word. It does not know which adapter speaks to the broker.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from apps.accounts import selectors as accounts
from apps.accounts.services import Fenced, record_heartbeat, register_connection
from apps.broker.port import BrokerSession, ConnectionSettings
from apps.common.aio import in_db
from apps.domain.quotes import MarketDataType
from apps.gateway import connection, sentinel
from apps.gateway.config import GatewayConfig
from apps.gateway.endings import leaves
from apps.gateway.lease import (
    LOOK_EVERY_S,
    STORE_TROUBLE,
    HeldLease,
    LeaseLost,
    LoopWatch,
    give_back,
    host_lock,
    keep,
    take,
)
from apps.gateway.session_state import Brake, ProcessState
from apps.gateway.waits import stopped_within

logger = logging.getLogger(__name__)

BEAT_EVERY_S = 5.0

OpenSession = Callable[[ConnectionSettings], BrokerSession]


async def run_worker(
    config: GatewayConfig,
    *,
    open_session: OpenSession,
    stop: asyncio.Event,
    brake: Brake | None = None,
    rng: random.Random | None = None,
) -> None:
    """Be the gateway of one connection until `stop` is set.

    `brake` is shared with whoever handles SIGUSR1; `rng` decides the jitter of the back-off.
    Raises LeaseLost if another process took over; the caller then ends the process.
    """
    process = ProcessState(brake or Brake(config.halt_file))
    if not await _register(config, stop):
        return
    away_since = await _last_sign_of_life(config)
    async with host_lock(config, stop) as locked:
        lease = await take(config, stop) if locked else None
        if lease is None:
            return
        await _serve(
            connection.Keeper(
                config,
                lease=lease,
                process=process,
                open_session=open_session,
                stop=stop,
                rng=rng or random.SystemRandom(),
                away_since=away_since,
            ),
            lease=lease,
            process=process,
        )
        await give_back(lease)


async def _register(config: GatewayConfig, stop: asyncio.Event) -> bool:
    """Make the connection row say what we were told; False if `stop` came before the database did."""
    while not stop.is_set():
        try:
            await in_db(
                register_connection,
                name=config.connection_name,
                host=config.settings.host,
                port=config.settings.port,
                client_id=config.settings.client_id,
                mode=config.mode,
                simulator=config.simulator,
                wanted=config.wanted,
            )
        except STORE_TROUBLE:
            logger.warning("gateway waits for the database")
            await stopped_within(stop, LOOK_EVERY_S)
        else:
            return True
    return False


async def _last_sign_of_life(config: GatewayConfig) -> datetime | None:
    """Return when the gateway before us was last heard of; None if never, or if we cannot know."""
    with suppress(*STORE_TROUBLE):
        return (await in_db(accounts.connection, config.connection_name)).heartbeat_at
    return None


async def _serve(keeper: connection.Keeper, *, lease: HeldLease, process: ProcessState) -> None:
    lost: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            watch = LoopWatch()
            aside = [
                group.create_task(watch.run(), name="loop watch"),
                group.create_task(keep(lease), name="lease"),
                group.create_task(sentinel.run(process.brake), name="sentinel"),
                group.create_task(_beat(lease, process), name="heartbeat row"),
            ]
            await keeper.run(watch)
            for task in aside:
                task.cancel()
    except* (LeaseLost, Fenced) as ended:
        lost += [str(error) for error in leaves(ended)]
    if lost:
        raise LeaseLost("; ".join(lost))


async def _beat(lease: HeldLease, process: ProcessState) -> None:
    """Show every 5 s that this process lives, connected or not."""
    while True:
        current = process.current
        try:
            await in_db(
                record_heartbeat,
                connection_name=lease.connection,
                epoch=lease.epoch,
                lines_used=len(current.lines) if current else 0,
                market_data_type=current.market_data_type if current else MarketDataType.UNKNOWN,
            )
        except STORE_TROUBLE:
            logger.warning("heartbeat could not be written")
        await asyncio.sleep(BEAT_EVERY_S)
