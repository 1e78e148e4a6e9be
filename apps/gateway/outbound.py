"""Turn intents into frames, one lane, by priority: cancel, order.

The only caller of put_in_flight, so the only road of an order to the wire. It does not
decide whether an order is allowed (gate 2 does) nor what became of it (inbound).
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from apps.broker.port import Backpressure, BrokerUnavailable, FrameRefused
from apps.common import crash
from apps.common.aio import in_db
from apps.common.bell import listen
from apps.common.clock import boottime
from apps.domain.events import OrderFrame
from apps.domain.risk.limits import UnreadableLimits
from apps.gateway.config import GatewayConfig
from apps.gateway.lease import STORE_TROUBLE
from apps.gateway.session_state import SessionState
from apps.orders.selectors import (
    MOST_SENDABLE,
    CancelWish,
    due_cancels,
    family_ids,
    lane_work,
    sendable_changes,
    sendable_ids,
)
from apps.orders.services.changes import ChangePlan, expire_changes, land_change, put_change_in_flight
from apps.orders.services.flight import FlightPlan, FlyingOrder, land_unsent, put_in_flight
from apps.orders.services.wishes import OrderTerminal, record_cancel_sent, request_cancel

logger = logging.getLogger(__name__)

POLL_S = 0.25

#: Between the commit of IN_FLIGHT and the write; a longer pause means we were stopped (5.3).
PAUSE_GUARD_S = 0.5
CLAIM_DEADLINE_S = 1.0

#: A bracket has three frames; room for them is asked for before an order is claimed, so that
#: no family is cut in two by our own message budget.
LARGEST_FAMILY = 3


async def run(state: SessionState, config: GatewayConfig) -> None:
    """Send cancels and orders until the broker session is over."""
    lane = OrderLane(state)
    async with listen("orders", "safety") as bell:
        while state.session.is_alive:
            try:
                await lane.take_back_unwritten()
                if await lane.send_what_waits():
                    continue
            except STORE_TROUBLE:
                logger.warning("order lane waits for the database")
            await bell.wait(POLL_S)


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Orders that may be IN_FLIGHT in the books while their frames were never written, and why.

    Of a claim without an answer only the first order is known; then all of its family is meant.
    """

    order_ids: tuple[int, ...]
    reason: str
    with_family: bool = False


@dataclass(slots=True)
class OrderLane:
    """The order lane of one broker session.

    `unwritten` waits to be taken back: as long as this process lives it can say that it wrote nothing.
    """

    state: SessionState
    unwritten: list[Unwritten] = field(default_factory=list)

    async def send_what_waits(self) -> bool:
        """Look once and write it all, by priority; True if more orders wait than one look shows."""
        work = await in_db(
            lane_work, self.state.sender.connection, halted_only=not self.state.ready, lane="orders"
        )
        await self._send_all(work.cancels)
        if work.changes:
            await self.send_changes()
        return await self._send_in_turn(work.orders) and len(work.orders) == MOST_SENDABLE

    async def send_cancels(self) -> None:
        """Write the cancels that are due; while not READY only those of a halt."""
        wishes = await in_db(
            due_cancels,
            self.state.sender.connection,
            halted_only=not self.state.ready,
            lane="orders",
        )
        await self._send_all(wishes)

    async def _send_all(self, wishes: Sequence[CancelWish]) -> None:
        for wish in wishes:
            if not await self._send_cancel(wish):
                return
            crash.point("gw.kill.mid")

    async def send_orders(self) -> None:
        """Claim and write accepted orders, oldest first, as long as nothing speaks against it."""
        if self.state.may_send_orders:
            await self._send_in_turn(await in_db(sendable_ids, self.state.sender.connection, lane="orders"))

    async def _send_in_turn(self, order_ids: Sequence[int]) -> bool:
        """Claim and write these, looking for cancels between two of them; False if one had to wait."""
        for place, order_id in enumerate(order_ids):
            if place:
                await self.send_cancels()
            if not self.state.may_send_orders or self.state.session.order_wait_s(LARGEST_FAMILY) > 0:
                return False
            await self._send(order_id)
        return True

    async def send_changes(self) -> None:
        """Claim and write the changes people asked for, oldest first; only while READY (F10)."""
        connection = self.state.sender.connection
        if not self.state.may_send_orders:
            return
        await in_db(expire_changes, connection, lane="orders")
        for change_id in await in_db(sendable_changes, connection, lane="orders"):
            if not self.state.may_send_orders or self.state.session.order_wait_s(1) > 0:
                return
            try:
                plan = await in_db(
                    put_change_in_flight,
                    change_id,
                    sender=self.state.sender,
                    picture=dict(self.state.picture),
                    proof=self.state.proof.state,
                    boottime=boottime(),
                    lane="orders",
                    deadline_s=CLAIM_DEADLINE_S,
                )
            except STORE_TROUBLE:
                await self._land_change(change_id, "STORE_UNAVAILABLE")
                return
            except UnreadableLimits:
                logger.exception("limits cannot be read, no change is sent", extra={"change_id": change_id})
                continue
            if plan is not None:
                await self._write_change(plan)

    async def _write_change(self, plan: ChangePlan) -> None:
        crash.point("gw.change.before_write")
        reason = self._why_not([plan.flying], plan.committed_at)
        if not reason:
            reason = self._write_frame(frame_of(plan.flying, parent_id=plan.parent_ib_order_id))
        if reason:
            await self._land_change(plan.change_id, reason)

    async def _land_change(self, change_id: int, reason: str) -> None:
        sender = self.state.sender
        await in_db(land_change, change_id, sender=sender, reason=reason, lane="orders", deadline_s=10.0)

    async def _send_cancel(self, wish: CancelWish) -> bool:
        """Write one cancel after it was counted; False if the wire takes none now."""
        if wish.client_id != self.state.sender.client_id:
            return True
        if not self.state.session.takes_cancels:  # counted now it would be repeated later than it is due
            return False
        if not await in_db(record_cancel_sent, wish.order_id, lane="orders"):
            return True
        crash.point("gw.cancel.before_write")
        try:
            self.state.session.write_cancel(wish.ib_order_id)
        except (Backpressure, BrokerUnavailable) as refusal:
            logger.warning("cancel not written, will be repeated", extra={"reason": refusal.code})
            return False
        return True

    async def _send(self, order_id: int) -> None:
        try:
            plan = await self._claim(order_id)
        except STORE_TROUBLE:
            logger.error("claim not confirmed, nothing written", extra={"order_id": order_id})  # noqa: TRY400
            self.unwritten.append(Unwritten((order_id,), "STORE_UNAVAILABLE", with_family=True))
            await self.take_back_unwritten()
            return
        except UnreadableLimits:
            logger.exception("limits cannot be read, nothing is sent", extra={"order_id": order_id})
            return
        if plan.flying:
            crash.point("gw.send.before_write")
            await self._write(plan.flying, committed_at=plan.committed_at)

    async def _claim(self, order_id: int) -> FlightPlan:
        """Commit the order as IN_FLIGHT under gate 2, or learn that it may not be sent."""
        return await in_db(
            put_in_flight,
            order_id,
            sender=self.state.sender,
            picture=dict(self.state.picture),
            proof=self.state.proof.state,
            boottime=boottime(),
            lane="orders",
            deadline_s=CLAIM_DEADLINE_S,
        )

    async def take_back_unwritten(self) -> None:
        """Read again what became of them and take back those in flight; they are kept until that is done."""
        while self.unwritten:
            first = self.unwritten[0]
            ids = first.order_ids
            if first.with_family:
                ids = tuple(await in_db(family_ids, ids[0], lane="orders", deadline_s=10.0))
            await self._land(ids, reason=first.reason)
            self.unwritten.remove(first)

    async def _write(self, flying: Sequence[FlyingOrder], *, committed_at: float) -> None:
        """Write the frames of one family in one tick; what was not written is taken back."""
        reason = self._why_not(flying, committed_at)
        written = 0
        if not reason:
            parent_id = flying[0].ib_order_id
            for order in flying:
                crash.point("gw.send.between_legs")
                reason = self._write_frame(frame_of(order, parent_id=parent_id))
                if reason:
                    break
                written += 1
        crash.point("gw.send.after_write")
        if written < len(flying):
            self.unwritten.append(Unwritten(tuple(order.pk for order in flying[written:]), reason))
            await self._recall(flying[:written])
            await self.take_back_unwritten()

    async def _recall(self, written: Sequence[FlyingOrder]) -> None:
        """Ask for the end of a bracket's first frames when the others could not follow.

        What is transmitted stays: a stop guards its position without the take-profit as well.
        """
        for order in written:
            if not order.transmit:
                with suppress(OrderTerminal):
                    await in_db(request_cancel, order.pk, by="gateway", lane="orders", deadline_s=10.0)

    def _write_frame(self, frame: OrderFrame) -> str:
        """Hand one frame to the transport; return why not, or nothing if it went."""
        try:
            self.state.session.write_order(frame)
        except (Backpressure, BrokerUnavailable, FrameRefused) as refusal:
            logger.exception(
                "order frame not written", extra={"order_ref": frame.order_ref, "reason": refusal.detail}
            )
            return refusal.code
        logger.info(
            "order written",
            extra={
                "order_ref": frame.order_ref,
                "ib_order_id": frame.ib_order_id,
                "epoch": self.state.sender.epoch,
            },
        )
        return ""

    def _why_not(self, flying: Sequence[FlyingOrder], committed_at: float) -> str:
        """Look once more, immediately before the write (spec/orders.md 5.3)."""
        if boottime() - committed_at > PAUSE_GUARD_S:
            return "GATEWAY_PAUSED"
        if not self.state.may_send_orders:
            return "BROKER_NOT_READY"
        if any(committed_at + order.expires_in_s <= boottime() for order in flying):
            return "ORDER_EXPIRED"
        return ""

    async def _land(self, order_ids: Sequence[int], *, reason: str) -> None:
        await in_db(
            land_unsent,
            list(order_ids),
            sender=self.state.sender,
            reason=reason,
            lane="orders",
            deadline_s=10.0,
        )


def frame_of(order: FlyingOrder, *, parent_id: int) -> OrderFrame:
    """Return the frame of one order of a family whose first order has this IB order id."""
    ticket, instrument = order.ticket, order.instrument
    return OrderFrame(
        ib_order_id=order.ib_order_id,
        order_ref=order.order_ref,
        account=ticket.account,
        ib_con_id=instrument.ib_con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        exchange=instrument.exchange,
        currency=instrument.currency,
        side=ticket.side,
        order_type=ticket.order_type,
        quantity=ticket.quantity,
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        time_in_force=ticket.time_in_force,
        outside_rth=ticket.outside_rth,
        parent_ib_order_id=parent_id if order.follows_parent else 0,
        transmit=order.transmit,
        oca_group=order.oca_group,
    )
