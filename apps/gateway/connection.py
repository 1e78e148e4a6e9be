"""One broker session after the other: connect, prove, reconcile, run, lose, and again.

Owns the phase of the connection and the back-off between sessions. What is done inside a
session is the business of its tasks; if one of them ends, all end, and the next session
starts from the rows.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.accounts import selectors as accounts
from apps.accounts.services import (
    Fenced,
    next_session,
    record_identity,
    record_phase,
    want_connection,
)
from apps.broker.port import BrokerSession, ConnectionSettings, SessionIdentity
from apps.common.aio import in_db
from apps.common.bell import Listener, listen
from apps.common.clock import boottime
from apps.domain.errors import DomainError
from apps.domain.mode import ProofState, prove_mode
from apps.domain.orders import Sender
from apps.gateway import feed, heartbeat, inbound, lookups, outbound, reconciler
from apps.gateway.config import GatewayConfig
from apps.gateway.endings import (
    STOPPED,
    SWITCHED_OFF,
    Ending,
    ModeNotProven,
    Phase,
    SessionOver,
    ending_of,
)
from apps.gateway.lease import STORE_TROUBLE, HeldLease, LoopWatch
from apps.gateway.services import open_recovery
from apps.gateway.session_state import ProcessState, SessionState
from apps.gateway.waits import rung_or_stopped

logger = logging.getLogger(__name__)

POLL_S = 1.0
MIRROR_S = 0.25
STABLE_S = 60.0
LONGEST_WAIT_S = 60.0
SHORTEST_WAIT_S = 0.5
CLOSE_DEADLINE_S = 1.0
SAME_ENDING_EVERY_S = 600.0


def back_off_s(failures: int, *, base_s: float, rng: random.Random) -> float:
    """Return the wait before the next attempt, 0.5 to 60.5 s with full jitter.

    `failures` counts the attempts that failed before the last one.
    """
    ceiling = min(LONGEST_WAIT_S, base_s * 2.0 ** min(failures, 30))
    return ceiling * rng.random() + SHORTEST_WAIT_S


class Keeper:
    """Keeps one connection up for as long as people want it."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        lease: HeldLease,
        process: ProcessState,
        open_session: Callable[[ConnectionSettings], BrokerSession],
        stop: asyncio.Event,
        rng: random.Random,
        away_since: datetime | None,
    ) -> None:
        self._config = config
        self._lease = lease
        self._process = process
        self._open_session = open_session
        self._stop = stop
        self._rng = rng
        self._wanted = config.wanted
        self._attempt = 0
        self._lost_at = away_since
        self._accounts: frozenset[str] = frozenset()
        self._told, self._told_at = Ending((STOPPED,)), 0.0
        self._why_away = "gateway started"

    async def run(self, watch: LoopWatch) -> None:
        """Hold session after session until `stop`; returns with the last one closed and recorded."""
        async with listen("connection") as bell:
            while not self._stop.is_set():
                if not await self._is_wanted():
                    await self._record(Ending((SWITCHED_OFF,), Phase.STOPPED))
                    await self._until_wish_changes(bell)
                    continue
                ending = await self._hold_one_session(watch, bell)
                if not self._stop.is_set() and self._wanted:
                    await self._wait_for_next(ending, bell)
        await self._record(Ending((STOPPED,)))

    # --- one session ---------------------------------------------------------------------

    async def _hold_one_session(self, watch: LoopWatch, bell: Listener) -> Ending:
        self._attempt += 1
        session = self._open_session(self._config.settings)
        ending = Ending((STOPPED,))
        began = boottime()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch_wish(bell), name="wish")
                await self._live_through(session, group, watch)
        except* Fenced:
            raise
        except* (DomainError, *STORE_TROUBLE) as errors:
            ending = ending_of(errors)
        except* Exception as errors:  # a broken session must not take the kill switch with it
            logger.exception("a task of the broker session failed", exc_info=errors)
            ending = Ending(("internal error in the gateway, see its log",))
        finally:
            self._forget_session(began, ending)
            await _close(session, ending.reasons[0])
        _take_back_cancels()
        self._tell(ending)
        return ending

    def _tell(self, ending: Ending) -> None:
        """Log why a session ended, the same thing again only now and then: half a day of it is one story."""
        now = boottime()
        if ending == self._told and now - self._told_at < SAME_ENDING_EVERY_S:
            return
        self._told, self._told_at = ending, now
        level = logging.INFO if ending.is_wish else logging.WARNING
        logger.log(level, "broker session over", extra={"reasons": list(ending.reasons)})

    async def _live_through(self, session: BrokerSession, group: asyncio.TaskGroup, watch: LoopWatch) -> None:
        await self._phase(Phase.CONNECTING)
        state = await self._sign_in(session)
        self._process.current = state
        recovery = await in_db(
            open_recovery,
            sender=state.sender,
            cause=self._why_away,
            gap_from=self._lost_at,
            now=state.opened_at,
        )
        state.recovery_id = recovery.pk
        await self._phase(Phase.RECONCILING)
        _start(group, state, "inbound", inbound.run(state, self._config))
        _start(group, state, "outbound", outbound.run(state, self._config))
        if not await reconciler.reconcile(state, self._config):
            raise SessionOver("The reconciliation did not come to a clean end")
        state.ready = True
        await self._phase(Phase.READY)
        logger.info("ready", extra={"broker_session": state.number, "epoch": state.sender.epoch})
        _start(group, state, "feed", feed.run(state, self._config))
        _start(group, state, "lookups", lookups.run(state, self._config))
        _start(group, state, "reconciler", reconciler.run(state, self._config))
        _start(group, state, "heartbeat", heartbeat.run(state, watch))
        _start(group, state, "phase", self._mirror_phase(state))

    async def _sign_in(self, session: BrokerSession) -> SessionState:
        identity = await session.connect()
        self._refuse_another_login(identity)
        number = await in_db(next_session, connection_name=self._lease.connection, epoch=self._lease.epoch)
        proof = prove_mode(
            self._config.mode,
            port=self._config.settings.port,
            managed_accounts=identity.accounts,
            bindings=self._config.bindings,
        )
        await in_db(
            record_identity,
            connection_name=self._lease.connection,
            epoch=self._lease.epoch,
            session=number,
            server_version=identity.server_version,
            accounts=identity.accounts,
            proof=proof,
        )
        if proof.state is not ProofState.PROVEN:
            raise ModeNotProven(proof)
        self._accounts = frozenset(identity.accounts)
        return SessionState(
            number=number,
            sender=self._sender(identity, number),
            session=session,
            identity=identity,
            proof=proof,
            opened_at=datetime.now(UTC),
            brake=self._process.brake,
        )

    def _refuse_another_login(self, identity: SessionIdentity) -> None:
        """Raise SessionOver if IB Gateway names other accounts than before.

        Orders and positions of the accounts that are gone would look like never placed and flat.
        A person who means it starts the gateway anew.
        """
        named = frozenset(identity.accounts)
        if self._accounts and named and named != self._accounts:
            logger.critical("managed accounts changed", extra={"accounts": sorted(named)})
            before, now = (", ".join(sorted(names)) for names in (self._accounts, named))
            raise SessionOver(
                f"Managed accounts changed from {before} to {now}; restart the gateway if meant"
            )

    def _sender(self, identity: SessionIdentity, number: int) -> Sender:
        return Sender(
            connection=self._lease.connection,
            owner=self._lease.owner,
            epoch=self._lease.epoch,
            session=number,
            client_id=self._config.settings.client_id,
            next_valid_id=identity.next_valid_id,
        )

    async def _mirror_phase(self, state: SessionState) -> None:
        """Make the phase say whether new orders make sense, within 250 ms of a change."""
        shown = True
        while True:
            if state.is_up != shown:
                shown = state.is_up
                if shown:
                    await self._phase(Phase.READY)
                else:
                    await self._phase(Phase.RECONCILING, reasons=_why_not_up(state))
            await asyncio.sleep(MIRROR_S)

    def _forget_session(self, began: float, ending: Ending) -> None:
        state, self._process.current = self._process.current, None
        if state is None:
            return
        was_ready, state.ready = state.ready, False
        if was_ready:
            self._lost_at, self._why_away = datetime.now(UTC), ending.reasons[0]
            if boottime() - began >= STABLE_S:
                self._attempt = 0

    # --- wishes and waits ----------------------------------------------------------------

    async def _watch_wish(self, bell: Listener) -> None:
        while not self._stop.is_set():
            if not await self._is_wanted():
                raise SessionOver(SWITCHED_OFF)
            await rung_or_stopped(bell, self._stop, within_s=POLL_S)
        raise SessionOver(STOPPED)

    async def _is_wanted(self) -> bool:
        with suppress(*STORE_TROUBLE):
            row = await in_db(accounts.connection, self._lease.connection)
            self._wanted = row.wanted
        return self._wanted

    async def _until_wish_changes(self, bell: Listener) -> None:
        while not self._stop.is_set() and not await self._is_wanted():
            await rung_or_stopped(bell, self._stop, within_s=POLL_S)
        self._attempt = 0

    async def _wait_for_next(self, ending: Ending, bell: Listener) -> None:
        """Back off; ends early if people no longer want the connection or the process stops."""
        if ending.is_ours:
            self._attempt = 0  # nobody refused us, so the next try comes soon
        failures = max(0, self._attempt - 1)
        wait_s = back_off_s(failures, base_s=self._config.reconnect_delay_s, rng=self._rng)
        limit = self._config.reconnect_max_attempts
        if 0 < limit <= self._attempt:
            await self._give_up(ending)
            return
        ending = self._away_on_schedule(ending)
        await self._record(ending, next_attempt_at=datetime.now(UTC) + timedelta(seconds=wait_s))
        until = boottime() + wait_s
        while (left_s := until - boottime()) > 0 and not self._stop.is_set() and await self._is_wanted():
            await rung_or_stopped(bell, self._stop, within_s=min(POLL_S, left_s))

    def _away_on_schedule(self, ending: Ending) -> Ending:
        """Return the ending as what it is around the daily restart: expected, and back by itself."""
        schedule = self._config.restart
        if schedule is None or ending.phase is not Phase.DISCONNECTED:
            return ending
        is_near = schedule.closed_for(datetime.now(UTC), signed_in_at=None) is not None
        return replace(ending, phase=Phase.RESET_WINDOW) if is_near else ending

    async def _give_up(self, ending: Ending) -> None:
        reason = f"gave up after {self._attempt} attempts: {ending.reasons[0]}"
        logger.error("connection given up", extra={"reason": reason})
        with suppress(*STORE_TROUBLE):  # the next failure asks again
            await in_db(
                want_connection, name=self._lease.connection, wanted=False, by="gateway", reason=reason[:200]
            )

    # --- rows ----------------------------------------------------------------------------

    async def _phase(
        self, phase: Phase, *, reasons: Sequence[str] = (), next_attempt_at: datetime | None = None
    ) -> None:
        await in_db(
            record_phase,
            connection_name=self._lease.connection,
            epoch=self._lease.epoch,
            phase=phase,
            reasons=list(reasons),
            attempt=self._attempt,
            next_attempt_at=next_attempt_at,
        )

    async def _record(self, ending: Ending, *, next_attempt_at: datetime | None = None) -> None:
        """Record where we wait; a database that does not answer will see the next phase."""
        try:
            await self._phase(ending.phase, reasons=ending.reasons, next_attempt_at=next_attempt_at)
        except STORE_TROUBLE:
            logger.warning("phase could not be recorded", extra={"phase": ending.phase})


def _start(group: asyncio.TaskGroup, state: SessionState, name: str, task: Coroutine[Any, Any, None]) -> None:
    group.create_task(_until_it_ends(state, name, task), name=name)


async def _until_it_ends(state: SessionState, name: str, task: Coroutine[Any, Any, None]) -> None:
    await task
    raise SessionOver(state.lost_because or f"The session with IB Gateway is over ({name})")


async def _close(session: BrokerSession, reason: str) -> None:
    """End a session whatever state it is in; the next one is a fresh object."""
    try:
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await session.close(reason)
    except Exception:
        logger.exception("broker session could not be closed")


def _why_not_up(state: SessionState) -> list[str]:
    if state.connectivity_lost:
        return ["IB Gateway has lost its connection to IB (1100)"]
    if state.missed_beats:
        return ["IB Gateway did not answer a heartbeat"]
    return ["The reconciliation did not come to a clean end"]


def _take_back_cancels() -> None:
    """Make this task one that nobody has asked to end.

    A group that is already waiting for its tasks when one fails cancels its own task to wake it up,
    and up to Python 3.11.2 does not take that back. A timeout of the next session would then come
    out as a cancellation, and end the gateway.
    """
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
