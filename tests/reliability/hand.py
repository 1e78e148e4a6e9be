"""A gateway cut down to its calls: the same services in the same order, driven by hand.

Everything it knows stands in its attributes, so a crash is to forget the object. What is left
then are the rows and the broker, as after kill -9. The tasks, lanes and sockets around these
calls are tested with real processes (crash.py); here every interleaving of the calls is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Account, Connection, Lease, Phase
from apps.accounts.services import (
    next_session,
    record_identity,
    record_phase,
    register_connection,
    take_lease,
)
from apps.audit import append_only
from apps.common import crash
from apps.common.clock import boottime
from apps.common.db import DbClock, database_now
from apps.common.prepared import PreparedUpdate
from apps.domain.events import (
    BrokerEvent,
    BrokerNotice,
    BrokerOrder,
    OrderStatusReport,
    PositionReport,
)
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.mode import Mode, ProofState, prove_mode
from apps.domain.orders import Sender
from apps.domain.quotes import MarketDataType, Quote
from apps.domain.reconcile import window_start
from apps.gateway import books
from apps.gateway.books import hold_against
from apps.gateway.outbound import PAUSE_GUARD_S, frame_of
from apps.instruments.models import Instrument
from apps.marketdata.models import ReferencePrice
from apps.orders.repeats import new_commissions, new_executions, new_orders
from apps.orders.selectors import due_cancels, reconcilable
from apps.orders.services.changes import ChangePlan, land_change, put_change_in_flight
from apps.orders.services.facts import (
    record_broker_order,
    record_commission,
    record_execution,
    record_notice,
    record_status,
)
from apps.orders.services.findings import Seen, apply_absences
from apps.orders.services.flight import (
    FlightPlan,
    land_unsent,
    mark_unknown,
    put_in_flight,
    raise_high_water,
)
from apps.orders.services.twins import settle_twins
from apps.orders.services.wishes import record_cancel_sent, request_cancel
from apps.positions.services import record_position
from apps.safety.models import AccountRisk, TradingState
from tests.places import CODE
from tests.reliability.clock import Clock
from tests.reliability.model_broker import CancelFrame, Frame, Lists, ModelBroker

CLIENT_ID, OWNER = 1, "here"
SILENCE = timedelta(seconds=5)
_LONG = timedelta(hours=12)


class Died(BaseException):
    """The process is gone at a named point; only rows are left."""


@contextmanager
def dying_at(name: str) -> Iterator[None]:
    """Let the process die where the product marks this point, as the crash points do for real."""
    before = crash.point

    def point(passed: str) -> None:
        if passed == name:
            raise Died(name)

    crash.point = point
    try:
        yield
    finally:
        crash.point = before


# --- rows that are there before anything happens -----------------------------------------------


def build_house() -> tuple[Account, Instrument]:
    """Make the rows of a READY paper account with one priced stock; the tables are empty."""
    TradingState.objects.update_or_create(scope="*", defaults={"state": "ACTIVE", "at": timezone.now()})
    register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=True, wanted=True
    )
    instrument = Instrument.objects.create(
        ib_con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        primary_exchange="NASDAQ",
        currency="USD",
        min_tick=Decimal("0.01"),
        refreshed_at=timezone.now(),
    )
    ReferencePrice.objects.create(
        instrument=instrument,
        bid=Decimal("227.42"),
        ask=Decimal("227.44"),
        last=Decimal("227.43"),
        market_data_type=MarketDataType.LIVE,
        received_at=database_now(),
    )
    account = Account.objects.create(
        code=CODE,
        connection=Connection.objects.get(),
        mode=Mode.PAPER.value,
        first_seen_at=timezone.now(),
        last_seen_at=timezone.now(),
    )
    AccountRisk.objects.create(account=account)
    return account, instrument


_HEARD_A_PRICE = PreparedUpdate(lambda: (ReferencePrice.objects.all(), {"received_at": DbClock()}))


def hear_a_price() -> None:
    """Let the stock's price be of this moment again."""
    _HEARD_A_PRICE()


def empty_tables() -> None:
    """Forget all rows of an earlier example; the audit's own trigger has to stand aside for it."""
    with transaction.atomic():
        append_only.remove(connection)
        with connection.cursor() as cursor:
            for model in (model for part in _PARTS for model in apps.get_app_config(part).get_models()):
                cursor.execute(f"DELETE FROM {model._meta.db_table}")
        append_only.install(connection)


_PARTS = ("gateway", "orders", "positions", "marketdata", "instruments", "safety", "accounts", "audit")


# --- the gateway -------------------------------------------------------------------------------


@dataclass
class Look:
    """A look at the lists that has been begun: what was asked for, and what they showed."""

    candidates: list[int]
    began_at: datetime
    lists: Lists
    saw_the_market: bool


class Hand:
    """One gateway process: takes the lease, then whatever it is told to do next."""

    def __init__(self, broker: ModelBroker, clock: Clock) -> None:
        epoch = take_lease(connection_name="main", owner=OWNER, ttl_s=_LONG.total_seconds())
        assert epoch is not None
        self.epoch = epoch
        self.broker = broker
        self.sender: Sender | None = None
        self.plans: list[FlightPlan] = []
        self.change_plans: list[ChangePlan] = []
        self.early: dict[str, CommissionReport] = {}
        self.look: Look | None = None
        self.is_blind = False
        self.position_heard_at = datetime(1970, 1, 1, tzinfo=UTC)
        self._clock = clock

    @property
    def is_connected(self) -> bool:
        return self.sender is not None

    @property
    def is_up(self) -> bool:
        """Tell whether an order may be claimed and written."""
        return self.is_connected and not self.is_blind

    @property
    def inbox(self) -> list[BrokerEvent]:
        return self.broker.line.inbox if self.broker.line is not None else []

    def sleep_off(self) -> None:
        """Wake up with plans picked before: the pause guard takes every one of them back."""
        while self.plans:
            self.write()
        while self.change_plans:
            self.write_change(is_clogged=False)

    # --- sessions ---------------------------------------------------------------------

    def connect(self, *, next_valid_id: int) -> None:
        """Sign in and be READY after a whole look, as the real one does."""
        self.broker.open_line()
        session = next_session(connection_name="main", epoch=self.epoch)
        proof = prove_mode(Mode.PAPER, port=4002, managed_accounts=[CODE])
        record_identity(
            connection_name="main",
            epoch=self.epoch,
            session=session,
            server_version=176,
            accounts=[CODE],
            proof=proof,
        )
        self.sender = Sender("main", OWNER, self.epoch, session, CLIENT_ID, next_valid_id)
        self.is_blind = False
        self.begin_look()
        self.finish_look()
        self._phase(Phase.READY)

    def disconnect(self, *, loses_unread: bool, lands_plans: bool) -> None:
        """Lose the line; the process lives and may still take back what it has not written."""
        if lands_plans:
            while self.plans:
                self._land(self.plans.pop(0), reason="BROKER_NOT_READY")
            while self.change_plans:
                self._land_change(self.change_plans.pop(0), reason="BROKER_NOT_READY")
        self.broker.cut(loses_unread=loses_unread)
        self.sender = self.look = None
        self.early, self.plans, self.change_plans = {}, [], []
        self._phase(Phase.DISCONNECTED)

    def _phase(self, phase: Phase) -> None:
        record_phase(connection_name="main", epoch=self.epoch, phase=phase)
        Connection.objects.update(heartbeat_at=timezone.now() + _LONG)
        Lease.objects.filter(epoch=self.epoch).update(expires_at=timezone.now() + _LONG)

    # --- orders out ---------------------------------------------------------------------

    def claim(self, order_id: int, *, sender: Sender | None = None) -> FlightPlan:
        """Commit an order for the wire; the write comes later, or never."""
        plan = put_in_flight(
            order_id,
            sender=sender or self._sender(),
            picture={265598: _quote()},
            proof=ProofState.PROVEN,
            boottime=boottime(),
        )
        if plan.flying and sender is None:
            self.plans.append(replace(plan, committed_at=self._now()))
        return plan

    def write(self, *, at_most: int = 3) -> None:
        """Write the frames of the oldest plan; what the wire does not take is taken back."""
        plan = self.plans.pop(0)
        reason = self._why_not(plan.committed_at)
        written = [] if reason else plan.flying[:at_most]
        self._put(*(frame_of(one, parent_id=plan.flying[0].ib_order_id) for one in written))
        if 0 < len(written) < len(plan.flying):
            for one in written:
                request_cancel(one.pk, by="gateway")
        self._land(replace(plan, flying=plan.flying[len(written) :]), reason=reason or "GATEWAY_BACKPRESSURE")

    def _land(self, plan: FlightPlan, *, reason: str) -> None:
        if plan.flying:
            land_unsent([flying.pk for flying in plan.flying], sender=self._sender(), reason=reason)

    def _put(self, *frames: Frame) -> None:
        if frames:
            assert self.broker.line is not None
            self.broker.line.unread += frames

    def _why_not(self, committed_at: float) -> str:
        if self._now() - committed_at > PAUSE_GUARD_S:
            return "GATEWAY_PAUSED"
        return "BROKER_NOT_READY" if self.is_blind else ""

    def send_cancels(self) -> int:
        """Write every cancel that is due; return how many."""
        sent = 0
        for wish in due_cancels("main", halted_only=False):
            if record_cancel_sent(wish.order_id):
                self._put(CancelFrame(wish.ib_order_id))
                sent += 1
        return sent

    def claim_change(self, change_id: int) -> None:
        """Commit a change for the wire; the write comes later, or never."""
        plan = put_change_in_flight(
            change_id,
            sender=self._sender(),
            picture={265598: _quote()},
            proof=ProofState.PROVEN,
            boottime=boottime(),
        )
        if plan is not None:
            self.change_plans.append(replace(plan, committed_at=self._now()))

    def write_change(self, *, is_clogged: bool) -> None:
        """Write the frame of the oldest change, or take it back."""
        plan = self.change_plans.pop(0)
        reason = self._why_not(plan.committed_at) or ("GATEWAY_BACKPRESSURE" if is_clogged else "")
        if reason:
            self._land_change(plan, reason=reason)
        else:
            self._put(frame_of(plan.flying, parent_id=plan.parent_ib_order_id))

    def _land_change(self, plan: ChangePlan, *, reason: str) -> None:
        land_change(plan.change_id, sender=self._sender(), reason=reason)

    # --- facts in -----------------------------------------------------------------------

    def hear(self, event: BrokerEvent, *, instrument: Instrument) -> None:
        """Book one fact, as the inbox of the real one does."""
        sender = self._sender()
        match event:
            case ExecutionReport():
                record_execution(event, sender=sender)
                self._join(event.ib_exec_id)
            case CommissionReport():
                if not record_commission(event, sender=sender):
                    self.early[event.ib_exec_id] = event
            case BrokerOrder():
                record_broker_order(event, sender=sender, cause="open_order")
            case OrderStatusReport():
                record_status(event, sender=sender)
            case PositionReport():
                self.position_heard_at = database_now()
                record_position(report=event, instrument=instrument)
            case BrokerNotice():
                record_notice(event, sender=sender)
            case _:
                raise AssertionError(event)

    def _join(self, ib_exec_id: str) -> None:
        early = self.early.pop(ib_exec_id, None)
        if early is not None:
            record_commission(early, sender=self._sender())

    def doubt(self) -> None:
        """Look at what has been in flight for long."""
        session = self.sender.session if self.sender is not None else None
        mark_unknown(connection="main", session=session, silent_for=SILENCE)

    def begin_look(self) -> None:
        sender, began_at = self._sender(), database_now()
        raise_high_water(connection="main", client_id=CLIENT_ID, next_valid_id=sender.next_valid_id)
        mark_unknown(connection="main", session=sender.session, silent_for=SILENCE)
        candidates = list(reconcilable("main", [CODE]))
        lists = Lists((), (), (), (), self.broker.lists().positions) if self.is_blind else self.broker.lists()
        self.look = Look(candidates, began_at, lists, saw_the_market=not self.is_blind)

    def finish_look(self) -> None:
        """Book a whole look: executions first, then orders, then what nobody named."""
        look, sender = self.look, self._sender()
        assert look is not None
        self.look = None
        for report in new_executions(look.lists.executions, sender=sender):
            record_execution(report, sender=sender)
        for commission in new_commissions(look.lists.commissions, sender=sender):
            record_commission(commission, sender=sender)
        for cause, orders in (
            ("open_orders", look.lists.open_orders),
            ("completed_orders", look.lists.completed_orders),
        ):
            for order in new_orders(orders, sender=sender, cause=cause):
                record_broker_order(order, sender=sender, cause=cause, list_began_at=look.began_at)
        live = {order.ib_perm_id for order in look.lists.open_orders}
        settle_twins(connection="main", live=live, began_at=look.began_at)
        sees = look.saw_the_market and not self.is_blind
        if sees:
            apply_absences(seen=_seen(look), sender=sender, candidates=look.candidates)
        hold_against(self._held(look), [CODE], compare=sees, now=database_now())

    def _held(self, look: Look) -> books.Look:
        newer = [265598] if self.position_heard_at >= look.began_at else []
        return books.Look(
            session=self._sender().session,
            asked_at=look.began_at,
            positions=look.lists.positions,
            completed=look.lists.completed_orders,
            executions=look.lists.executions,
            newer=newer,
        )

    def _sender(self) -> Sender:
        assert self.sender is not None
        return self.sender

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _seen(look: Look) -> Seen:
    orders = [*look.lists.open_orders, *look.lists.completed_orders]
    refs = {one.order_ref for one in orders} | {one.order_ref for one in look.lists.executions}
    return Seen(
        order_refs=refs,
        perm_ids={one.ib_perm_id for one in orders} - {0},
        window_start=window_start(look.began_at),
        began_at=look.began_at,
    )


def _quote() -> Quote:
    return Quote(
        ib_con_id=265598,
        symbol="AAPL",
        exchange="SMART",
        currency="USD",
        market_data_type=MarketDataType.LIVE,
        received_at=datetime.now(UTC),
        received_boottime=boottime(),
        bid=Decimal("227.42"),
        ask=Decimal("227.44"),
        last=Decimal("227.43"),
    )
