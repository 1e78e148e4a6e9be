"""The facts lane: what the broker says, in its order, into rows.

Nothing is dropped: a database that does not answer is asked again with the same fact, and
every service called here takes the same fact twice. It never decides what to send.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from apps.accounts.selectors import accounts
from apps.accounts.services import record_balances
from apps.broker.quiet import OneLinePerKind
from apps.common import crash
from apps.common.clock import boottime
from apps.domain.broker_words import CANCEL_REFUSED_CODES, REJECT_CODES
from apps.domain.events import (
    BalanceReport,
    BrokerEvent,
    BrokerNotice,
    BrokerOrder,
    OrderStatusReport,
    PnlReport,
    PortfolioReport,
    PositionReport,
    SessionLost,
)
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.orders import CLOSED
from apps.gateway.config import GatewayConfig
from apps.gateway.poison import insist
from apps.gateway.session_state import SessionState
from apps.instruments.services import ensure_instrument
from apps.orders.repeats import booked_among
from apps.orders.services.facts import (
    record_broker_order,
    record_commission,
    record_execution,
    record_notice,
    record_status,
)
from apps.positions.services import record_pnl, record_portfolio, record_position

logger = logging.getLogger(__name__)
logger.addFilter(OneLinePerKind())

BALANCES_EVERY_S = 0.25

#: A commission that found no execution for so long will be told again with the next complete look.
EARLY_FOR_S = 60.0


async def run(state: SessionState, config: GatewayConfig) -> None:
    """Book facts until the broker session is over; what is left of balances is booked too."""
    inbox = Inbox(state)
    async with asyncio.TaskGroup() as group:
        flusher = group.create_task(inbox.keep_flushing(), name="balances")
        async for event in state.session.facts():
            await inbox.book(event)
        flusher.cancel()
    await inbox.flush_balances()


@dataclass(slots=True)
class Inbox:
    """One broker session's facts on their way into rows.

    Balances come in bursts of dozens and are booked in one go, the newest of each tag. A
    commission may come before its execution; it waits here for it, with the BOOTTIME it came at.
    """

    state: SessionState
    balances: dict[tuple[str, str, str], BalanceReport] = field(default_factory=dict)
    early_commissions: dict[str, tuple[CommissionReport, float]] = field(default_factory=dict)

    async def book(self, event: BrokerEvent) -> None:
        """Book one fact; returns when it is durable."""
        sender = self.state.sender
        if isinstance(event, BrokerOrder | OrderStatusReport):
            crash.point("gw.ack.before_read")
        match event:
            case ExecutionReport():
                await insist(record_execution, event, sender=sender)
                await self._join_early_commission(event.ib_exec_id)
            case CommissionReport():
                if not await insist(record_commission, event, sender=sender):
                    self.early_commissions[event.ib_exec_id] = event, boottime()
            case BrokerOrder():
                self._look_for_twins(
                    await insist(record_broker_order, event, sender=sender, cause="open_order")
                )
            case OrderStatusReport():
                self._look_for_twins(await insist(record_status, event, sender=sender))
            case PositionReport():
                self.state.positions_heard[event.ib_con_id] = boottime()
                await insist(book_position, event)
            case PortfolioReport():
                await insist(record_portfolio, event)
            case PnlReport():
                await insist(record_pnl, event)
            case BalanceReport():
                self.balances[event.account, event.tag, event.currency] = event
            case BrokerNotice():
                await self._hear(event)
            case SessionLost():
                self.state.lost_because = event.reason

    def _look_for_twins(self, order: Any) -> None:
        """Ask for a complete look at an order that the broker has twice: only that shows what lives."""
        if order is not None and order.ib_perm_words and order.standing not in CLOSED:
            self.state.reconcile_wanted.set()

    async def keep_flushing(self) -> None:
        """Write the balances that came in, four times a second, and join what waits to be joined."""
        while True:
            await asyncio.sleep(BALANCES_EVERY_S)
            await self.flush_balances()
            await self.join_early_commissions()

    async def join_early_commissions(self) -> None:
        """Join what a complete look has booked meanwhile; let go of what nothing explains."""
        if not self.early_commissions:
            return
        waiting, now = list(self.early_commissions), boottime()
        for ib_exec_id in await insist(booked_among, waiting, self.state.sender.connection) or ():
            await self._join_early_commission(ib_exec_id)
        for ib_exec_id, (_, came_at) in list(self.early_commissions.items()):
            if now - came_at > EARLY_FOR_S:
                logger.warning("commission without an execution", extra={"ib_exec_id": ib_exec_id})
                del self.early_commissions[ib_exec_id]

    async def flush_balances(self) -> None:
        """Write the balances that came in since the last time."""
        waiting, self.balances = list(self.balances.values()), {}
        if waiting:
            await insist(record_balances, waiting)

    async def _join_early_commission(self, ib_exec_id: str) -> None:
        early = self.early_commissions.pop(ib_exec_id, None)
        if early is not None and not await insist(record_commission, early[0], sender=self.state.sender):
            self.early_commissions[ib_exec_id] = early

    async def _hear(self, notice: BrokerNotice) -> None:
        self.state.hear_notice(notice.code)
        logger.info("broker notice", extra={"ib_code": notice.code, "ib_message": notice.text})
        order = await insist(record_notice, notice, sender=self.state.sender)
        if order is not None and notice.code in REJECT_CODES | CANCEL_REFUSED_CODES:
            self.state.reconcile_wanted.set()


def book_position(report: PositionReport) -> None:
    """Store what the broker says is held, with the instrument it names."""
    if not accounts([report.account]):
        logger.error("position of an unknown account", extra={"account": report.account})
        return
    instrument = ensure_instrument(
        ib_con_id=report.ib_con_id,
        symbol=report.symbol,
        sec_type=report.sec_type,
        exchange=report.exchange,
        currency=report.currency,
    )
    record_position(report=report, instrument=instrument)
