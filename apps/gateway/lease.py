"""The right to be a connection's gateway: host lock, lease with its epoch, and our own stalls.

Two gateways of one connection could each send an order. On one host the lock of a file keeps
the second one waiting, between hosts the lease row does. What a lost lease means is decided
by the process: it ends at once, without a word on the wire.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from apps.accounts.selectors import lease_owner
from apps.accounts.services import release_lease, renew_lease, take_lease
from apps.common import crash
from apps.common.aio import DatabaseTimeout, in_db
from apps.common.clock import boottime
from apps.common.db import NO_ANSWER
from apps.gateway.config import GatewayConfig
from apps.gateway.owner import is_certainly_dead, owner_name
from apps.gateway.waits import stopped_within

logger = logging.getLogger(__name__)

TTL_S = 15
RENEW_EVERY_S = 5.0
LOOK_EVERY_S = 1.0
STALL_S = 2.0
TICK_S = 0.25

#: What a database that does not answer raises; the gateway holds and tries again. Every other
#: error of the database is a fault of ours, or a damaged file, and must be seen.
STORE_TROUBLE = (*NO_ANSWER, DatabaseTimeout)


class LeaseLost(Exception):
    """Another process is the gateway of this connection; nothing more may be written."""


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease of ours: its epoch fences every write."""

    connection: str
    owner: str
    epoch: int


class LoopWatch:
    """Knows when this process itself stood still, so that nobody else is blamed for it."""

    def __init__(self) -> None:
        self._tick = boottime()
        self._stalled_at = 0.0

    def has_stalled_since(self, started: float) -> bool:
        """Tell whether the loop stood still for more than 2 s after the BOOTTIME `started`."""
        return self._stalled_at >= started or boottime() - self._tick > STALL_S

    async def run(self) -> NoReturn:
        """Look at the clock four times a second for as long as the process lives."""
        while True:
            await asyncio.sleep(TICK_S)
            gap = boottime() - self._tick
            if gap > STALL_S:
                self._stalled_at = boottime()
                logger.warning("gateway stood still", extra={"gap_s": round(gap, 1)})
            self._tick = boottime()


@asynccontextmanager
async def host_lock(config: GatewayConfig, stop: asyncio.Event) -> AsyncIterator[bool]:
    """Hold the lock of this host; the value is False if `stop` came before we got it."""
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = config.state_dir / f"gateway-{config.connection_name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield await _lock(descriptor, path, stop)
    finally:
        os.close(descriptor)


async def take(config: GatewayConfig, stop: asyncio.Event) -> HeldLease | None:
    """Wait until the lease is ours and return it; None if `stop` came first."""
    owner = owner_name()
    said = False
    while not stop.is_set():
        epoch = await _try_to_take(config.connection_name, owner)
        if epoch is not None:
            logger.info("lease taken", extra={"connection": config.connection_name, "epoch": epoch})
            return HeldLease(config.connection_name, owner, epoch)
        if not said:
            logger.warning("waiting for the lease", extra={"connection": config.connection_name})
            said = True
        await stopped_within(stop, LOOK_EVERY_S)
    return None


async def keep(lease: HeldLease) -> NoReturn:
    """Renew the lease every 5 s for ever. Raises LeaseLost as soon as it is not ours any more.

    A database that does not answer proves nothing: without it no order can be sent either,
    so we ask again every second.
    """
    while True:
        crash.point("gw.lease.renew")
        try:
            kept = await in_db(
                renew_lease,
                connection_name=lease.connection,
                owner=lease.owner,
                epoch=lease.epoch,
                ttl_s=TTL_S,
                lane="facts",
            )
        except STORE_TROUBLE:
            logger.warning("lease could not be renewed", extra={"connection": lease.connection})
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        if not kept:
            raise LeaseLost(f"{lease.connection}: epoch {lease.epoch} is over")
        await asyncio.sleep(RENEW_EVERY_S)


async def give_back(lease: HeldLease) -> None:
    """Let the next gateway begin at once instead of after the lease's 15 s."""
    try:
        await in_db(
            release_lease,
            connection_name=lease.connection,
            owner=lease.owner,
            epoch=lease.epoch,
            deadline_s=1.0,
        )
    except STORE_TROUBLE:
        logger.warning("lease could not be given back", extra={"connection": lease.connection})


async def _try_to_take(connection_name: str, owner: str) -> int | None:
    try:
        before = await in_db(lease_owner, connection_name)
        return await in_db(
            take_lease,
            connection_name=connection_name,
            owner=owner,
            ttl_s=TTL_S,
            dead_owner=before if is_certainly_dead(before) else None,
        )
    except STORE_TROUBLE:
        return None


async def _lock(descriptor: int, path: Path, stop: asyncio.Event) -> bool:
    said = False
    while not stop.is_set():
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not said:
                logger.warning("another gateway runs on this host", extra={"lock": str(path)})
                said = True
            await stopped_within(stop, LOOK_EVERY_S)
        else:
            return True
    return False
