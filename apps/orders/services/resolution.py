"""Settle by hand what cannot be known: an order in UNKNOWN that no list of the broker proves (6.3).

Only what the looks can no longer decide: an order written before the executions that the broker
still tells, or one that was seen and has vanished. A person says what became of it and on what
evidence; in live another person says yes to exactly that. Each proves anew who they are. Entered
fills are marked as such and give way to the broker's own word (by_hand.py). It never guesses and
never sends anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings

from apps.access.stepup import StepUp, require_step_up
from apps.accounts.selectors import is_ready
from apps.accounts.services import append_event
from apps.common.bell import ring_on_commit
from apps.common.db import database_now, short_transaction
from apps.domain.errors import DomainError
from apps.domain.identity import plain
from apps.domain.mode import Mode
from apps.domain.orders import OrderStatus, Origin
from apps.domain.reconcile import LOOKS_NEEDED, window_start
from apps.orders.models import Execution, Order, Resolution
from apps.orders.selectors import OrderNotFound
from apps.orders.services.changes import close_changes
from apps.orders.services.fills import explained, fill_data, signed
from apps.orders.services.transitions import lock_order, move, note
from apps.positions.services import move_ledger

State = Resolution.State

OUTCOMES = (OrderStatus.NOT_PLACED, OrderStatus.CANCELLED, OrderStatus.FILLED)
PROPOSAL_LIFE = timedelta(minutes=30)

#: The acts that want a step-up.
RESOLVE, APPROVE = "resolve", "approve resolution"


class NotResolvable(DomainError):
    """This order is not settled by hand."""

    code = "NOT_MODIFIABLE"


class FillsDoNotFit(DomainError):
    """The entered fills do not fit the order and the outcome."""

    code = "VALIDATION_QUANTITY"


class EvidenceOutOfRange(DomainError):
    """The evidence has 5 to 200 characters."""

    code = "VALIDATION_RANGE"


class SecondPersonNeeded(DomainError):
    """Somebody else decides about a proposal."""

    code = "CONSOLE_ONLY"


class ProposalVoid(DomainError):
    """The proposal is decided, too old, or the order has moved on."""

    code = "STALE_SEQ"


@dataclass(frozen=True, slots=True)
class EnteredFill:
    """One fill as a person read it off the broker's statement; price per share."""

    quantity: Decimal
    price: Decimal
    executed_at: datetime


def why_not_resolvable(order: Order, *, now: datetime) -> str:
    """Return why an order cannot be settled by hand now, empty if it can."""
    if order.origin != Origin.OWN:
        return "It was not made by us"
    if order.standing is not OrderStatus.UNKNOWN:
        return f"It is {order.status}"
    if not is_ready(order.account.connection):
        return "The connection is not READY, so the broker may still show it"
    was_seen = bool(order.ib_perm_ids or order.broker_status) or order.filled_quantity > 0
    is_old = order.in_flight_at is not None and order.in_flight_at < window_start(now)
    if not (was_seen or is_old):
        return f"The broker's lists still decide: {order.looks} of {LOOKS_NEEDED} looks"
    return ""


def needs_second_person(order: Order) -> bool:
    """Tell whether one person only proposes: always where money is real."""
    return Mode.LIVE in {Mode(order.account.mode), settings.JAXBROKER_MODE}


def propose_resolution(
    order_id: int,
    outcome: OrderStatus,
    *,
    fills: Sequence[EnteredFill],
    because: str,
    by: str,
    proof: StepUp,
    request_id: str = "",
) -> Resolution:
    """Say what became of an order; in paper it holds at once, in live when another person agrees.

    `proof` is a step-up of `by` for RESOLVE on `order:<uuid>`. Raises StepUpNeeded, OrderNotFound,
    NotResolvable (also while another proposal waits), FillsDoNotFit and EvidenceOutOfRange.
    """
    because = _checked(because)
    with short_transaction():
        order = _locked(order_id)
        require_step_up(proof, actor=by, act=RESOLVE, subject=f"order:{order.uuid}")
        now = database_now()
        _require_resolvable(order, now=now)
        _require_fit(order, outcome, fills, now=now)
        _void_overdue(order, now=now)
        if Resolution.objects.filter(order=order, state=State.PROPOSED).exists():
            raise NotResolvable("Another proposal waits for a second person")
        evidence = {"outcome": outcome.value, "by": [by], "because": because, "request_id": request_id}
        note(order, cause="resolution_proposed", actor=by, evidence=evidence | {"fills": _as_json(fills)})
        proposal = Resolution.objects.create(
            order=order,
            state=State.PROPOSED,
            outcome=outcome.value,
            fills=_as_json(fills),
            because=because,
            order_seq=order.seq,
            proposed_by=by,
            proposed_at=now,
            expires_at=now + PROPOSAL_LIFE,
        )
        if not needs_second_person(order):
            _apply(order, proposal, by=[by], now=now)
        ring_on_commit("orders")
    return proposal


def approve_resolution(uuid: UUID, *, by: str, because: str, proof: StepUp) -> Resolution:
    """Say yes to a proposal of somebody else: the order ends as it says.

    `proof` is a step-up of `by` for APPROVE on `resolution:<uuid>`. Raises StepUpNeeded,
    NotResolvable, SecondPersonNeeded, ProposalVoid and EvidenceOutOfRange.
    """
    because = _checked(because)
    require_step_up(proof, actor=by, act=APPROVE, subject=f"resolution:{uuid}")
    with short_transaction():
        order, proposal = _open_proposal(uuid)
        if by == proposal.proposed_by:
            raise SecondPersonNeeded
        now = database_now()
        _require_resolvable(order, now=now)
        if order.seq != proposal.order_seq or now >= proposal.expires_at:
            raise ProposalVoid
        proposal.decided_because = because
        _apply(order, proposal, by=[proposal.proposed_by, by], now=now)
        ring_on_commit("orders")
    return proposal


def refuse_resolution(uuid: UUID, *, by: str, because: str) -> Resolution:
    """Say no to a proposal; whoever made it may take it back so. Raises ProposalVoid."""
    because = _checked(because)
    with short_transaction():
        order, proposal = _open_proposal(uuid)
        _decide(proposal, State.REFUSED, by=by, because=because, now=database_now())
        evidence = {"outcome": proposal.outcome, "by": [by], "because": because}
        note(order, cause="resolution_refused", actor=by, evidence=evidence)
        ring_on_commit("orders")
    return proposal


def _checked(because: str) -> str:
    said = because.strip()
    if not 5 <= len(said) <= 200:
        raise EvidenceOutOfRange
    return said


def _locked(order_id: int) -> Order:
    try:
        return lock_order(order_id)
    except Order.DoesNotExist as missing:
        raise OrderNotFound(f"Order {order_id} was not found") from missing


def _open_proposal(uuid: UUID) -> tuple[Order, Resolution]:
    """Lock the order, then read its proposal: the order's lock makes deciding serial."""
    found = Resolution.objects.filter(uuid=uuid).first()
    if found is None:
        raise ProposalVoid
    order = lock_order(found.order_id)
    found.refresh_from_db()
    if found.state != State.PROPOSED:
        raise ProposalVoid
    return order, found


def _void_overdue(order: Order, *, now: datetime) -> None:
    """Make room: what is too old, or was made before the order moved on, decides nothing any more."""
    for old in Resolution.objects.filter(order=order, state=State.PROPOSED):
        if now >= old.expires_at or old.order_seq != order.seq:
            _decide(old, State.VOID, by="", because="", now=now)


def _require_resolvable(order: Order, *, now: datetime) -> None:
    reason = why_not_resolvable(order, now=now)
    if reason:
        raise NotResolvable(reason)


def _require_fit(order: Order, outcome: OrderStatus, fills: Sequence[EnteredFill], *, now: datetime) -> None:
    if outcome not in OUTCOMES:
        raise NotResolvable(f"{outcome} is no outcome a person may enter")
    for fill in fills:
        if fill.quantity <= 0 or fill.price <= 0:
            raise FillsDoNotFit("Quantity and price are above zero")
        if fill.executed_at > now or (order.in_flight_at and fill.executed_at < order.in_flight_at):
            raise FillsDoNotFit("A fill lies between the sending of the order and now")
    total = order.filled_quantity + sum((fill.quantity for fill in fills), Decimal(0))
    if outcome is OrderStatus.NOT_PLACED and total:
        raise FillsDoNotFit("An order that has filled was placed")
    if outcome is OrderStatus.FILLED and total != order.quantity:
        raise FillsDoNotFit(f"The fills make {plain(total)}, the order is {plain(order.quantity)}")
    if outcome is OrderStatus.CANCELLED and total >= order.quantity:
        raise FillsDoNotFit("An order that has filled completely is FILLED")


def _apply(order: Order, proposal: Resolution, *, by: list[str], now: datetime) -> None:
    for number, fill in enumerate(_read(proposal), start=1):
        _book(order, fill, exec_id=f"hand:{proposal.uuid}:{number}", now=now)
    filled, average = explained(order)
    move(
        order,
        OrderStatus(proposal.outcome),
        cause="resolved_by_hand",
        actor=by[-1],
        evidence={
            "outcome": proposal.outcome,
            "by": by,
            "because": proposal.because,
            "decided_because": proposal.decided_because,
            "fills": proposal.fills,
        },
        changes={"filled_quantity": filled, "average_price": average},
    )
    close_changes(order)
    _decide(proposal, State.APPLIED, by=by[-1], because=proposal.decided_because, now=now)


def _book(order: Order, fill: EnteredFill, *, exec_id: str, now: datetime) -> None:
    execution = Execution.objects.create(
        account=order.account,
        order=order,
        instrument=order.instrument,
        ib_exec_id=exec_id,
        root=exec_id,
        revision=0,
        side=order.side,
        quantity=fill.quantity,
        price=fill.price,
        order_ref=order.order_ref,
        ib_perm_id=order.ib_perm_id or 0,
        executed_at=fill.executed_at,
        booked_at=now,
        synthetic=True,
    )
    move_ledger(account=order.account, instrument=order.instrument, change=signed(execution))
    append_event(account=order.account, type="fill", data=fill_data(execution, order))


def _decide(proposal: Resolution, state: State, *, by: str, because: str, now: datetime) -> None:
    proposal.state, proposal.decided_by, proposal.decided_at = state, by, now
    proposal.decided_because = because
    proposal.save(update_fields=["state", "decided_by", "decided_at", "decided_because"])


def _as_json(fills: Sequence[EnteredFill]) -> list[dict[str, str]]:
    return [
        {
            "quantity": plain(fill.quantity),
            "price": plain(fill.price),
            "executed_at": fill.executed_at.isoformat(),
        }
        for fill in fills
    ]


def _read(proposal: Resolution) -> list[EnteredFill]:
    return [
        EnteredFill(
            Decimal(one["quantity"]), Decimal(one["price"]), datetime.fromisoformat(one["executed_at"])
        )
        for one in proposal.fills
    ]
