"""Take an order in: identity, gate 1, and one transaction that makes it durable.

From the commit on the row is the order; nothing here waits for the broker or for a Redis.
A denial is an order row too, so that the books know what was refused (safety rule 9).
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from django.db import IntegrityError, transaction

from apps.accounts.models import Account
from apps.accounts.order_gate import closed_gate
from apps.accounts.selectors import account_by_code, proof_for
from apps.common import crash
from apps.common.bell import ring_on_commit
from apps.common.db import CommitUnanswered, database_now, for_update, short_transaction
from apps.common.prepared import Prepared, insert
from apps.common.request_ids import RequestIds
from apps.common.version import code_version
from apps.common.waiting import wait_until
from apps.domain.errors import DomainError
from apps.domain.identity import fingerprint, is_client_order_id, order_ref
from apps.domain.mode import Mode
from apps.domain.orders import OrderStatus, OrderTicket, Origin
from apps.domain.risk.gate import Verdict, evaluate
from apps.domain.risk.limits import MAX_EXPIRY_S, Limits
from apps.domain.risk.rules import LEG_RULES, RULES, Rule
from apps.instruments.models import Instrument
from apps.instruments.services import resolve_symbol
from apps.marketdata.models import WatchPriority
from apps.marketdata.services import keep_watch
from apps.orders.models import Execution, Order, OrderGroup
from apps.orders.services.lost_answers import what_was_stored
from apps.orders.services.prices import on_tick, refuse_immediate_trigger
from apps.orders.services.transitions import record_step
from apps.orders.snapshots import NO_PRICE, PriceSeen, price_from_row, snapshot_for
from apps.safety.models import AccountRisk, TradingState
from apps.safety.selectors import limits_in_force, scopes_of, state_words
from apps.safety.services.limits import ensure_account_risk
from apps.safety.services.states import lock_trading_states

LOOKUP_DEADLINE_S = 4.0
PRICE_DEADLINE_S = 2.0
GENERATED_KEY = "client_order_id was generated; send your own to make retries safe"


class BrokerNotReady(DomainError):
    """The connection is not READY; nothing was stored."""

    code = "BROKER_NOT_READY"


class RestartWindow(DomainError):
    """IB Gateway is about to restart or restarts; nothing was stored."""

    code = "RESTART_WINDOW"


class IdempotencyKeyConflict(DomainError):
    """This client_order_id was already used for a different order."""

    code = "IDEMPOTENCY_KEY_CONFLICT"


class IdempotencyKeyRequired(DomainError):
    """A live order needs a client_order_id."""

    code = "IDEMPOTENCY_KEY_REQUIRED"


class InvalidKey(DomainError):
    """A client_order_id has 8 to 64 characters: letters, digits, dot, underscore, colon, dash."""

    code = "VALIDATION_KEY"


class InProgress(DomainError):
    """The same request is being worked on; ask again in a second."""

    code = "IN_PROGRESS"


class Principal(Protocol):
    """Who asks, as far as an order has to remember it."""

    @property
    def principal(self) -> str:
        """Return the name that rows and audit lines carry, such as `key:k7m2qd4x`."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller allows beyond the ticket."""

    allow_duplicate: bool = False
    allow_immediate_trigger: bool = False
    round_prices: bool = False


NO_IDS = RequestIds(request_id="")
NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Submission:
    """The order as it stands after the request, and whether an earlier request had made it."""

    order: Order
    replayed: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a family on its way into the books; `asked` is its ticket before rounding."""

    ticket: OrderTicket
    client_order_id: str
    asked: OrderTicket
    role: str = ""
    oca_group: str = ""
    follows_parent: bool = False

    @property
    def fingerprint(self) -> str:
        """Return what a repeated request is compared with: the order as it was asked for."""
        return fingerprint(self.asked)


@dataclass(frozen=True, slots=True)
class Request:
    """Everything about one request that each of its rows repeats."""

    account: Account
    instrument: Instrument
    by: Principal
    ids: RequestIds
    wishes: Wishes
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Books:
    """What all rows of one acceptance share; `now` is the clock of the database.

    `refused_by` are the first refusing codes of any of them: a row that would have passed alone
    is denied for these.
    """

    limits: Limits
    refused_by: list[str]
    group: OrderGroup | None
    now: datetime


def submit_order(
    ticket: OrderTicket,
    *,
    client_order_id: str | None,
    by: Principal,
    ids: RequestIds = NO_IDS,
    wishes: Wishes = NO_WISHES,
) -> Submission:
    """Accept or deny one order, durably; a known key answers with the order it made.

    The order comes back ACCEPTED or DENIED. Raises BrokerNotReady, RestartWindow, InvalidKey,
    IdempotencyKeyRequired, IdempotencyKeyConflict, ImmediateTrigger, and what resolving the
    symbol raises; whatever is raised has stored nothing.
    """
    account = account_by_code(ticket.account)
    key, warnings = key_for(account, client_order_id)
    earlier = replay(account, ticket, key)
    if earlier is not None:
        return earlier
    require_ready(account)
    request = prepare(account, ticket, by=by, ids=ids, wishes=wishes, warnings=warnings)
    sent, rounded = on_tick(ticket, instrument=request.instrument, rounds=wishes.round_prices)
    if not wishes.allow_immediate_trigger:
        refuse_immediate_trigger(sent, request.instrument)
    request = replace(request, warnings=request.warnings + rounded)
    try:
        order = accept([Leg(sent, key, asked=ticket)], request)[0]
    except IntegrityError:
        return replay(account, ticket, key) or _lost_race()
    return Submission(order, replayed=False, warnings=request.warnings)


def key_for(account: Account, client_order_id: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the idempotency key, generated in paper if the caller sent none, with a warning."""
    if client_order_id is None:
        if account.mode == Mode.LIVE:
            raise IdempotencyKeyRequired
        return f"auto-{Order._meta.get_field('uuid').get_default().hex[:20]}", (GENERATED_KEY,)
    if not is_client_order_id(client_order_id):
        raise InvalidKey
    return client_order_id, ()


_order_of_key = Prepared(
    lambda account, key: Order.objects.select_related("account", "instrument", "group", "parent").filter(
        account_id=account, client_order_id=key
    ),
    int,
    str,
)


def replay(account: Account, ticket: OrderTicket, key: str) -> Submission | None:
    """Return what an earlier request with this key made, None if there was none.

    Raises IdempotencyKeyConflict if that was a different order.
    """
    earlier = _order_of_key.first(account.pk, key)
    if earlier is None:
        return None
    if earlier.fingerprint != fingerprint(ticket):
        raise IdempotencyKeyConflict(
            f"{key} was used for order {earlier.pk}", order_id=earlier.pk, order_uuid=str(earlier.uuid)
        )
    return Submission(earlier, replayed=True, warnings=tuple(earlier.warnings))


def require_ready(account: Account) -> None:
    """Raise BrokerNotReady or RestartWindow unless the account's connection takes new orders.

    It does while it is READY, its gateway alive and of our code, and no restart near.
    """
    gate = closed_gate(account.connection, now=database_now())
    if gate is None:
        return
    kind = RestartWindow if gate.code == RestartWindow.code else BrokerNotReady
    phase = account.connection.phase
    raise kind(gate.sentence, phase=phase, reason=gate.reason, retry_after_s=gate.retry_after_s)


def prepare(
    account: Account,
    ticket: OrderTicket,
    *,
    by: Principal,
    ids: RequestIds,
    wishes: Wishes,
    warnings: tuple[str, ...],
) -> Request:
    """Resolve the contract and wait a moment for its first price, before any lock is taken."""
    instrument = resolve_symbol(ticket.symbol, deadline_s=LOOKUP_DEADLINE_S)
    keep_watch(instrument=instrument, holder="orders", priority=WatchPriority.ORDER)
    if price_from_row(instrument) == NO_PRICE:
        _wait_for_price(instrument)
    return Request(account, instrument, by, ids, wishes, warnings)


def _wait_for_price(instrument: Instrument) -> None:
    def first_price() -> PriceSeen | None:
        seen = price_from_row(instrument)
        return None if seen == NO_PRICE else seen

    wait_until(first_price, topics=["quotes"], deadline_s=PRICE_DEADLINE_S, poll_s=0.05)


def accept(legs: Sequence[Leg], request: Request, *, kind: str = "") -> list[Order]:
    """Judge and store orders in one transaction: all ACCEPTED or all DENIED.

    With a `kind` they become a group of it; the first order of a bracket is the parent of the
    others. Raises IntegrityError if one of the keys was taken meanwhile; then nothing is stored.
    A lost answer to the COMMIT is settled by reading again; CommitUnanswered if that fails too.
    """
    orders: list[Order] = []
    try:
        _store_all(legs, request, kind=kind, orders=orders)
    except CommitUnanswered as lost:
        return what_was_stored(orders, request.account, lost=lost)
    crash.point("web.accept.after_commit")
    return orders


def _store_all(legs: Sequence[Leg], request: Request, *, kind: str, orders: list[Order]) -> None:
    """Put the stored rows into `orders`, whose names are known even if the COMMIT is not answered."""
    with short_transaction():
        # lock order everywhere: account risk, trading states, order ids, orders, audit head
        risk = lock_account_risk(request.account)
        now = database_now()
        refuse_orphans(legs, request.account)
        states = lock_states(request.account, request.instrument)
        limits = limits_in_force(request.account, risk=risk)
        verdicts = [
            judge(leg, request, states=states, limits=limits, beside=number, now=now)
            for number, leg in enumerate(legs)
        ]
        books = Books(
            limits=limits,
            refused_by=next((verdict.codes for verdict in verdicts if not verdict.passed), []),
            group=OrderGroup.objects.create(kind=kind, account=request.account, created_at=now)
            if kind
            else None,
            now=now,
        )
        for leg, verdict in zip(legs, verdicts, strict=True):
            parent = orders[0] if leg.follows_parent else None
            orders.append(_store(leg, request, verdict, books=books, parent=parent))
        crash.point("web.accept.before_commit")
        transaction.on_commit(partial(crash.point, "web.accept.before_doorbell"))
        ring_on_commit("orders")


_risk_row = Prepared(lambda account: for_update(AccountRisk.objects.filter(account_id=account)), int)


def lock_account_risk(account: Account) -> AccountRisk:
    """Return the row that makes the gates of one account serial, locked; the first lock of all."""
    risk = _risk_row.first(account.pk)
    if risk is None:
        ensure_account_risk(account)
        (risk,) = _risk_row.rows(account.pk)
    return risk


_orphan_of_ref = Prepared(
    lambda account, ref: Order.objects.filter(
        account_id=account, order_ref=ref, origin=Origin.ORPHAN.value
    ).order_by("pk")[:1],
    int,
    str,
)
_unclaimed_execution_of_ref = Prepared(
    lambda account, ref: Execution.objects.filter(
        account_id=account, order_ref=ref, order__isnull=True
    ).values_list("pk", flat=True)[:1],
    int,
    str,
)


def refuse_orphans(legs: Sequence[Leg], account: Account) -> None:
    """Raise IdempotencyKeyConflict if the broker has an order of this very name already.

    It was placed by a life of ours that this database does not remember; a second order of the
    same name would double it.
    """
    for leg in legs:
        ref = order_ref(account.code, leg.client_order_id)
        if (orphan := _orphan_of_ref.first(account.pk, ref)) is not None:
            raise IdempotencyKeyConflict(
                "The broker has an order of this key that is not in our books",
                order_id=orphan.pk,
                order_uuid=str(orphan.uuid),
            )
        if _unclaimed_execution_of_ref.rows(account.pk, ref):
            raise IdempotencyKeyConflict("The broker has filled an order of this key before")


def rules_for(leg: Leg) -> tuple[Rule, ...]:
    """Return the controls that concern a leg: one that waits for its parent has its own list."""
    return LEG_RULES if leg.follows_parent else RULES


def lock_states(account: Account, instrument: Instrument) -> list[TradingState]:
    """Return the trading states that concern an order, share-locked: a halt waits for us."""
    return lock_trading_states(scopes_of(account.code, instrument.symbol))


def judge(
    leg: Leg,
    request: Request,
    *,
    states: Sequence[TradingState],
    limits: Limits,
    leave_out: Collection[int] = (),
    beside: int = 0,
    now: datetime | None = None,
) -> Verdict:
    """Run gate 1 over one leg; `leave_out` are orders it would replace, `beside` counts its elders.

    `now` is what the database's clock said a moment ago, if the caller has asked it.
    """
    seen = snapshot_for(
        leg.ticket,
        account=request.account,
        instrument=request.instrument,
        states=state_words(states),
        proof=proof_for(request.account, request.account.connection.mode_proof),
        price=price_from_row(request.instrument),
        leave_out=leave_out,
        beside=beside,
        earlier_duplicate=_earlier_duplicate(leg, request, limits, now=now or database_now()),
    )
    return evaluate(leg.ticket, seen, limits, rules=rules_for(leg))


_equal_orders_since = Prepared(
    lambda account, instrument, text, principal, since: (
        Order.objects.filter(
            account_id=account,
            instrument_id=instrument,
            fingerprint=text,
            principal=principal,
            created_at__gt=since,
        )
        .exclude(status=OrderStatus.DENIED.value)
        .order_by("-pk")
        .values_list("pk", flat=True)[:1]
    ),
    *(int, int, str, str, datetime),
)


def _earlier_duplicate(leg: Leg, request: Request, limits: Limits, *, now: datetime) -> str:
    """Name an equal order of the same caller inside the window of R14."""
    if request.wishes.allow_duplicate:
        return ""
    since = now - timedelta(seconds=limits.duplicate_window_s)
    twins = _equal_orders_since.rows(
        request.account.pk, request.instrument.pk, leg.fingerprint, request.by.principal, since
    )
    return f"order {twins[0]}" if twins else ""


def _store(leg: Leg, request: Request, verdict: Verdict, *, books: Books, parent: Order | None) -> Order:
    ticket = leg.ticket
    refused = bool(books.refused_by)
    codes = verdict.codes or books.refused_by
    row = Order(
        account=request.account,
        instrument=request.instrument,
        group=books.group,
        parent=parent,
        leg_role=leg.role,
        oca_group=leg.oca_group,
        client_order_id=leg.client_order_id,
        fingerprint=leg.fingerprint,
        order_ref=order_ref(request.account.code, leg.client_order_id),
        side=ticket.side,
        order_type=ticket.order_type,
        quantity=ticket.quantity,
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        time_in_force=ticket.time_in_force,
        outside_rth=ticket.outside_rth,
        tag=ticket.tag,
        principal=request.by.principal,
        request_id=request.ids.request_id,
        flow_id=request.ids.flow_id,
        traceparent=request.ids.traceparent,
        status=OrderStatus.DENIED if refused else OrderStatus.ACCEPTED,
        seq=1,
        reason_codes=codes,
        decisions=[decision_row(verdict, gate="G1")],
        warnings=list(request.warnings),
        limits_version=books.limits.version,
        created_at=books.now,
        updated_at=books.now,
        expires_at=books.now + timedelta(seconds=_expiry_s(ticket, books.limits)),
        closed_at=books.now if refused else None,
    )
    order = insert(row)
    record_step(
        order,
        before="",
        cause="denied" if refused else "accepted",
        actor=request.by.principal,
        evidence={"gate": "G1", "reasons": codes, "limits_version": books.limits.version},
    )
    return order


def _expiry_s(ticket: OrderTicket, limits: Limits) -> int:
    """Return the seconds an order may wait for the wire: the caller's word, never above 60 (R23)."""
    return min(ticket.expires_in_s or limits.expiry_s, MAX_EXPIRY_S)


def decision_row(verdict: Verdict, *, gate: str) -> dict[str, Any]:
    """Return what a gate found, as the order keeps it."""
    return {
        "gate": gate,
        "code_version": code_version(),
        "limits_version": verdict.limits_version,
        "controls": list(verdict.controls),
        "refusals": [asdict(refusal) | {"nearest": list(refusal.nearest)} for refusal in verdict.refusals],
    }


def _lost_race() -> Submission:
    raise InProgress(retry_after_s=1)
