"""Hold the books against the broker's complete lists, account by account, after each look.

What differs becomes rows for people, and nothing is made to fit: a position that our executions do
not explain stays as the broker says it, and is an incident when a second look finds it again.
What the lists say of single orders has been booked before; here only what is left is compared.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.accounts.models import Account
from apps.accounts.selectors import accounts
from apps.common.db import short_transaction
from apps.domain.events import BrokerOrder, PositionReport
from apps.domain.executions import ExecutionReport
from apps.domain.identity import plain
from apps.domain.incidents import IncidentKind
from apps.domain.orders import Origin
from apps.domain.reconcile import MISMATCH_AFTER, window_start
from apps.gateway.models import Difference
from apps.gateway.selectors import POSITION
from apps.gateway.services import FoundDifference, record_check, record_differences
from apps.instruments.models import Instrument
from apps.instruments.services import ensure_instrument
from apps.orders.selectors import instruments_traded_since, otherwise_filled, unsettled_orders
from apps.orders.services.busts import take_back_vanished
from apps.positions.selectors import ledger_differences
from apps.positions.services import open_ledger, replace_positions
from apps.safety.services.incidents import record_incident

IN_DOUBT = "in_doubt"
EXTERNAL = "external_order"
ORPHAN = "orphan_order"
UNEXPLAINED = "unexplained_fill"

_OF_ORIGIN = {Origin.OWN: IN_DOUBT, Origin.EXTERNAL: EXTERNAL, Origin.ORPHAN: ORPHAN}


@dataclass(frozen=True, slots=True)
class Look:
    """One complete look: what is held, what completed orders filled, the day's executions.

    `newer` are contract ids whose position was told on its own after the list was asked for,
    `time_zone` is where IB Gateway runs.
    """

    session: int
    asked_at: datetime
    positions: tuple[PositionReport, ...]
    completed: tuple[BrokerOrder, ...]
    executions: tuple[ExecutionReport, ...]
    newer: Collection[int]
    time_zone: str = ""


def hold_against(look: Look, codes: Iterable[str], *, compare: bool, now: datetime) -> int:
    """Store the positions of these accounts and compare; return how many differences are open.

    Without `compare` the broker does not see the market itself, so what differs proves nothing.
    """
    return sum(_settle(look, account, compare=compare, now=now) for account in accounts(list(codes)))


def _settle(look: Look, account: Account, *, compare: bool, now: datetime) -> int:
    reports = [report for report in look.positions if report.account == account.code]
    pairs = [(report, _instrument_of(report)) for report in reports]
    moved = _store(look, account, pairs, now=now)
    if not compare:
        return 0
    _take_back_busts(look, account, moved)
    with short_transaction():
        found = [*_positions(account, moved), *_orders(account), *_fills(account, look.completed)]
        rows = record_differences(account, found=found, now=now)
        record_check(account, now=now, session=look.session)
        _tell_mismatches(account, rows, now=now)
    return len(rows)


def _store(
    look: Look, account: Account, pairs: Sequence[tuple[PositionReport, Instrument]], *, now: datetime
) -> list[Instrument]:
    """Store what is held and begin ledgers; return what moved while the lists were read."""
    with short_transaction():
        replace_positions(account=account, reports_with_instruments=pairs, newer=look.newer)
        moved = instruments_traded_since(account, look.asked_at)
        moved += [instrument for _, instrument in pairs if instrument.ib_con_id in look.newer]
        open_ledger(account=account, unsettled=moved, now=now)
    return moved


def _take_back_busts(look: Look, account: Account, moved: Collection[Instrument]) -> None:
    """Let executions go that the broker's list and its positions both know nothing of any more."""
    unclear = {instrument.pk for instrument in moved}
    named = {execution.root for execution in look.executions}
    for row in ledger_differences(account):
        if row.instrument_id not in unclear and row.ledger_quantity is not None:
            take_back_vanished(
                account,
                row.instrument,
                surplus=row.ledger_quantity - row.quantity,
                named_roots=named,
                since=window_start(look.asked_at, look.time_zone),
                until=look.asked_at,
            )


def _positions(account: Account, moved: Collection[Instrument]) -> list[FoundDifference]:
    """Return the positions that differ; of what traded during the look nobody can tell yet."""
    unclear = {instrument.pk for instrument in moved}
    return [
        FoundDifference(
            POSITION,
            f"{row.instrument.symbol} {row.instrument.ib_con_id}",
            f"{row.instrument.symbol} is {plain(row.quantity)} at the broker"
            f" and {plain(row.ledger_quantity or Decimal(0))} by our executions",
        )
        for row in ledger_differences(account)
        if row.instrument_id not in unclear
    ]


def _orders(account: Account) -> list[FoundDifference]:
    return [
        FoundDifference(
            _OF_ORIGIN[Origin(order.origin)],
            order.client_order_id if order.origin == Origin.OWN else f"perm {order.ib_perm_id or 0}",
            f"{order}, {order.status}" if order.origin == Origin.OWN else f"{order} placed outside of us",
        )
        for order in unsettled_orders(account)
    ]


def _fills(account: Account, completed: Sequence[BrokerOrder]) -> list[FoundDifference]:
    told: Mapping[str, Decimal] = {
        order.order_ref: order.filled
        for order in completed
        if order.account == account.code and order.order_ref and order.filled is not None
    }
    return [
        FoundDifference(
            UNEXPLAINED,
            order.client_order_id,
            f"{order}: the broker filled {plain(told[order.order_ref])},"
            f" our executions explain {plain(order.filled_quantity)}",
        )
        for order in otherwise_filled(account, told)
    ]


def _tell_mismatches(account: Account, rows: Iterable[Difference], *, now: datetime) -> None:
    for row in rows:
        if row.kind == POSITION and now - row.first_seen >= MISMATCH_AFTER:
            record_incident(
                IncidentKind.POSITION_MISMATCH,
                f"position:{row.subject}",
                account=account,
                detail=f"{row.detail}, seen in two looks",
                evidence={"first_seen": row.first_seen.isoformat(), "last_seen": now.isoformat()},
            )


def _instrument_of(report: PositionReport) -> Instrument:
    return ensure_instrument(
        ib_con_id=report.ib_con_id,
        symbol=report.symbol,
        sec_type=report.sec_type,
        exchange=report.exchange,
        currency=report.currency,
    )
