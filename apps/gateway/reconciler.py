"""Make the books agree with the broker's complete lists: at each new session, and again and again.

Lists come whole or not at all; a list that failed ends the run and changes nothing. Start-up
and recovery are this one path. What a finding means for an order is decided in orders.
"""

import asyncio
import logging
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from apps.accounts.selectors import accounts
from apps.accounts.services import record_balances
from apps.broker.port import BrokerSnapshot
from apps.common import crash
from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.domain.calendar import zone_of
from apps.domain.events import PositionReport
from apps.gateway.config import GatewayConfig
from apps.gateway.lease import STORE_TROUBLE
from apps.gateway.poison import book_fact
from apps.gateway.services import close_recovery
from apps.gateway.session_state import SessionState
from apps.instruments.services import ensure_instrument
from apps.orders.selectors import in_doubt_count, reconcilable_ids, unanswered_changes
from apps.orders.services.facts import record_broker_order, record_commission, record_execution
from apps.orders.services.findings import Seen, apply_absences
from apps.orders.services.flight import mark_unknown, raise_high_water
from apps.orders.services.twins import settle_twins
from apps.positions.services import replace_positions

logger = logging.getLogger(__name__)

CALM_EVERY_S = 60.0
DOUBT_EVERY_S = 20.0
CHECK_EVERY_S = 2.0
SILENCE = timedelta(seconds=5)
DEADLINE_S = 10.0

#: IB Gateway shows executions since its local midnight; the customary zone of a US account.
_GATEWAY_ZONE = zone_of("US/Eastern")


async def reconcile(state: SessionState, config: GatewayConfig) -> bool:
    """Ask for the four lists, book them, judge what they do not name; True when all is done.

    Raises what the broker session raises; nothing of an incomplete look is used.
    """
    sender = state.sender
    began_at = datetime.now(UTC)
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
    candidates = await in_db(reconcilable_ids, sender.connection, lane="facts")
    began, saw_the_market = boottime(), state.sees_the_market
    snapshot = await state.session.snapshot()
    crash.point("gw.recon.step")
    recovered = await _book(state, snapshot, began_at)
    counts: dict[str, int] = {}
    if saw_the_market and state.sees_the_market:  # else an empty list means nothing
        counts = await in_db(
            apply_absences,
            seen=_seen(snapshot, began_at),
            sender=sender,
            candidates=candidates,
            lane="facts",
            deadline_s=DEADLINE_S,
        )
    await _book_positions(state, snapshot.positions, asked_at=began)
    await in_db(record_balances, list(snapshot.balances), lane="facts", deadline_s=DEADLINE_S)
    if saw_the_market:
        state.connectivity_restored()
    if state.recovery_id is not None:
        await in_db(
            close_recovery,
            state.recovery_id,
            now=datetime.now(UTC),
            orders_rematched=len(snapshot.open_orders) + len(snapshot.completed_orders),
            fills_recovered=recovered,
            differences_left=counts.get("DOUBT", 0),
        )
    if recovered or counts:
        logger.info("reconciled", extra={"fills_recovered": len(recovered), "absences": counts})
    return True


async def run(state: SessionState, config: GatewayConfig) -> None:
    """Check flights every 2 s and look at everything every 60 s, sooner while there is doubt."""
    last_look = asyncio.get_running_loop().time()
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
        except STORE_TROUBLE:
            logger.warning("reconciler waits for the database")
            continue
        now = asyncio.get_running_loop().time()
        due = now - last_look >= (DOUBT_EVERY_S if in_doubt else CALM_EVERY_S)
        if asked or doubted or due:
            state.reconcile_wanted.clear()
            await reconcile(state, config)
            last_look = now


async def _asked_within(state: SessionState, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await state.reconcile_wanted.wait()
    except TimeoutError:
        return False
    return True


async def _book(state: SessionState, snapshot: BrokerSnapshot, began_at: datetime) -> list[dict[str, object]]:
    """Book executions first, then orders; return the executions nobody had told us of."""
    recovered: list[dict[str, object]] = [
        {"ib_exec_id": execution.ib_exec_id, "order_ref": execution.order_ref}
        for execution in snapshot.executions
        if await book_fact(state, record_execution, execution)
    ]
    for commission in snapshot.commissions:
        await book_fact(state, record_commission, commission)
    for cause, orders in (
        ("open_orders", snapshot.open_orders),
        ("completed_orders", snapshot.completed_orders),
    ):
        for order in orders:
            await book_fact(state, record_broker_order, order, cause=cause, list_began_at=began_at)
    await in_db(
        settle_twins,
        connection=state.sender.connection,
        live={order.ib_perm_id for order in snapshot.open_orders},
        began_at=began_at,
        lane="facts",
    )
    return recovered


async def _book_positions(
    state: SessionState, reports: tuple[PositionReport, ...], *, asked_at: float
) -> None:
    """Store what is held account by account; what the complete list does not name is closed.

    A position that was told on its own since the list was asked for is newer than the list.
    """
    newer = [con_id for con_id, heard_at in state.positions_heard.items() if heard_at >= asked_at]
    by_account: dict[str, list[PositionReport]] = defaultdict(list)
    for report in reports:
        by_account[report.account].append(report)
    for code in state.identity.accounts:
        await in_db(_replace_positions, code, by_account[code], newer, lane="facts", deadline_s=DEADLINE_S)


def _replace_positions(code: str, reports: list[PositionReport], newer: list[int]) -> None:
    pairs = [
        (
            report,
            ensure_instrument(
                ib_con_id=report.ib_con_id,
                symbol=report.symbol,
                sec_type=report.sec_type,
                exchange=report.exchange,
                currency=report.currency,
            ),
        )
        for report in reports
    ]
    for account in accounts([code]):
        replace_positions(account=account, reports_with_instruments=pairs, newer=newer)


def _seen(snapshot: BrokerSnapshot, now: datetime) -> Seen:
    orders = [*snapshot.open_orders, *snapshot.completed_orders]
    midnight = now.astimezone(_GATEWAY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return Seen(
        order_refs={order.order_ref for order in orders} | {fill.order_ref for fill in snapshot.executions},
        perm_ids={order.ib_perm_id for order in orders} - {0},
        window_start=midnight.astimezone(UTC),
        began_at=now,
    )
