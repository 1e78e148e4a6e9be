"""Make the books agree with the broker's complete lists: at each new session, and again and again.

Lists come whole or not at all; a list that failed ends the run and changes nothing. Start-up
and recovery are this one path. What a finding means for an order is decided in orders.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from apps.accounts.services import record_balances
from apps.broker.port import BrokerSnapshot
from apps.common import crash
from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.common.db import database_now
from apps.domain.events import BrokerOrder
from apps.domain.executions import ExecutionReport
from apps.domain.identity import plain
from apps.domain.orders import Sender
from apps.domain.reconcile import window_start
from apps.gateway.books import Look, hold_against
from apps.gateway.config import GatewayConfig
from apps.gateway.lease import STORE_TROUBLE
from apps.gateway.poison import book_fact
from apps.gateway.selectors import positions_differ
from apps.gateway.services import close_recovery, note_recovered, open_recovery
from apps.gateway.session_state import SessionState
from apps.orders.repeats import new_commissions, new_executions, new_orders
from apps.orders.selectors import in_doubt_count, reconcilable, unanswered_changes
from apps.orders.services.facts import record_broker_order, record_commission, record_execution
from apps.orders.services.findings import Seen, apply_absences, rematched
from apps.orders.services.flight import HIGHEST_IB_ORDER_ID, mark_unknown, raise_high_water
from apps.orders.services.twins import settle_twins
from apps.positions.selectors import ledgers_apart

logger = logging.getLogger(__name__)

T = TypeVar("T")

CALM_EVERY_S = 60.0
DOUBT_EVERY_S = 20.0
#: The first waits of a doubt: IB Gateway may still be reading what the last session wrote.
FRESH_DOUBT_S = (5.0, 5.0, 10.0)
CHECK_EVERY_S = 2.0
SILENCE = timedelta(seconds=5)
DEADLINE_S = 10.0

#: Positions that differ from the ledger, as `ledgers_apart` returns them.
Apart = frozenset[tuple[str, int, Decimal, Decimal]]

LINE_LOST = "IB Gateway lost its line to IB (1100)"


async def reconcile(state: SessionState, config: GatewayConfig) -> bool:
    """Ask for the four lists, book them, judge what they do not name; True when all is done.

    Raises what the broker session raises; nothing of an incomplete look is used.
    """
    sender = state.sender
    began_at = await in_db(database_now, lane="facts")
    before = await _prepare(sender, state.identity.accounts)
    began, saw_the_market = boottime(), state.sees_the_market
    report_id = await _report(state, began_at)
    snapshot = await state.session.snapshot()
    crash.point("gw.recon.step")
    await _stay_above(state, snapshot)
    recovered = await _book(state, snapshot, began_at, report_id=report_id)
    sees_the_market = saw_the_market and state.sees_the_market  # else an empty list means nothing
    seen, counts = _seen(snapshot, began_at, state.identity.time_zone), {}
    if sees_the_market:
        counts = await in_db(
            apply_absences,
            seen=seen,
            sender=sender,
            candidates=list(before),
            lane="facts",
            deadline_s=DEADLINE_S,
        )
    differences = await in_db(
        hold_against,
        _look(state, snapshot, began_at, asked_at=began),
        state.identity.accounts,
        compare=sees_the_market,
        now=await in_db(database_now, lane="facts"),
        lane="facts",
        deadline_s=DEADLINE_S,
    )
    await in_db(record_balances, list(snapshot.balances), lane="facts", deadline_s=DEADLINE_S)
    if saw_the_market:
        state.connectivity_restored()
    if report_id is not None:
        await in_db(
            close_recovery,
            report_id,
            now=datetime.now(UTC),
            rematched=await in_db(rematched, before, seen=seen, lane="facts"),
            differences_left=differences,
            lane="facts",
        )
    if recovered or counts or differences:
        found = {"fills_recovered": len(recovered), "absences": counts, "differences": differences}
        logger.info("reconciled", extra=found)
    return True


async def run(state: SessionState, config: GatewayConfig) -> None:
    """Check flights every 2 s and look at everything every 60 s, sooner while there is doubt."""
    last_look = asyncio.get_running_loop().time()
    looks_in_doubt = 0
    apart: Apart = frozenset()
    while state.session.is_alive:
        asked = await _asked_within(state, CHECK_EVERY_S)
        try:
            doubted = await in_db(
                mark_unknown,
                connection=state.sender.connection,
                session=state.sender.session,
                silent_for=SILENCE,
                lane="facts",
            )
            in_doubt = await in_db(in_doubt_count, state.sender.connection)
            in_doubt += await in_db(unanswered_changes, state.sender.connection)
            in_doubt += await in_db(positions_differ, state.sender.connection)
            before, apart = apart, await in_db(ledgers_apart, state.sender.connection)
        except STORE_TROUBLE:
            logger.warning("reconciler waits for the database")
            continue
        now = asyncio.get_running_loop().time()
        looks_in_doubt = looks_in_doubt if in_doubt else 0
        due = now - last_look >= (wait_in_doubt_s(looks_in_doubt) if in_doubt else CALM_EVERY_S)
        lasting = bool(before & apart) and not in_doubt  # somebody else traded: the lists say what
        if asked or doubted or due or lasting:
            state.reconcile_wanted.clear()
            await reconcile(state, config)
            looks_in_doubt += 1
            last_look = now


def wait_in_doubt_s(looks: int) -> float:
    """Return the seconds to the next full look after so many of them have left a doubt."""
    return FRESH_DOUBT_S[looks] if looks < len(FRESH_DOUBT_S) else DOUBT_EVERY_S


async def _asked_within(state: SessionState, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await state.reconcile_wanted.wait()
    except TimeoutError:
        return False
    return True


async def _prepare(sender: Sender, accounts: Sequence[str]) -> dict[int, str]:
    """Take over the broker's next id, doubt what is silent; return what the lists should name."""
    await in_db(
        raise_high_water,
        connection=sender.connection,
        client_id=sender.client_id,
        next_valid_id=sender.next_valid_id,
        lane="orders",
    )
    await in_db(
        mark_unknown, connection=sender.connection, session=sender.session, silent_for=SILENCE, lane="facts"
    )
    return await in_db(reconcilable, sender.connection, accounts, lane="facts")


async def _report(state: SessionState, now: datetime) -> int | None:
    """Return the recovery report this look belongs to: the session's own, or that of a lost line.

    While IB Gateway had no line to IB the session stood, but nothing could be heard (1100).
    """
    if not state.ready:
        return state.recovery_id
    if not (state.connectivity_lost and state.line_is_back):
        return None
    report = await in_db(
        open_recovery, sender=state.sender, cause=LINE_LOST, gap_from=state.line_lost_at, now=now
    )
    state.recovery_id = report.pk
    return report.pk


async def _stay_above(state: SessionState, snapshot: BrokerSnapshot) -> None:
    """Never give a new order an id the broker has seen, whatever our restored rows and its next id say."""
    sender = state.sender
    seen: list[BrokerOrder | ExecutionReport] = [
        *snapshot.open_orders,
        *snapshot.completed_orders,
        *snapshot.executions,
    ]
    used = [one.ib_order_id for one in seen if one.client_id == sender.client_id]
    used = [ib_order_id for ib_order_id in used if ib_order_id <= HIGHEST_IB_ORDER_ID]
    if used:
        await in_db(
            raise_high_water,
            connection=sender.connection,
            client_id=sender.client_id,
            next_valid_id=max(used) + 1,
            lane="orders",
        )


async def _book(
    state: SessionState, snapshot: BrokerSnapshot, began_at: datetime, *, report_id: int | None
) -> list[dict[str, object]]:
    """Book executions first, then orders; return the executions nobody had told us of."""
    recovered = [
        _described(execution)
        for execution in await _new(new_executions, snapshot.executions, sender=state.sender)
        if await book_fact(state, record_execution, execution)
    ]
    if report_id is not None:
        await in_db(note_recovered, report_id, recovered, lane="facts")
    for commission in await _new(new_commissions, snapshot.commissions, sender=state.sender):
        await book_fact(state, record_commission, commission)
    for cause, orders in (
        ("open_orders", snapshot.open_orders),
        ("completed_orders", snapshot.completed_orders),
    ):
        for order in await _new(new_orders, orders, sender=state.sender, cause=cause):
            await book_fact(state, record_broker_order, order, cause=cause, list_began_at=began_at)
    await in_db(
        settle_twins,
        connection=state.sender.connection,
        live={order.ib_perm_id for order in snapshot.open_orders},
        began_at=began_at,
        lane="facts",
    )
    return recovered


async def _new(leave_out: Callable[..., list[T]], told: Sequence[T], **kwargs: object) -> list[T]:
    return await in_db(leave_out, told, lane="facts", deadline_s=DEADLINE_S, **kwargs)


def _described(execution: ExecutionReport) -> dict[str, object]:
    return {
        "ib_exec_id": execution.ib_exec_id,
        "account": execution.account,
        "order_ref": execution.order_ref,
        "symbol": execution.symbol,
        "side": execution.side.value,
        "quantity": plain(execution.quantity),
        "price": plain(execution.price),
        "executed_at": execution.executed_at.isoformat(),
    }


def _look(state: SessionState, snapshot: BrokerSnapshot, began_at: datetime, *, asked_at: float) -> Look:
    """Return what the books are held against; a position told on its own meanwhile is newer."""
    return Look(
        session=state.number,
        asked_at=began_at,
        positions=snapshot.positions,
        completed=snapshot.completed_orders,
        executions=snapshot.executions,
        newer=[con_id for con_id, heard_at in state.positions_heard.items() if heard_at >= asked_at],
        time_zone=state.identity.time_zone,
    )


def _seen(snapshot: BrokerSnapshot, now: datetime, time_zone: str) -> Seen:
    orders = [*snapshot.open_orders, *snapshot.completed_orders]
    return Seen(
        order_refs={order.order_ref for order in orders} | {fill.order_ref for fill in snapshot.executions},
        perm_ids={order.ib_perm_id for order in orders} - {0},
        window_start=window_start(now, time_zone),
        began_at=now,
    )
