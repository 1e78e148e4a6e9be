"""Change a working order: a wish that is written ahead, flown once, and settled by the broker's word.

A change that was sent and not answered leaves two possible truths. Until the broker shows one
of them the larger quantity counts, and nothing is sent a second time (spec/orders.md 5.4, F10).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef

from apps.accounts.selectors import is_ready, lease_of, proof_for
from apps.common.bell import ring_on_commit
from apps.common.clock import boottime as now_boottime
from apps.common.db import DbClock, database_now, for_update, short_transaction
from apps.domain.broker_words import REJECT_CODES
from apps.domain.errors import DomainError
from apps.domain.events import BrokerOrder
from apps.domain.identity import plain
from apps.domain.incidents import IncidentKind
from apps.domain.mode import ProofState
from apps.domain.orders import CLOSED, OrderStatus, OrderTicket, OrderType, Origin, Sender
from apps.domain.quotes import Picture
from apps.domain.risk.gate import Verdict, evaluate
from apps.orders.models import Order, OrderChange
from apps.orders.selectors import OrderNotFound
from apps.orders.services.fills import status_after_fill
from apps.orders.services.flight import (
    LEASE_MARGIN,
    TRANSACTION_MS,
    FlyingOrder,
    seconds_left,
    still_as_seen,
)
from apps.orders.services.intake import (
    BrokerNotReady,
    Leg,
    decision_row,
    lock_states,
    rules_for,
)
from apps.orders.services.transitions import SYSTEM, lock_order, move, note
from apps.orders.services.wishes import OrderNotOurs, OrderTerminal
from apps.orders.snapshots import PriceSeen, price_from_quote, price_from_row, siblings, snapshot_for
from apps.safety.models import AccountRisk
from apps.safety.selectors import limits_in_force, scopes_of, state_words
from apps.safety.services.incidents import record_incident
from apps.safety.services.limits import ensure_account_risk

State = OrderChange.State

#: Quantity, limit price, stop price.
Terms = tuple[Decimal, Decimal | None, Decimal | None]

CHANGEABLE = frozenset({OrderStatus.WORKING, OrderStatus.PARTIALLY_FILLED})

#: With these IB refuses to change an order that goes on as it was.
REFUSAL_CODES = REJECT_CODES | {103, 104, 105}

#: A stopped IB Gateway may act on what it has not read yet (F2), so old terms in a list prove
#: a refusal only after this time, or beside a reject code.
REFUSED_AFTER = timedelta(seconds=30)


class NotModifiable(DomainError):
    """The order cannot be changed now."""

    code = "NOT_MODIFIABLE"


class ChangeInProgress(DomainError):
    """Another change of the order has not been answered."""

    code = "IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class NewTerms:
    """What shall be different; None leaves a term as it is. Quantity is the whole order's."""

    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """A change committed as IN_FLIGHT: what its frame must say; `parent_ib_order_id` 0 without one."""

    change_id: int
    flying: FlyingOrder
    parent_ib_order_id: int
    committed_at: float


def request_change(order_id: int, terms: NewTerms, *, by: str, request_id: str = "") -> OrderChange:
    """Store the wish to change a working order; asking for the same twice is one wish.

    Comes back REQUESTED, or DENIED with the reasons of gate 1. Raises OrderNotFound, OrderNotOurs,
    OrderTerminal, BrokerNotReady, NotModifiable (not working, being cancelled, less than has
    filled, a price its type has not, or nothing new) and ChangeInProgress.
    """
    try:
        account = Order.objects.select_related("account__connection").get(pk=order_id).account
    except Order.DoesNotExist as missing:
        raise OrderNotFound(f"Order {order_id} was not found") from missing
    ensure_account_risk(account=account)
    with short_transaction():
        # lock order everywhere: account risk, trading states, order ids, orders, audit head
        for_update(AccountRisk.objects.filter(account=account)).get()
        now = database_now()
        instrument = Order.objects.select_related("instrument").get(pk=order_id).instrument
        states = lock_states(account, instrument)
        order = lock_order(order_id)
        _require_changeable(order)
        ticket = _changed_ticket(order, terms)
        pending = _pending(order)
        if pending is not None:
            if _terms_of(pending) == _ticket_terms(ticket):
                return pending
            raise ChangeInProgress(f"Order {order_id} has a change the broker has not answered")
        if _ticket_terms(ticket) == _order_terms(order):
            raise NotModifiable("The order has these terms already")
        verdict = _judge(
            order,
            ticket,
            states=state_words(states),
            proof=proof_for(account, account.connection.mode_proof),
            price=price_from_row(order.instrument),
        )
        change = OrderChange.objects.create(
            order=order,
            state=State.REQUESTED if verdict.passed else State.DENIED,
            quantity=ticket.quantity,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            before=_words(_order_terms(order)),
            principal=by,
            request_id=request_id,
            reason_codes=verdict.codes,
            decisions=[decision_row(verdict, gate="G1")],
            created_at=now,
            ended_at=None if verdict.passed else now,
            expires_at=now + timedelta(seconds=limits_in_force(account).expiry_s),
        )
        note(
            order,
            cause="change_requested" if verdict.passed else "change_denied",
            actor=by,
            evidence={**_words(_terms_of(change)), "reasons": verdict.codes},
            changes={"changing_to": ticket.quantity} if verdict.passed else {},
        )
        ring_on_commit("orders")
    return change


def put_change_in_flight(
    change_id: int, *, sender: Sender, picture: Picture, proof: ProofState, boottime: float
) -> ChangePlan | None:
    """Commit a requested change as IN_FLIGHT; only then may its frame be written, once.

    None: it was dropped (the order moved on, gate 2 refused, its time is over), or a halt, the
    limits or our lease changed on the way. Write nothing then.
    """
    with short_transaction(timeout_ms=TRANSACTION_MS, durable=True):
        rows = OrderChange.objects.select_related("order__account__connection", "order__instrument")
        found = rows.get(pk=change_id)
        account = found.order.account
        risk = for_update(AccountRisk.objects.filter(account=account)).get()
        states = lock_states(account, found.order.instrument)
        order = lock_order(found.order_id)
        change = OrderChange.objects.get(pk=change_id)
        if change.state != State.REQUESTED:
            return None
        if order.standing not in CHANGEABLE or order.ib_client_id != sender.client_id:
            _end(order, change, State.UNSENT, cause="change_unsent", reasons=["NOT_MODIFIABLE"])
            return None
        ticket = _ticket_of(order, change)
        price = price_from_quote(picture.get(order.instrument.ib_con_id), boottime=boottime)
        verdict = _judge(
            order, ticket, states=state_words(states), proof=proof_for(account, proof), price=price
        )
        if not verdict.passed or order.filled_quantity >= change.quantity:
            reasons = verdict.codes or ["NOT_MODIFIABLE"]
            _end(order, change, State.DENIED, cause="change_denied", reasons=reasons)
            return None
        changed = OrderChange.objects.filter(
            Exists(lease_of(sender, lasting=LEASE_MARGIN)),
            *still_as_seen(
                scopes_of(order.account.code, order.instrument.symbol),
                states,
                risk,
                account_ref=OuterRef("order__account"),
            ),
            pk=change.pk,
            state=State.REQUESTED,
            expires_at__gt=DbClock(),
        ).update(
            state=State.IN_FLIGHT,
            in_flight_at=DbClock(),
            epoch=sender.epoch,
            broker_session=sender.session,
            decisions=[*change.decisions, decision_row(verdict, gate="G2")],
        )
        if changed != 1:
            return None
        change.refresh_from_db(fields=["in_flight_at"])
        note(order, cause="modify_in_flight", evidence=_words(_terms_of(change)))
        committed_at = now_boottime()
    return ChangePlan(change.pk, _flying(order, ticket, change), _parent_id(order), committed_at)


def land_change(change_id: int, *, sender: Sender, reason: str) -> None:
    """Take back a change that this living process knows it has not written."""
    with short_transaction():
        order = lock_order(OrderChange.objects.values_list("order_id", flat=True).get(pk=change_id))
        change = OrderChange.objects.get(pk=change_id)
        if change.state == State.IN_FLIGHT and change.epoch == sender.epoch:
            _end(order, change, State.UNSENT, cause="change_unsent", reasons=[reason])


def expire_changes(connection: str) -> int:
    """Drop the requested changes whose time is over by the database's clock; return how many."""
    overdue = OrderChange.objects.filter(
        state=State.REQUESTED, expires_at__lte=DbClock(), order__account__connection__name=connection
    )
    expired = 0
    for change_id, order_id in list(overdue.values_list("pk", "order_id")):
        with short_transaction():
            order = lock_order(order_id)
            change = OrderChange.objects.get(pk=change_id)
            if change.state == State.REQUESTED:
                _end(order, change, State.UNSENT, cause="change_unsent", reasons=["ORDER_EXPIRED"])
                expired += 1
    return expired


def hear_terms(order: Order, report: BrokerOrder, *, list_began_at: datetime | None) -> None:
    """Let the terms that the broker shows settle a change of a locked order, or correct its row.

    Completed orders state no dependable quantity, so only open ones are heard.
    """
    if not _states_terms(report):
        return
    if list_began_at is not None and _was_settled_since(order, list_began_at):
        return
    shown = (report.quantity, report.limit_price, report.stop_price)
    change = _pending(order)
    if change is not None and change.state == State.IN_FLIGHT:
        if _alike(shown, _terms_of(change), order):
            _adopt(order, change)
        elif _is_refusal(change, list_began_at):
            _end(order, change, State.REFUSED, cause="change_refused", reasons=["BROKER_REJECTED"])
        return
    if order.standing in CLOSED or _alike(shown, _order_terms(order), order):
        return
    if _is_reduced_by_group(order, shown):
        _take_terms(order, shown, cause="reduced_by_group")
    else:
        # Somebody changed our order in TWS, or a change of ours was carried out after we gave it up.
        record_incident(
            IncidentKind.TERMS_CHANGED,
            f"order:{order.uuid}",
            account=order.account,
            detail=f"{order} has other terms at the broker",
            evidence={"ours": _words(_order_terms(order)), "broker": _words(shown)},
        )
        _take_terms(order, shown, cause="terms_changed_at_broker")


def _is_reduced_by_group(order: Order, shown: Terms) -> bool:
    """Tell whether the broker only made an order smaller that loses what its siblings trade."""
    is_bound = bool(order.oca_group) or order.parent_id is not None
    _, limit_price, stop_price = _order_terms(order)
    return (
        is_bound and shown[0] < order.quantity and _alike(shown, (shown[0], limit_price, stop_price), order)
    )


def shows_the_same_terms(order: Order, report: BrokerOrder) -> bool:
    """Tell whether `hear_terms` would leave an order alone that has no change pending."""
    if order.standing in CLOSED or not _states_terms(report):
        return True
    shown = (report.quantity, report.limit_price, report.stop_price)
    return _alike(shown, _order_terms(order), order)


def _states_terms(report: BrokerOrder) -> bool:
    return report.status not in {"Filled", "Cancelled", "ApiCancelled"} and report.quantity > 0


def hear_refusal(order: Order, code: int, text: str) -> bool:
    """Keep a code with which IB answers the change of a locked order; False if it is about the order.

    A code of the change must not end the order later: that goes on with its old terms.
    """
    change = _pending(order)
    if change is None or change.state != State.IN_FLIGHT or code not in REFUSAL_CODES:
        return False
    change.ib_error_code, change.ib_error_text = code, text
    change.save(update_fields=["ib_error_code", "ib_error_text"])
    return True


def close_changes(order: Order) -> None:
    """End the pending change of an order that has ended itself; what filled proves what held."""
    if order.standing not in CLOSED:
        return
    change = _pending(order)
    if change is None:
        return
    is_all_of_it = order.standing is OrderStatus.FILLED and order.filled_quantity < order.quantity
    if change.state == State.IN_FLIGHT and (order.filled_quantity > order.quantity or is_all_of_it):
        _adopt(order, change)
        return
    _end(order, change, State.MOOT, cause="change_moot", reasons=[])


def _require_changeable(order: Order) -> None:
    if order.origin != Origin.OWN:
        raise OrderNotOurs
    if order.standing in CLOSED:
        raise OrderTerminal(f"Order is already {order.status}", order_id=order.pk, order_uuid=str(order.uuid))
    if order.standing not in CHANGEABLE or order.cancel_requested_at is not None:
        raise NotModifiable(f"Order is {order.status}")
    if not is_ready(order.account.connection):
        raise BrokerNotReady("Not connected to IB Gateway", retry_after_s=5)


def _changed_ticket(order: Order, terms: NewTerms) -> OrderTicket:
    """Return the order's ticket with the new terms. Raises NotModifiable for terms it cannot have."""
    kind = OrderType(order.order_type)
    if terms.limit_price is not None and not kind.needs_limit:
        raise NotModifiable("An order of this type has no limit price")
    if terms.stop_price is not None and not kind.needs_stop:
        raise NotModifiable("An order of this type has no stop price")
    quantity = order.quantity if terms.quantity is None else terms.quantity
    if quantity <= order.filled_quantity:
        raise NotModifiable(f"{plain(order.filled_quantity)} have filled already")
    return replace(
        order.ticket,
        quantity=quantity,
        limit_price=order.limit_price if terms.limit_price is None else terms.limit_price,
        stop_price=order.stop_price if terms.stop_price is None else terms.stop_price,
    )


def _judge(order: Order, ticket: OrderTicket, *, states: list[str], proof: str, price: PriceSeen) -> Verdict:
    """Run the gate over the whole order with its new terms, as if it had not traded yet.

    What it has filled is part of the position already, so it is taken out there.
    """
    seen = snapshot_for(
        ticket,
        account=order.account,
        instrument=order.instrument,
        states=states,
        proof=ProofState(proof),
        price=price,
        leave_out=siblings(order),
    )
    own = ticket.side.sign * order.filled_quantity
    seen = replace(seen, position=seen.position - own, position_most=seen.position_most - own)
    leg = Leg(ticket, order.client_order_id, asked=ticket, follows_parent=order.parent_id is not None)
    return evaluate(ticket, seen, limits_in_force(order.account), rules=rules_for(leg))


def _pending(order: Order) -> OrderChange | None:
    return OrderChange.objects.filter(order=order, state__in=[State.REQUESTED, State.IN_FLIGHT]).first()


def _terms_of(change: OrderChange) -> Terms:
    return change.quantity, change.limit_price, change.stop_price


def _order_terms(order: Order) -> Terms:
    return order.quantity, order.limit_price, order.stop_price


def _ticket_terms(ticket: OrderTicket) -> Terms:
    return ticket.quantity, ticket.limit_price, ticket.stop_price


def _ticket_of(order: Order, change: OrderChange) -> OrderTicket:
    quantity, limit_price, stop_price = _terms_of(change)
    return replace(order.ticket, quantity=quantity, limit_price=limit_price, stop_price=stop_price)


def _alike(shown: Terms, meant: Terms, order: Order) -> bool:
    """Compare quantities, and those prices that the order's type uses."""
    kind = OrderType(order.order_type)
    uses = (True, kind.needs_limit, kind.needs_stop)
    return all(one == other for one, other, used in zip(shown, meant, uses, strict=True) if used)


def _is_refusal(change: OrderChange, list_began_at: datetime | None) -> bool:
    """Tell whether a complete list with other terms proves that the change was not taken."""
    sent_at = change.in_flight_at
    if list_began_at is None or sent_at is None or list_began_at <= sent_at:
        return False
    return change.ib_error_code is not None or list_began_at - sent_at >= REFUSED_AFTER


def _was_settled_since(order: Order, moment: datetime) -> bool:
    """Tell whether a change was answered after a list was asked for, so that the list is the older word."""
    sent = OrderChange.objects.filter(order=order, in_flight_at__isnull=False)
    return sent.filter(ended_at__gte=moment).exists()


def _adopt(order: Order, change: OrderChange) -> None:
    _finish(change, State.APPLIED, reasons=[])
    _take_terms(order, _terms_of(change), cause="changed")


def _take_terms(order: Order, terms: Terms, *, cause: str) -> None:
    """Write the terms that hold into the order; a smaller quantity may mean that it is filled."""
    quantity, limit_price, stop_price = terms
    kind = OrderType(order.order_type)
    changes: dict[str, Any] = {"quantity": quantity, "changing_to": None}
    if kind.needs_limit:
        changes["limit_price"] = limit_price
    if kind.needs_stop:
        changes["stop_price"] = stop_price
    evidence = {"before": _words(_order_terms(order)), "after": _words(terms)}
    note(order, cause=cause, evidence=evidence, changes=changes)
    after = status_after_fill(order, order.filled_quantity)
    if after is OrderStatus.FILLED and order.standing is not OrderStatus.FILLED:
        move(order, after, cause="quantity_reached")


def _end(
    order: Order, change: OrderChange, state: OrderChange.State, *, cause: str, reasons: list[str]
) -> None:
    _finish(change, state, reasons=reasons)
    evidence = {"change": str(change.uuid), "reasons": reasons}
    note(order, cause=cause, actor=SYSTEM, evidence=evidence, changes={"changing_to": None})
    after = status_after_fill(order, order.filled_quantity)
    if after is OrderStatus.FILLED and order.standing in CHANGEABLE:
        move(order, after, cause="quantity_reached")
    ring_on_commit("orders")


def _finish(change: OrderChange, state: OrderChange.State, *, reasons: list[str]) -> None:
    change.state, change.reason_codes, change.ended_at = state, reasons, database_now()
    change.save(update_fields=["state", "reason_codes", "ended_at"])


def _words(terms: Terms) -> dict[str, str]:
    names = ("quantity", "limit_price", "stop_price")
    return {name: plain(value) for name, value in zip(names, terms, strict=True) if value is not None}


def _flying(order: Order, ticket: OrderTicket, change: OrderChange) -> FlyingOrder:
    if order.ib_order_id is None:
        raise ValueError("a working order of ours has an IB order id")
    return FlyingOrder(
        pk=order.pk,
        ticket=ticket,
        instrument=order.instrument.spec,
        order_ref=order.order_ref,
        ib_order_id=order.ib_order_id,
        oca_group=order.oca_group,
        follows_parent=order.parent_id is not None,
        transmit=True,
        expires_in_s=seconds_left(change.expires_at, change.in_flight_at),
    )


def _parent_id(order: Order) -> int:
    return (order.parent.ib_order_id or 0) if order.parent is not None else 0
