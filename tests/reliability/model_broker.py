"""A broker small enough to be right by looking at it: orders, executions, one position.

It takes frames, trades only when it is told to, and says what IB would say. What it says goes
to the line of the moment and is lost without one; its lists are always complete and true.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.utils import timezone

from apps.domain.events import (
    BrokerEvent,
    BrokerNotice,
    BrokerOrder,
    OrderFrame,
    OrderStatusReport,
    PositionReport,
)
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.orders import OrderType, Side

ZERO = Decimal(0)
IB_WORDS = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
}
ENDED = frozenset({"Cancelled", "Inactive", "Filled"})
COMMISSION = Decimal("1.00")


class BrokenPromise(AssertionError):
    """The broker was sent what must never be sent."""


@dataclass(frozen=True)
class CancelFrame:
    """A cancelOrder frame."""

    ib_order_id: int


Frame = OrderFrame | CancelFrame


@dataclass
class Line:
    """One socket: frames the broker has not read yet, and messages we have not booked yet."""

    unread: list[Frame] = field(default_factory=list)
    inbox: list[BrokerEvent] = field(default_factory=list)


@dataclass
class Held:
    """One order as the broker has it; `fills` are the quantities of each execution by revision.

    `worked` is what it has traded whatever was corrected later: that is not traded again.
    """

    frame: OrderFrame
    perm_id: int
    client_id: int
    status: str = "Submitted"
    is_transmitted: bool = True
    is_being_cancelled: bool = False
    fills: dict[str, list[Decimal]] = field(default_factory=dict)
    worked: Decimal = ZERO

    @property
    def filled(self) -> Decimal:
        return sum((revisions[-1] for revisions in self.fills.values()), ZERO)

    @property
    def remaining(self) -> Decimal:
        return self.frame.quantity - self.worked

    @property
    def is_live(self) -> bool:
        return self.is_transmitted and self.status not in ENDED


@dataclass(frozen=True)
class Lists:
    """What a complete look shows."""

    open_orders: tuple[BrokerOrder, ...]
    completed_orders: tuple[BrokerOrder, ...]
    executions: tuple[ExecutionReport, ...]
    commissions: tuple[CommissionReport, ...]
    positions: tuple[PositionReport, ...]


class ModelBroker:
    """One account with one stock."""

    def __init__(self, *, position: Decimal = ZERO) -> None:
        self.orders: dict[int, Held] = {}
        self.executions: list[ExecutionReport] = []
        self.busted: set[str] = set()
        self.position = position
        self.line: Line | None = None
        self.late: list[Frame] = []
        #: New-order frames per reference, and changes of each: the promise is one at most.
        self.frames: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.next_valid_id = 1
        self._next_perm_id = 1_873_204_411
        self._next_execution = 1

    # --- the wire -----------------------------------------------------------------------

    def open_line(self) -> Line:
        self.line = Line()
        return self.line

    def cut(self, *, loses_unread: bool) -> None:
        """End the line: messages on it are gone, frames on it are lost or read much later (F2)."""
        if self.line is None:
            return
        if not loses_unread:
            self.late += self.line.unread
        self.line = None
        for held in [held for held in self.orders.values() if not held.is_transmitted]:
            del self.orders[held.frame.ib_order_id]

    def read(self, frame: Frame, *, client_id: int) -> None:
        """Take one frame as IB does."""
        if isinstance(frame, CancelFrame):
            self._hear_cancel(frame.ib_order_id)
        elif frame.ib_order_id in self.orders:
            self._hear_change(self.orders[frame.ib_order_id], frame)
        else:
            self._hear_order(frame, client_id)

    def _hear_order(self, frame: OrderFrame, client_id: int) -> None:
        self.frames[frame.order_ref] += 1
        if self.frames[frame.order_ref] > 1:
            raise BrokenPromise(f"I1: {frame.order_ref} was sent twice")
        self._next_perm_id += 1
        self.next_valid_id = max(self.next_valid_id, frame.ib_order_id + 1)
        held = Held(frame, self._next_perm_id, client_id, is_transmitted=frame.transmit)
        self.orders[frame.ib_order_id] = held
        if not frame.transmit:
            return
        family = [*self._legs(frame.parent_ib_order_id), held] if frame.parent_ib_order_id else [held]
        parent = self.orders.get(frame.parent_ib_order_id)
        for member in dict.fromkeys(id(one) for one in [*([parent] if parent else []), *family]):
            one = next(held for held in self.orders.values() if id(held) == member)
            one.is_transmitted = True
            self._wake_or_wait(one)
            self._show(one)

    def _wake_or_wait(self, held: Held) -> None:
        parent_id = held.frame.parent_ib_order_id
        if not parent_id:
            return
        parent = self.orders.get(parent_id)
        if parent is None or (parent.status in ENDED and not parent.worked):
            held.status = "Cancelled"
        else:
            held.status = "Submitted" if parent.worked else "PreSubmitted"

    def _hear_change(self, held: Held, frame: OrderFrame) -> None:
        if held.frame.order_ref != frame.order_ref:
            raise BrokenPromise(f"I2: id {frame.ib_order_id} of {held.frame.order_ref} was used again")
        if not held.frame.transmit and not held.is_transmitted:
            raise BrokenPromise(f"I1: {frame.order_ref} was sent twice")
        self.changes[frame.order_ref] += 1
        if held.status in ENDED or held.is_being_cancelled or frame.quantity <= held.worked:
            self.say(BrokerNotice(frame.ib_order_id, 104, "Cannot modify a filled order."))
            return
        held.frame = replace(held.frame, **_terms(frame))
        self._show(held)

    def _hear_cancel(self, ib_order_id: int) -> None:
        held = self.orders.get(ib_order_id)
        if held is None:
            self.say(BrokerNotice(ib_order_id, 10147, "OrderId that needs to be cancelled is not found."))
        elif held.status in ENDED:
            self.say(BrokerNotice(ib_order_id, 10148, f"Cannot be cancelled, state: {held.status}."))
        else:
            held.is_being_cancelled, held.is_transmitted = True, True
            held.status = "PendingCancel"
            self._tell_status(held)

    # --- what happens at the exchange ---------------------------------------------------

    def tradable(self) -> list[Held]:
        return [one for one in self.orders.values() if one.is_live and one.status != "PreSubmitted"]

    def trade(self, held: Held, quantity: Decimal) -> None:
        """Fill so much of an order, at most what is left of it."""
        quantity = min(quantity, held.remaining)
        if quantity <= 0 or not held.is_live:
            return
        root = f"0000e0d5.{self._next_execution:08x}.01"
        self._next_execution += 1
        held.fills[root] = [quantity]
        held.worked += quantity
        self._report(held, root)
        if not held.remaining:
            held.status = "Filled"
        self._move(held.frame.side.sign * quantity)
        self._tell_status(held)
        self.say(_commission(self.executions[-1]))
        for leg in self._legs(held.frame.ib_order_id):
            if leg.status == "PreSubmitted":
                leg.status = "Submitted"
                self._tell_status(leg)
        for other in list(self.orders.values()):
            if other is not held and other.is_live and _same_oca(other, held):
                self.end(other)

    def correct(self, held: Held, root: str, quantity: Decimal) -> None:
        """Report an execution anew with another quantity; a fill may shrink, not grow. 0 is a bust.

        IB tells a bust by silence: the lists no longer name the execution.
        """
        before = held.fills[root][-1]
        quantity = min(quantity, before)
        if not quantity:
            del held.fills[root]
            self.busted.add(root)
            self.executions = [one for one in self.executions if one.root != root]
            self._move(held.frame.side.sign * -before)
            return
        held.fills[root].append(quantity)
        self._report(held, root)
        self._move(held.frame.side.sign * (quantity - before))

    def end(self, held: Held, *, word: str = "Cancelled", code: int = 202) -> None:
        """End an order that has not filled, its waiting legs with it."""
        if held.status in ENDED:
            return
        held.status = word
        self.say(BrokerNotice(held.frame.ib_order_id, code, "Order Canceled - reason:"))
        self._tell_status(held)
        if not held.worked:
            for leg in self._legs(held.frame.ib_order_id):
                self.end(leg)

    def settle_cancels(self) -> None:
        for held in list(self.orders.values()):
            if held.is_being_cancelled and held.status not in ENDED:
                self.end(held)

    def _legs(self, ib_order_id: int) -> list[Held]:
        return [held for held in self.orders.values() if held.frame.parent_ib_order_id == ib_order_id]

    def _move(self, quantity: Decimal) -> None:
        self.position += quantity
        self.say(self._position_report())

    # --- what is said -------------------------------------------------------------------

    def say(self, event: BrokerEvent) -> None:
        if self.line is not None:
            self.line.inbox.append(event)

    def _show(self, held: Held) -> None:
        self.say(shown(held))
        self._tell_status(held)

    def _tell_status(self, held: Held) -> None:
        self.say(
            OrderStatusReport(
                ib_order_id=held.frame.ib_order_id,
                ib_perm_id=held.perm_id,
                client_id=held.client_id,
                status=held.status,
                filled=held.filled,
                remaining=held.remaining,
            )
        )

    def _report(self, held: Held, root: str) -> None:
        revision, frame = len(held.fills[root]), held.frame
        report = ExecutionReport(
            account=frame.account,
            ib_exec_id=f"{root}.{revision:02d}",
            ib_order_id=frame.ib_order_id,
            ib_perm_id=held.perm_id,
            client_id=held.client_id,
            order_ref=frame.order_ref,
            ib_con_id=frame.ib_con_id,
            symbol=frame.symbol,
            sec_type=frame.sec_type,
            currency=frame.currency,
            side=frame.side,
            quantity=held.fills[root][-1],
            price=Decimal("227.40"),
            exchange="NASDAQ",
            executed_at=timezone.now(),
        )
        self.executions.append(report)
        self.say(report)

    def _position_report(self) -> PositionReport:
        return PositionReport(
            account="DU1234567",
            ib_con_id=265598,
            symbol="AAPL",
            sec_type="STK",
            exchange="SMART",
            currency="USD",
            local_symbol="AAPL",
            quantity=self.position,
            average_cost=Decimal(200),
        )

    def lists(self) -> Lists:
        """Return the four lists, complete; commissions follow the executions as IB sends them."""
        known = [held for held in self.orders.values() if held.is_transmitted]
        return Lists(
            open_orders=tuple(shown(held) for held in known if held.status not in ENDED),
            completed_orders=tuple(shown(held) for held in known if held.status in ENDED),
            executions=tuple(self.executions),
            commissions=tuple(_commission(report) for report in self.executions),
            positions=(self._position_report(),) if self.position else (),
        )


def shown(held: Held) -> BrokerOrder:
    """Return the order as openOrder and completedOrder show it."""
    frame, is_over = held.frame, held.status in ENDED
    return BrokerOrder(
        account=frame.account,
        order_ref=frame.order_ref,
        ib_order_id=0 if is_over else frame.ib_order_id,
        ib_perm_id=held.perm_id,
        client_id=held.client_id,
        ib_con_id=frame.ib_con_id,
        symbol=frame.symbol,
        sec_type=frame.sec_type,
        exchange=frame.exchange,
        currency=frame.currency,
        side=frame.side,
        order_type=IB_WORDS[frame.order_type],
        quantity=frame.quantity,
        limit_price=frame.limit_price,
        stop_price=frame.stop_price,
        time_in_force=frame.time_in_force,
        status=held.status,
        filled=held.filled if is_over else None,
        parent_ib_order_id=frame.parent_ib_order_id,
    )


def live_quantity(orders: Iterable[Held], side: Side) -> Decimal:
    """Return how much these orders could still trade on one side."""
    return sum((one.remaining for one in orders if one.frame.side is side), ZERO)


def _terms(frame: OrderFrame) -> dict[str, Decimal | None]:
    return {
        "quantity": frame.quantity,
        "limit_price": frame.limit_price,
        "stop_price": frame.stop_price,
    }


def _same_oca(one: Held, other: Held) -> bool:
    return bool(one.frame.oca_group) and one.frame.oca_group == other.frame.oca_group


def _commission(report: ExecutionReport) -> CommissionReport:
    return CommissionReport(report.ib_exec_id, COMMISSION, "USD", None)
