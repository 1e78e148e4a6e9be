"""The way of an order to the wire: IN_FLIGHT is committed before the frame is written.

put_in_flight is the only place where an order leaves ACCEPTED for the broker; the gateway
calls it and writes exactly what it returns, once (spec/orders.md section 5.2).
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest

from apps.accounts.models import Connection
from apps.accounts.order_gate import VERSION_MISMATCH, restart_ahead
from apps.accounts.selectors import lease_of, proof_for
from apps.common import crash
from apps.common.clock import boottime as now_boottime
from apps.common.db import DbClock, short_transaction
from apps.common.prepared import Json, Prepared, PreparedUpdate
from apps.common.version import code_version
from apps.domain.instruments import InstrumentSpec
from apps.domain.mode import ProofState
from apps.domain.orders import UNSENT, OrderStatus, OrderTicket, Sender
from apps.domain.quotes import Picture
from apps.domain.risk.gate import Verdict, evaluate
from apps.domain.risk.limits import Limits
from apps.orders.models import IbOrderIds, Order
from apps.orders.selectors import family_ids
from apps.orders.services.intake import Leg, decision_row, lock_account_risk, lock_states, rules_for
from apps.orders.services.transitions import SYSTEM, lock_orders, move, record_step
from apps.orders.snapshots import price_from_quote, siblings, snapshot_for
from apps.safety.models import AccountRisk, TradingState
from apps.safety.selectors import EVERYTHING, limits_in_force, scopes_of, state_words

logger = logging.getLogger(__name__)

#: More than the commit (1 s) and the pause guard (0.5 s) together, so no lease lock is needed.
LEASE_MARGIN = timedelta(seconds=2)

TRANSACTION_MS = 500

#: Above it begin the ids of requests; an order with such an id at the broker is none of ours.
HIGHEST_IB_ORDER_ID = 999_999_999

_ACCOUNT = OuterRef("account")


@dataclass(frozen=True, slots=True)
class FlyingOrder:
    """An order committed as IN_FLIGHT, as values: exactly what its frame must say.

    `expires_in_s` counts from the commit, by the database's clock.
    """

    pk: int
    ticket: OrderTicket
    instrument: InstrumentSpec
    order_ref: str
    ib_order_id: int
    oca_group: str
    follows_parent: bool
    transmit: bool
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class FlightPlan:
    """What came of one look at an accepted order: `flying` may be written, or it was denied.

    `committed_at` is the BOOTTIME just before the commit, for the pause guard of the sender.
    """

    flying: list[FlyingOrder]
    denied: bool = False
    committed_at: float = 0.0


NOTHING = FlightPlan([])

_order_to_send = Prepared(
    lambda pk: Order.objects.select_related("account__connection", "instrument").filter(pk=pk), int
)


def put_in_flight(
    order_id: int, *, sender: Sender, picture: Picture, proof: ProofState, boottime: float
) -> FlightPlan:
    """Commit one ACCEPTED order, with its legs, as IN_FLIGHT; only then may frames be written, once.

    `proof` is the mode proof of this broker session, `boottime` the reading the ages of the
    picture are measured with. Returns the orders in the order of their frames; or `denied` if
    gate 2 refused; or nothing: the order, a halt, the limits or our lease changed on the way.
    Write nothing then, check the lease, look again.
    """
    crash.point("gw.claim.before_begin")
    with short_transaction(timeout_ms=TRANSACTION_MS, durable=True):
        first = _order_to_send.first(order_id)
        if first is None:
            return NOTHING
        # lock order everywhere: account risk, trading states, order ids, orders, audit head
        risk = lock_account_risk(first.account)
        states = lock_states(first.account, first.instrument)
        family = [order_id] if first.group_id is None else family_ids(order_id)
        orders = [order for order in lock_orders(family) if order.standing in UNSENT]
        limits = limits_in_force(first.account, risk=risk)
        if not orders or orders[0].pk != order_id:
            return NOTHING
        if closed := _closed_gate(orders, first.account.connection):
            _refuse(orders, closed)
            return FlightPlan([], denied=True)
        verdicts = [
            _judge(
                order,
                family=orders,
                states=states,
                limits=limits,
                picture=picture,
                proof=proof_for(first.account, proof),
                boottime=boottime,
            )
            for order in orders
        ]
        if any(not verdict.passed for verdict in verdicts):
            _deny(orders, verdicts)
            return FlightPlan([], denied=True)
        flying = [
            order
            for order, verdict in zip(orders, verdicts, strict=True)
            if _commit_in_flight(order, verdict, sender=sender, risk=risk, states=states)
        ]
        if len(flying) != len(orders):
            transaction.set_rollback(True)  # and the IB order ids are free again
            return NOTHING
        # Read before the commit: a process that is stopped inside it must not think it has just ended.
        committed_at = now_boottime()
        crash.point("gw.claim.before_commit")
        crash.during("gw.claim.in_commit")
    is_bracket = any(order.parent_id is not None for order in flying)
    return FlightPlan(
        [_as_value(order, transmit=order is flying[-1] or not is_bracket) for order in flying],
        committed_at=committed_at,
    )


def _closed_gate(orders: Sequence[Order], connection: Connection) -> str:
    """Return the code why none of these may leave now, whatever their terms; empty if they may.

    What other code has accepted may mean something else by the same row; a restart that is
    near would leave the order in doubt.
    """
    if any(_judged_by(order) != code_version() for order in orders):
        return VERSION_MISMATCH
    return "RESTART_WINDOW" if restart_ahead(connection) is not None else ""


def _judged_by(order: Order) -> str:
    """Return the version of the code whose gate 1 has accepted the order."""
    word: str = order.decisions[-1].get("code_version", "") if order.decisions else ""
    return word


def _as_value(order: Order, *, transmit: bool) -> FlyingOrder:
    """Return the order as its frame says it; of a bracket only the last frame carries transmit."""
    if order.ib_order_id is None:
        raise ValueError("an order in flight has an IB order id")
    return FlyingOrder(
        pk=order.pk,
        ticket=order.ticket,
        instrument=order.instrument.spec,
        order_ref=order.order_ref,
        ib_order_id=order.ib_order_id,
        oca_group=order.oca_group,
        follows_parent=order.parent_id is not None,
        transmit=transmit,
        expires_in_s=seconds_left(order.expires_at, order.in_flight_at),
    )


def seconds_left(expires_at: datetime | None, since: datetime | None) -> float:
    """Return the seconds from one instant of the database's clock to another; none without both."""
    return (expires_at - since).total_seconds() if expires_at is not None and since is not None else 0.0


def _judge(
    order: Order,
    *,
    family: Sequence[Order],
    states: Sequence[TradingState],
    limits: Limits,
    picture: Picture,
    proof: ProofState,
    boottime: float,
) -> Verdict:
    """Run gate 2 with the prices of the gateway's own memory."""
    ticket = order.ticket
    seen = snapshot_for(
        ticket,
        account=order.account,
        instrument=order.instrument,
        states=state_words(states),
        proof=proof,
        price=price_from_quote(picture.get(order.instrument.ib_con_id), boottime=boottime),
        leave_out=siblings(order) | {member.pk for member in family},
        beside=family.index(order),
    )
    leg = Leg(ticket, order.client_order_id, asked=ticket, follows_parent=order.parent_id is not None)
    return evaluate(ticket, seen, limits, rules=rules_for(leg))


def _deny(orders: Sequence[Order], verdicts: Sequence[Verdict]) -> None:
    for order, verdict in zip(orders, verdicts, strict=True):
        codes = verdict.codes or [code for other in verdicts for code in other.codes][:1]
        move(
            order,
            OrderStatus.DENIED,
            cause="denied",
            evidence={"gate": "G2", "reasons": codes},
            changes={
                "reason_codes": codes,
                "decisions": [*order.decisions, decision_row(verdict, gate="G2")],
            },
        )


def _refuse(orders: Sequence[Order], code: str) -> None:
    for order in orders:
        evidence = {"gate": "G2", "reasons": [code]}
        move(order, OrderStatus.DENIED, cause="denied", evidence=evidence, changes={"reason_codes": [code]})


@cache
def _claim(states: int) -> PreparedUpdate:
    """Return the one conditional UPDATE, for an order that so many trading states concern."""

    def build(*slots: Any) -> tuple[QuerySet[Order], dict[str, Any]]:
        told = iter(slots)
        sender = Sender(next(told), next(told), next(told), next(told), next(told), next_valid_id=0)
        seen = [TradingState(pk=next(told), state=next(told), halt_epoch=next(told)) for _ in range(states)]
        risk = AccountRisk(pk=next(told), version=next(told))
        scopes = (EVERYTHING, next(told), next(told))
        changes = {
            "status": OrderStatus.IN_FLIGHT.value,
            "in_flight_at": DbClock(),
            "updated_at": DbClock(),
            "seq": F("seq") + 1,
            "ib_client_id": sender.client_id,
            "epoch": sender.epoch,
            "broker_session": sender.session,
        } | dict(zip(_CLAIMED, told, strict=False))
        rows = Order.objects.filter(
            Exists(lease_of(sender, lasting=LEASE_MARGIN)),
            *still_as_seen(scopes, seen, risk),
            pk=next(told),
            status=OrderStatus.ACCEPTED.value,
            expires_at__gt=DbClock(),
        )
        return rows, changes

    state_kinds = (int, str, int) * states
    kinds = (str, str, int, int, int, *state_kinds, int, int, str, str, int, int, int, Json, int)
    return PreparedUpdate(build, *kinds, returning=_TOLD_BACK)


_CLAIMED = ("ib_order_id", "halt_epoch", "limits_version", "decisions")
_TOLD_BACK = ("status", "seq", "in_flight_at", "updated_at", "epoch", "broker_session", "ib_client_id")


def _commit_in_flight(
    order: Order, verdict: Verdict, *, sender: Sender, risk: AccountRisk, states: Sequence[TradingState]
) -> bool:
    """Make the one conditional UPDATE; False if it did not change exactly one row."""
    ib_order_id = next_ib_order_id(sender)
    halt_epoch = max((state.halt_epoch for state in states), default=0)
    decisions = [*order.decisions, decision_row(verdict, gate="G2")]
    claimed = (ib_order_id, halt_epoch, verdict.limits_version, decisions)
    changed = _claim(len(states)).returned(
        *(sender.connection, sender.owner, sender.epoch, sender.session, sender.client_id),
        *(word for state in states for word in (state.pk, state.state, state.halt_epoch)),
        *(risk.pk, risk.version),
        *scopes_of(order.account.code, order.instrument.symbol)[1:],
        *claimed,
        order.pk,
    )
    if len(changed) != 1:
        return False
    for name, value in zip((*_TOLD_BACK, *_CLAIMED), (*changed[0], *claimed), strict=True):
        setattr(order, name, value)
    record_step(
        order,
        before=OrderStatus.ACCEPTED,
        cause="in_flight",
        actor=SYSTEM,
        evidence={"gate": "G2", "ib_order_id": ib_order_id, "limits_version": verdict.limits_version},
    )
    return True


def still_as_seen(
    scopes: Collection[str],
    states: Sequence[TradingState],
    risk: AccountRisk,
    *,
    account_ref: OuterRef = _ACCOUNT,
) -> list[Q | Combinable]:
    """Return conditions that hold only while halt states and limits are the ones judged by.

    `scopes` are all that concern the order. `account_ref` leads from the row that is updated to its
    account. A scope that is restricted
    for the first time gets its row only then, hence the last but one.
    """
    conditions: list[Q | Combinable] = [
        Exists(TradingState.objects.filter(pk=state.pk, state=state.state, halt_epoch=state.halt_epoch))
        for state in states
    ]
    unseen = TradingState.objects.filter(scope__in=scopes).exclude(pk__in=[state.pk for state in states])
    conditions.append(~Exists(unseen))
    conditions.append(
        Exists(AccountRisk.objects.filter(pk=risk.pk, account=account_ref, version=risk.version))
    )
    return conditions


_raise_mark = PreparedUpdate(
    lambda connection, client_id, next_valid_id: (
        IbOrderIds.objects.filter(connection=connection, client_id=client_id),
        {"high_water": Greatest(F("high_water") + 1, Value(next_valid_id, BigIntegerField()))},
    ),
    *(str, int, int),
    returning=("high_water",),
)


def next_ib_order_id(sender: Sender) -> int:
    """Return an IB order id never used before, and raise the persisted mark to it.

    Runs in the caller's transaction, so a rollback gives the id back.
    """
    raised = _raise_mark.returned(sender.connection, sender.client_id, sender.next_valid_id)
    if not raised:
        IbOrderIds.objects.get_or_create(connection=sender.connection, client_id=sender.client_id)
        raised = _raise_mark.returned(sender.connection, sender.client_id, sender.next_valid_id)
    ((high_water,),) = raised
    return int(high_water)


def raise_high_water(*, connection: str, client_id: int, next_valid_id: int) -> int:
    """Lift the persisted mark to what the broker told us at sign-in; return the next id."""
    with short_transaction():
        mark, _ = IbOrderIds.objects.get_or_create(connection=connection, client_id=client_id)
        IbOrderIds.objects.filter(pk=mark.pk).update(high_water=Greatest(F("high_water"), next_valid_id - 1))
        mark.refresh_from_db(fields=["high_water"])
    return mark.high_water + 1


def land_unsent(order_ids: Sequence[int], *, sender: Sender, reason: str) -> int:
    """Take back orders that this living process knows it has not written (ST2); return how many.

    Only the epoch that committed IN_FLIGHT may call this, and only for frames never written.
    """
    landed = 0
    with short_transaction():
        for order in lock_orders(order_ids):
            if order.status != OrderStatus.IN_FLIGHT or order.epoch != sender.epoch:
                continue
            move(
                order,
                OrderStatus.EXPIRED_UNSENT,
                cause="landed_unsent",
                evidence={"reason": reason},
                changes={"reason_codes": [reason]},
            )
            landed += 1
    return landed


def expire_unsent(*, limit: int = 200) -> int:
    """End unsent orders whose time is over by the database's clock; return how many."""
    overdue = Order.objects.filter(status=OrderStatus.ACCEPTED, expires_at__lte=DbClock())
    ids = list(overdue.order_by("pk").values_list("pk", flat=True)[:limit])
    if not ids:
        return 0
    expired = 0
    with short_transaction():
        for order in lock_orders(ids):
            if order.status != OrderStatus.ACCEPTED:
                continue
            move(
                order,
                OrderStatus.EXPIRED_UNSENT,
                cause="expired",
                evidence={"expires_at": order.expires_at.isoformat() if order.expires_at else ""},
                changes={"reason_codes": ["ORDER_EXPIRED"]},
            )
            expired += 1
    return expired


def mark_unknown(*, connection: str, session: int | None, silent_for: timedelta) -> list[int]:
    """Call in doubt what was written and got no word of the broker (ST3); return the ids.

    IN_FLIGHT orders of other broker sessions than `session` are meant at once, those of this
    one after `silent_for`.
    """
    rows = Order.objects.filter(account__connection__name=connection, status=OrderStatus.IN_FLIGHT)
    silent = Q(in_flight_at__lt=DbClock() - silent_for)
    ids = list(rows.filter(silent | ~Q(broker_session=session)).values_list("pk", flat=True))
    if not ids:
        return []
    with short_transaction():
        doubted = [order for order in lock_orders(ids) if order.status == OrderStatus.IN_FLIGHT]
        for order in doubted:
            move(order, OrderStatus.UNKNOWN, cause="no_word", evidence={"session": session})
    return [order.pk for order in doubted]
