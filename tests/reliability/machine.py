"""Everything that can happen to an order, in any sequence: a state machine for Hypothesis.

Real services on the real database, each call its own transaction; the broker is
model_broker.py, the gateway hand.py. After every step promises.py looks at all rows, and at the
end everything comes to rest and must agree with the broker.

This is the deterministic simulation too: no thread, no socket and no clock of its own, so one
seed is one schedule, and a failure is printed as the sequence of calls that leads to it.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from apps.domain.errors import DomainError
from apps.domain.events import BrokerEvent, BrokerNotice, PositionReport
from apps.domain.executions import ExecutionReport
from apps.domain.orders import CLOSED, NOT_CLOSED, OrderStatus, OrderTicket, OrderType, Side
from apps.domain.risk.limits import PAPER_DEFAULTS, Limits, to_values
from apps.orders.models import Execution, Order
from apps.orders.selectors import sendable_changes, sendable_ids
from apps.orders.services.changes import NewTerms, expire_changes, request_change
from apps.orders.services.families import submit_bracket
from apps.orders.services.flight import expire_unsent
from apps.orders.services.intake import IdempotencyKeyConflict, Wishes, submit_order
from apps.orders.services.wishes import request_cancel
from apps.orders.snapshots import tradable_quantity
from apps.safety.models import AccountRisk, LimitSet
from apps.safety.selectors import account_scope
from apps.safety.services.states import halt_trading, reduce_trading, resume_trading
from tests.places import CODE
from tests.reliability.clock import Clock
from tests.reliability.hand import CLIENT_ID, Died, Hand, build_house, dying_at, empty_tables, hear_a_price
from tests.reliability.model_broker import ZERO, BrokenPromise, Held, ModelBroker
from tests.reliability.promises import Promises, require

WIDE = replace(PAPER_DEFAULTS, max_position=Decimal(40), max_open_orders=8, max_quantity=Decimal(20))
TIGHT = replace(WIDE, max_position=Decimal(15), max_open_orders=3)
ANY_ORDER = Wishes(allow_duplicate=True)
ROUNDS_TO_REST = 8
LEASE_S = 15
HELD_AT_FIRST = Decimal(10)
TARGET, STOP = Decimal(240), Decimal(221)

pick = st.integers(min_value=0, max_value=7)
small = st.sampled_from([1, 4, 6, 10])
sides = st.sampled_from([Side.BUY, Side.BUY, Side.SELL])
web_deaths = st.sampled_from(["", "", "web.accept.before_commit", "web.accept.after_commit"])
fact_deaths = st.sampled_from(
    ["", "", "", "gw.ack.before_commit", "gw.exec.before_commit", "gw.exec.after_commit"]
)
#: IB's codes: harmless ones, ones that sound final and are not, and a refusal.
codes = st.sampled_from([399, 404, 2109, 10349, 10147, 10148, 161, 105, 321, 19999, 201])

#: How many steps all machines of this process have taken, and how many came to rest at the end.
TAKEN: Counter[str] = Counter()


class Stage(IntEnum):
    """How far an order comes before the next thing happens."""

    ASKED = 0
    CLAIMED = 1
    WRITTEN = 2
    READ = 3
    HEARD = 4
    TRADED = 5


stages = st.sampled_from(list(Stage))


@dataclass(frozen=True)
class Tara:
    """Tara trades."""

    principal: str = "key:tara0001"


@dataclass
class Asked:
    """What a client asked for under a key, and the orders it was answered with: one at most."""

    ticket: OrderTicket
    is_bracket: bool = False
    answers: set[int] = field(default_factory=set)


class OrderMachine(RuleBasedStateMachine):
    """One account, one stock, one gateway at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self._time = ExitStack()
        self._time.enter_context(self.clock.rules())
        empty_tables()
        self.account, self.stock = build_house()
        self.limits = WIDE
        self._store_limits(WIDE)
        self.broker = ModelBroker(position=HELD_AT_FIRST)
        self.promises = Promises(self.broker)
        self.hand = Hand(self.broker, self.clock)
        self.hand.connect(next_valid_id=1)
        self.asked: dict[str, Asked] = {}
        self.zombies: list[Hand] = []
        self.has_lost_facts = False
        self.is_restricted = False

    @initialize(first=st.lists(st.tuples(sides, small, stages), min_size=1, max_size=3))
    def begin(self, first: list[tuple[Side, int, Stage]]) -> None:
        """Nothing happens to no orders, so an example begins with some."""
        for side, quantity, reaches in first:
            self.place(side, quantity, False, "", reaches)

    # --- what clients ask -----------------------------------------------------------------

    @rule(side=sides, quantity=small, is_market=st.booleans(), dies=web_deaths, reaches=stages)
    def place(self, side: Side, quantity: int, is_market: bool, dies: str, reaches: Stage) -> None:
        self._ask(f"swing-{len(self.asked):04}", Asked(_ticket(side, quantity, is_market)), dies=dies)
        self._go_on(reaches)

    @rule(quantity=small, dies=web_deaths, reaches=stages)
    def place_bracket(self, quantity: int, dies: str, reaches: Stage) -> None:
        asked = Asked(_ticket(Side.BUY, quantity, is_market=False), is_bracket=True)
        self._ask(f"swing-{len(self.asked):04}", asked, dies=dies)
        self._go_on(reaches)

    @rule(which=pick, is_other=st.booleans())
    def repeat(self, which: int, is_other: bool) -> None:
        """I11: a key names one order whatever happened since; with another body it makes nothing."""
        key = _one_of(list(self.asked), which)
        asked = self.asked[key]
        if not is_other:
            self._ask(key, asked)
        elif Order.objects.filter(client_order_id=key).exists():
            other = Asked(replace(asked.ticket, quantity=asked.ticket.quantity + 1), asked.is_bracket)
            with pytest.raises(IdempotencyKeyConflict):
                self._submit(key, other)

    @rule(which=pick, is_sent=st.booleans())
    def wish_cancel(self, which: int, is_sent: bool) -> None:
        order = _one_of(_own(*NOT_CLOSED) or _own(), which)
        if order is None:
            return
        try:
            after = request_cancel(order.pk, by="key:tara0001")
        except DomainError:
            require(order.standing in CLOSED, f"I12: no cancel for {order.status}")
            return
        if order.status == OrderStatus.ACCEPTED:
            require(after.status == OrderStatus.CANCELLED_UNSENT, "I12: an unsent order was not ended")
        if is_sent and self.hand.is_connected:
            self.hand.send_cancels()

    @rule(which=pick, quantity=small, is_lower=st.booleans(), reaches=stages)
    def ask_change(self, which: int, quantity: int, is_lower: bool, reaches: Stage) -> None:
        order = _one_of(_own(OrderStatus.WORKING, OrderStatus.PARTIALLY_FILLED), which)
        if order is None:
            return
        price = Decimal("227.00") if is_lower and order.limit_price is not None else None
        self._tolerate(
            lambda: request_change(order.pk, NewTerms(Decimal(quantity), price), by="key:tara0001")
        )
        self._go_on(reaches)

    # --- what people at the risk desk do --------------------------------------------------

    @rule(verb=st.sampled_from([halt_trading, reduce_trading, resume_trading, resume_trading]))
    def change_state(self, verb: Callable[..., object]) -> None:
        """Halt or reduce; the next time, whatever it is, trading is resumed, also after the breaker."""
        self.is_restricted = not self.is_restricted and verb is not resume_trading
        if self.is_restricted:
            verb(scope="*", by="user:rita", reason="generated")
        else:
            self._resume()

    def _resume(self) -> None:
        for scope in ("*", account_scope(CODE)):
            resume_trading(scope=scope, by="user:rita", reason="generated")

    @rule(limits=st.sampled_from([WIDE, TIGHT]))
    def change_limits(self, limits: Limits) -> None:
        if limits is not self.limits:
            self._store_limits(limits)

    # --- what the gateway does ------------------------------------------------------------

    @precondition(lambda self: self.hand.is_up)
    @rule(which=pick, dies=st.sampled_from(["", "", "", "gw.claim.before_commit"]))
    def claim(self, which: int, dies: str = "") -> None:
        order_id = _one_of(sendable_ids("main"), which)
        if order_id is not None:
            self._mortally(dies, lambda: self.hand.claim(order_id))
            self._within_limits(order_id)

    @precondition(lambda self: self.hand.plans)
    @rule(at_most=st.sampled_from([3, 3, 1, 2, 0]))
    def write(self, at_most: int) -> None:
        self.hand.write(at_most=at_most)

    @precondition(lambda self: self.hand.is_connected)
    @rule()
    def send_cancels(self) -> None:
        self.hand.send_cancels()

    @precondition(lambda self: self.hand.is_up)
    @rule(which=pick)
    def claim_change(self, which: int) -> None:
        change_id = _one_of(sendable_changes("main"), which)
        if change_id is not None:
            self.hand.claim_change(change_id)

    @precondition(lambda self: self.hand.change_plans)
    @rule(is_clogged=st.booleans())
    def write_change(self, is_clogged: bool) -> None:
        self.hand.write_change(is_clogged=is_clogged)

    @precondition(lambda self: self.hand.is_connected and self.hand.look is None)
    @rule(is_whole=st.booleans())
    def begin_look(self, is_whole: bool) -> None:
        self.hand.begin_look()
        if is_whole:
            self.hand.finish_look()

    @precondition(lambda self: self.hand.look is not None)
    @rule(dies=fact_deaths)
    def finish_look(self, dies: str = "") -> None:
        self._mortally(dies, self.hand.finish_look)

    @precondition(lambda self: self.hand.inbox)
    @rule(which=pick, times=st.sampled_from([1, 1, 2, 3]), keeps=st.booleans(), dies=fact_deaths)
    def hear(self, which: int, times: int, keeps: bool, dies: str = "") -> None:
        """Book one message, not the oldest, more than once; kept, it comes again later."""
        event = _one_of(self.hand.inbox, which)
        for _ in range(1 if isinstance(event, PositionReport) else times):
            self._mortally(dies, lambda: self._hear(event))
            if not self.hand.is_connected:
                return
        if not keeps and event in self.hand.inbox:
            self.hand.inbox.remove(event)

    @rule(reaches=stages)
    def go_on(self, reaches: Stage) -> None:
        """A second in which nothing goes wrong until what is under way has come so far."""
        self._go_on(reaches)

    # --- what goes wrong ------------------------------------------------------------------

    @precondition(lambda self: self.hand.is_connected)
    @rule(loses_unread=st.booleans(), lands_plans=st.booleans())
    def disconnect(self, loses_unread: bool, lands_plans: bool) -> None:
        self.has_lost_facts = True
        self.hand.disconnect(loses_unread=loses_unread, lands_plans=lands_plans)

    @precondition(lambda self: not self.hand.is_connected)
    @rule(rolled_back=st.booleans(), reads_old_first=st.booleans())
    def connect(self, rolled_back: bool, reads_old_first: bool) -> None:
        """Sign in again; IB may count its ids from 1 again, and may read the old socket later."""
        if reads_old_first:
            self._read_late()
        self.hand.connect(next_valid_id=1 if rolled_back else self.broker.next_valid_id)
        self.has_lost_facts = False

    @rule(loses_unread=st.booleans(), only_sleeps=st.booleans())
    def crash(self, loses_unread: bool, only_sleeps: bool) -> None:
        """Kill -9: what is left are the rows and the broker. Or it only stood still, and wakes later."""
        if only_sleeps:
            self.zombies.append(self.hand)
            self.clock.advance(LEASE_S + 1)
        self._die(loses_unread=loses_unread)

    @precondition(lambda self: self.zombies)
    @rule(which=pick)
    def wake_the_old_one(self, which: int) -> None:
        """An old owner goes on where it stood: nothing of it may reach the wire."""
        old = _one_of(self.zombies, which)
        if old.sender is None:
            return
        for order_id in sendable_ids("main"):
            plan = old.claim(order_id, sender=old.sender)
            require(not plan.flying, "I10: an old epoch has claimed an order")
        old.sleep_off()

    @precondition(lambda self: self.hand.is_connected)
    @rule(is_blind=st.booleans())
    def change_sight(self, is_blind: bool) -> None:
        """1100 and 1102: without its own line IB Gateway's lists mean nothing."""
        self.hand.is_blind = is_blind

    @rule(seconds=st.sampled_from([1, 6, 31, 65]), timers_run=st.booleans())
    def let_time_pass(self, seconds: int, timers_run: bool) -> None:
        self.clock.advance(seconds)
        if timers_run:
            self._run_timers()

    def _run_timers(self) -> None:
        expire_unsent()
        expire_changes("main")
        self.hand.doubt()

    # --- what the broker does -------------------------------------------------------------

    @precondition(lambda self: self.broker.line is not None and self.broker.line.unread)
    @rule()
    def read_frame(self) -> None:
        assert self.broker.line is not None
        self.broker.read(self.broker.line.unread.pop(0), client_id=CLIENT_ID)

    @precondition(lambda self: self.broker.late)
    @rule(is_lost=st.booleans())
    def read_old_socket(self, is_lost: bool) -> None:
        if is_lost:
            self.broker.late.clear()
        else:
            self._read_late()

    @precondition(lambda self: self.broker.tradable())
    @rule(which=pick, quantity=small)
    def trade(self, which: int, quantity: int) -> None:
        self.broker.trade(_one_of(self.broker.tradable(), which), Decimal(quantity))
        self._facts_may_be_lost()

    @precondition(lambda self: self.broker.executions)
    @rule(which=pick, quantity=st.sampled_from([0, 1, 3]))
    def correct(self, which: int, quantity: int) -> None:
        held = _one_of([held for held in self.broker.orders.values() if held.fills], which)
        self.broker.correct(held, _one_of(list(held.fills), which), Decimal(quantity))
        self._facts_may_be_lost()

    @precondition(lambda self: self._unfilled())
    @rule(which=pick, word=st.sampled_from(["Inactive", "Cancelled"]), code=st.sampled_from([201, 202]))
    def end_order(self, which: int, word: str, code: int) -> None:
        self.broker.end(_one_of(self._unfilled(), which), word=word, code=code)
        self._facts_may_be_lost()

    @precondition(lambda self: any(held.is_being_cancelled for held in self.broker.orders.values()))
    @rule()
    def settle_cancels(self) -> None:
        self.broker.settle_cancels()

    @precondition(lambda self: self.broker.orders)
    @rule(which=pick, code=codes)
    def say_something(self, which: int, code: int) -> None:
        held = _one_of(list(self.broker.orders.values()), which)
        self.broker.say(BrokerNotice(held.frame.ib_order_id, code, "generated"))

    # --- after each step and at the end -----------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        TAKEN["steps"] += 1
        hear_a_price()
        self.promises.check()

    def teardown(self) -> None:
        with self._time:
            if sys.exc_info()[0] is None:
                self.come_to_rest()
                TAKEN["examples"] += 1

    def come_to_rest(self) -> None:
        """Let everything arrive and time pass until nothing changes; then books and broker agree."""
        self._read_late()
        if not self.hand.is_connected:
            self.hand.connect(next_valid_id=self.broker.next_valid_id)
        self.hand.is_blind, self.hand.look = False, None
        for left in reversed(range(ROUNDS_TO_REST)):
            self._round_to_rest()
            try:
                self.promises.check_at_rest()
            except BrokenPromise:
                if not left:
                    raise
            else:
                return

    def _round_to_rest(self) -> None:
        while self.hand.plans:
            self.hand.write()
        while self.hand.change_plans:
            self.hand.write_change(is_clogged=False)
        self.hand.send_cancels()
        self._read_all()
        self.broker.settle_cancels()
        self._hear_all()
        self.clock.advance(35)
        self._run_timers()
        self.hand.begin_look()
        self.hand.finish_look()
        self.promises.check()

    def _go_on(self, reaches: Stage) -> None:
        if not self.hand.is_up:
            return
        if reaches >= Stage.CLAIMED:
            for order_id in sendable_ids("main"):
                self.hand.claim(order_id)
                self._within_limits(order_id)
            for change_id in sendable_changes("main"):
                self.hand.claim_change(change_id)
        if reaches >= Stage.WRITTEN:
            while self.hand.plans:
                self.hand.write()
            while self.hand.change_plans:
                self.hand.write_change(is_clogged=False)
        if reaches >= Stage.READ:
            self._read_all()
        if reaches is Stage.TRADED:
            for held in self.broker.tradable():
                self.broker.trade(held, Decimal(4))
        if reaches >= Stage.HEARD:
            self._hear_all()

    # --- the smaller parts ------------------------------------------------------------------

    def _ask(self, key: str, asked: Asked, *, dies: str = "") -> None:
        self.asked[key] = asked
        is_new = not Order.objects.filter(client_order_id=key).exists()
        try:
            with dying_at(dies):
                order = self._submit(key, asked)
        except (Died, DomainError):
            return
        asked.answers.add(order.pk)
        require(len(asked.answers) == 1, f"I11: {key} named the orders {asked.answers}")
        if is_new:
            self._within_limits(order.pk)

    def _submit(self, key: str, asked: Asked) -> Order:
        if not asked.is_bracket:
            return submit_order(asked.ticket, client_order_id=key, by=Tara(), wishes=ANY_ORDER).order
        return submit_bracket(
            asked.ticket,
            take_profit=TARGET,
            stop_loss=STOP,
            client_order_id=key,
            by=Tara(),
            wishes=ANY_ORDER,
        ).parent

    def _within_limits(self, order_id: int) -> None:
        """I14: what was just let through is within the limits together with all the others."""
        order = Order.objects.get(pk=order_id)
        if order.standing in CLOSED:
            return
        open_ones = list(Order.objects.filter(status__in=NOT_CLOSED).select_related("parent"))
        require(len(open_ones) <= self.limits.max_open_orders, f"I14: {len(open_ones)} orders not closed")
        if order.side == Side.BUY:
            held = self._held_without_void(Side.BUY)
            buys = sum((tradable_quantity(one) for one in open_ones if one.side == Side.BUY), ZERO)
            require(held + buys <= self.limits.max_position, f"I14: {held} held and {buys} bought")
        elif not self._has_unheard_executions():
            held, sells = self._held_without_void(Side.SELL), _worst_sells(open_ones)
            require(sells <= held, f"I14: {held} held and {sells} sold")

    def _held_without_void(self, side: Side) -> Decimal:
        """Return what executions add up to; one of this side that was declared void makes room at once."""
        valid = Execution.objects.filter(superseded=False).exclude(root__in=self.broker.busted, side=side)
        booked = valid.values_list("side", "quantity")
        return sum((Side(side).sign * quantity for side, quantity in booked), HELD_AT_FIRST)

    def _has_unheard_executions(self) -> bool:
        waiting = any(isinstance(event, ExecutionReport) for event in self.hand.inbox)
        return waiting or self.has_lost_facts

    def _facts_may_be_lost(self) -> None:
        self.has_lost_facts |= self.broker.line is None

    def _store_limits(self, limits: Limits) -> None:
        self.limits = limits
        AccountRisk.objects.update(version=F("version") + 1)
        LimitSet.objects.create(
            account=self.account,
            version=AccountRisk.objects.get().version,
            values=to_values(limits),
            author="rita",
            reason="generated",
            at=timezone.now(),
        )

    def _unfilled(self) -> list[Held]:
        return [one for one in self.broker.orders.values() if one.is_live and not one.worked]

    def _hear(self, event: BrokerEvent) -> None:
        """Positions alone come in their order, as the newest: each replaces the one before."""
        inbox = self.hand.inbox
        if isinstance(event, PositionReport):
            waiting = [one for one in inbox if isinstance(one, PositionReport)]
            inbox[:] = [one for one in inbox if not isinstance(one, PositionReport)]
            event = waiting[-1] if waiting else event
        self.hand.hear(event, instrument=self.stock)

    def _hear_all(self) -> None:
        while self.hand.inbox:
            event = self.hand.inbox[0]
            self._hear(event)
            if event in self.hand.inbox:
                self.hand.inbox.remove(event)

    def _read_all(self) -> None:
        assert self.broker.line is not None
        while self.broker.line.unread:
            self.read_frame()

    def _read_late(self) -> None:
        while self.broker.late:
            self.broker.read(self.broker.late.pop(0), client_id=CLIENT_ID)
        self._facts_may_be_lost()

    def _mortally(self, dies: str, call: Callable[[], object]) -> None:
        try:
            with dying_at(dies):
                call()
        except Died:
            self._die(loses_unread=False)

    def _die(self, *, loses_unread: bool) -> None:
        self.has_lost_facts = True
        self.broker.cut(loses_unread=loses_unread)
        self.hand = Hand(self.broker, self.clock)

    def _tolerate(self, call: Callable[[], object]) -> None:
        """Let the product refuse: a refusal is an answer, and the rows are looked at anyway."""
        try:
            call()
        except DomainError:
            return


def _ticket(side: Side, quantity: int, is_market: bool) -> OrderTicket:
    return OrderTicket(
        account=CODE,
        symbol="AAPL",
        side=side,
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        quantity=Decimal(quantity),
        limit_price=None if is_market else Decimal("227.40"),
    )


def _own(*statuses: OrderStatus) -> list[Order]:
    rows = Order.objects.filter(origin="OWN")
    return list((rows.filter(status__in=statuses) if statuses else rows).order_by("pk"))


def _one_of(things: Sequence[Any], which: int) -> Any:
    """Return one of them, None if there is none: any number picks, so that examples shrink well."""
    return things[which % len(things)] if things else None


def _worst_sells(orders: list[Order]) -> Decimal:
    """Return what the open sells could sell together; of a group that cancels itself, the largest."""
    by_group: dict[str, Decimal] = {}
    for order in orders:
        if order.side == Side.SELL:
            name = order.oca_group or f"alone-{order.pk}"
            by_group[name] = max(by_group.get(name, ZERO), tradable_quantity(order))
    return sum(by_group.values(), ZERO)
