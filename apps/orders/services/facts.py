"""Book what the broker said about orders: statuses, executions, commissions, notices.

Every function may be called twice with the same fact and in any order of facts; quantities
and prices come from executions alone (ST7). Reconciliation books through here as well.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.accounts.models import Account
from apps.accounts.services import append_event
from apps.common import crash
from apps.common.bell import ring_on_commit
from apps.common.db import short_transaction
from apps.domain.broker_words import INACTIVE_WORD, REJECT_CODES, status_from_word
from apps.domain.events import BrokerNotice, BrokerOrder, OrderStatusReport
from apps.domain.executions import CommissionReport, ExecutionReport, average_price
from apps.domain.identity import is_our_ref, plain
from apps.domain.orders import (
    CLOSED,
    IN_DOUBT,
    OPEN,
    OrderStatus,
    Origin,
    Sender,
    is_late_evidence,
    may_move,
)
from apps.instruments.services import ensure_instrument
from apps.orders.models import Execution, Order
from apps.orders.services.transitions import lock_order, move, note, record_step

logger = logging.getLogger(__name__)


def record_broker_order(
    report: BrokerOrder, *, sender: Sender, cause: str, list_began_at: datetime | None = None
) -> Order | None:
    """Book an order as the broker shows it; unknown ones become EXTERNAL or ORPHAN rows.

    `cause` names the message or list it came from, `list_began_at` when a complete list was
    asked for: what such a list shows is a re-read, no echo. None for an account we do not know
    and for a foreign order that says no quantity.
    """
    account = _account(report.account, sender)
    if account is None:
        return None
    with short_transaction():
        found = _find(
            account,
            order_ref_text=report.order_ref,
            ib_perm_id=report.ib_perm_id,
            ib_order_id=report.ib_order_id,
            client_id=report.client_id,
            sender=sender,
        )
        if found is None:
            return _adopt_foreign(report, account, cause=cause)
        order = lock_order(found.pk)
        if order.origin != Origin.OWN:
            _refresh_foreign(order, report)
        word = Word(
            report.status,
            cause=cause,
            ib_perm_id=report.ib_perm_id,
            session=sender.session,
            list_began_at=list_began_at,
            filled=report.filled if cause == "completed_orders" else None,
            evidence={"warning": report.warning} if report.warning else {},
        )
        return _apply_word(order, word)


def record_status(report: OrderStatusReport, *, sender: Sender) -> Order | None:
    """Book one orderStatus of the present broker session; None if we have no row of the order."""
    with short_transaction():
        by_perm = _by_perm_id(Order.objects.filter(_of_connection(sender)), report.ib_perm_id)
        found = by_perm or _by_session_id(report.ib_order_id, report.client_id, sender)
        if found is None:
            return None
        word = Word(
            report.status,
            cause="broker_status",
            ib_perm_id=report.ib_perm_id,
            session=sender.session,
            evidence={"why_held": report.why_held} if report.why_held else {},
        )
        return _apply_word(lock_order(found.pk), word)


def record_execution(report: ExecutionReport, *, sender: Sender) -> bool:
    """Book one execution once; a higher revision of it replaces the lower one.

    Returns whether anything was new. False as well for an account we do not know.
    """
    account = _account(report.account, sender)
    if account is None:
        return False
    with short_transaction():
        found = _find(
            account,
            order_ref_text=report.order_ref,
            ib_perm_id=report.ib_perm_id,
            ib_order_id=report.ib_order_id,
            client_id=report.client_id,
            sender=sender,
        )
        order = lock_order(found.pk) if found else None
        execution = _book(report, account, order)
        if execution is None:
            return False
        crash.point("gw.exec.before_commit")
        append_event(account=account, type="fill", data=_fill_data(execution, order))
        if order is not None:
            _recount(order, execution)
        ring_on_commit("positions")
    crash.point("gw.exec.after_commit")
    return True


def record_commission(report: CommissionReport, *, sender: Sender) -> bool:
    """Join a commission to its execution, once; False while the execution is not booked."""
    with short_transaction():
        booked = Execution.objects.filter(
            ib_exec_id=report.ib_exec_id, account__connection__name=sender.connection
        )
        changed = booked.filter(commission__isnull=True).update(
            commission=report.commission,
            commission_currency=report.currency,
            realized_pnl=report.realized_pnl,
        )
        return changed == 1 or booked.exists()


def record_notice(notice: BrokerNotice, *, sender: Sender) -> Order | None:
    """Keep IB's code and text on the order they are about; no code ends an order by itself (F5).

    Returns the order if the code calls for a look at the broker's lists, else None.
    """
    if notice.request_id < 0:
        return None
    with short_transaction():
        found = _by_session_id(notice.request_id, sender.client_id, sender)
        if found is None:
            return None
        order = lock_order(found.pk)
        note(
            order,
            cause="broker_notice",
            evidence={"ib_code": notice.code, "ib_message": notice.text},
            changes=_notice_changes(order, notice, sender),
        )
    return order


def _notice_changes(order: Order, notice: BrokerNotice, sender: Sender) -> dict[str, Any]:
    """Return what the notice changes: a refusal once written is not hidden by a later notice."""
    kept = order.ib_error_code in REJECT_CODES and notice.code not in REJECT_CODES
    if kept or notice.code == _OWN_CANCEL:
        return {}
    return {
        "ib_error_code": notice.code,
        "ib_error_text": notice.text,
        "ib_error_session": sender.session,
    }


#: 202 is also the ordinary acknowledgement of our own cancel.
_OWN_CANCEL = 202


def _account(code: str, sender: Sender) -> Account | None:
    account = Account.objects.filter(code=code, connection__name=sender.connection).first()
    if account is None:
        logger.error("fact of an unknown account", extra={"account": code})
    return account


def _of_connection(sender: Sender) -> Q:
    return Q(account__connection__name=sender.connection)


def _find(
    account: Account,
    *,
    order_ref_text: str,
    ib_perm_id: int,
    ib_order_id: int,
    client_id: int,
    sender: Sender,
) -> Order | None:
    """Find the row by our name, else by perm id, else by the id of this very broker session."""
    rows = Order.objects.filter(account=account)
    if is_our_ref(order_ref_text):
        return rows.filter(order_ref=order_ref_text).first()
    return _by_perm_id(rows, ib_perm_id) or _by_session_id(ib_order_id, client_id, sender)


def _by_perm_id(rows: QuerySet[Order], ib_perm_id: int) -> Order | None:
    if not ib_perm_id:
        return None
    return rows.filter(ib_perm_id=ib_perm_id).first()


def _by_session_id(ib_order_id: int, client_id: int, sender: Sender) -> Order | None:
    if client_id != sender.client_id or ib_order_id <= 0:
        return None
    return Order.objects.filter(
        _of_connection(sender), ib_client_id=client_id, ib_order_id=ib_order_id, origin=Origin.OWN
    ).first()


@dataclass(frozen=True, slots=True)
class Word:
    """What the broker said about an order, and how it came to say it.

    `filled` is the broker's own count where a completed order states one: more than our
    executions explain means that an execution is missing, so nothing is final yet.
    """

    text: str
    cause: str
    ib_perm_id: int
    session: int
    evidence: dict[str, Any]
    list_began_at: datetime | None = None
    filled: Decimal | None = None

    @property
    def is_reread(self) -> bool:
        """Tell whether a complete list says it, asked for by us."""
        return self.list_began_at is not None


def _apply_word(order: Order, word: Word) -> Order:
    """Let one status word of the broker act on a locked order."""
    changes = _perm_changes(order, word.ib_perm_id)
    if word.text and word.text != order.broker_status:
        changes["broker_status"] = word.text
    after = _meaning(order, word)
    evidence = {"broker_status": word.text, **word.evidence}
    if after is None or after is order.standing or not _may_follow(order, after, word):
        return note(order, cause=word.cause, evidence=evidence, changes=changes) if changes else order
    if is_late_evidence(order.standing, after):
        evidence["incident"] = "late evidence"
    if _is_adopted_late(order, after):
        evidence["late_adoption"] = "past its time, so it is cancelled"
        changes["cancel_requested_at"] = timezone.now()
        ring_on_commit("orders")
    if order.standing in IN_DOUBT:
        changes |= {"looks": 0, "first_look_at": None}
    return move(order, after, cause=word.cause, evidence=evidence, changes=changes)


def _meaning(order: Order, word: Word) -> OrderStatus | None:
    """Return the status a word proves, None if it proves none."""
    if word.filled is not None and word.filled > order.filled_quantity:
        logger.error("fills that no execution explains", extra={"order": str(order.uuid)})
        return OrderStatus.UNKNOWN
    return status_from_word(
        word.text,
        before=order.standing,
        quantity=order.quantity,
        filled=order.filled_quantity,
        reject_code=_standing_refusal(order, word),
    )


def _standing_refusal(order: Order, word: Word) -> int | None:
    """Return IB's reject code if it may end the order now (ST5).

    `Inactive` needs a complete list read after the code; a plain end needs the code of this
    session. A completed order is final whenever the code came.
    """
    if order.ib_error_code not in REJECT_CODES:
        return None
    if word.cause == "completed_orders":
        return order.ib_error_code
    if order.ib_error_session != word.session or (word.text == INACTIVE_WORD and not word.is_reread):
        return None
    return order.ib_error_code


def _is_adopted_late(order: Order, after: OrderStatus) -> bool:
    """Tell whether the broker shows an order for the first time after its time was over (6.1).

    The legs of an entry that has traded are what guards the position, and stay.
    """
    first_word = not order.broker_status and order.standing in IN_DOUBT | {OrderStatus.NOT_PLACED}
    overdue = order.expires_at is not None and order.expires_at < timezone.now()
    guards = order.parent is not None and order.parent.filled_quantity > 0
    return first_word and overdue and after in OPEN and not guards and order.cancel_requested_at is None


def _may_follow(order: Order, after: OrderStatus, word: Word) -> bool:
    """Tell whether a word may act: a closed order is reopened only by what contradicts its end.

    A late `Submitted` after CANCELLED or FILLED is an echo, not evidence; a fill is, and so is a
    complete list of open orders that was asked for after the order had ended.
    """
    before = order.standing
    if may_move(before, after):
        return True
    if before in {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED} and after in OPEN:
        ended_before = order.closed_at is not None and word.list_began_at is not None
        return (
            word.cause == "open_orders"
            and ended_before
            and order.closed_at < word.list_began_at  # type: ignore[operator]
            and is_late_evidence(before, after)
        )
    return before is not OrderStatus.FILLED and is_late_evidence(before, after)


def _perm_changes(order: Order, ib_perm_id: int) -> dict[str, Any]:
    if not ib_perm_id or ib_perm_id in order.ib_perm_ids:
        return {}
    if order.ib_perm_ids:
        logger.error("two perm ids under one reference", extra={"order": str(order.uuid)})
    return {"ib_perm_ids": [*order.ib_perm_ids, ib_perm_id], "ib_perm_id": ib_perm_id}


def _adopt_foreign(report: BrokerOrder, account: Account, *, cause: str) -> Order | None:
    """Store an order we did not make: EXTERNAL without our prefix, ORPHAN with it (ST10)."""
    origin = Origin.ORPHAN if is_our_ref(report.order_ref) else Origin.EXTERNAL
    now = timezone.now()
    filled = report.filled or Decimal(0)
    quantity = report.quantity or filled  # a completed order may state only what was filled
    if quantity <= 0:
        logger.warning("foreign order without a quantity", extra={"ib_perm_id": report.ib_perm_id})
        return None
    status = status_from_word(
        report.status,
        before=OrderStatus.WORKING,
        quantity=quantity,
        filled=filled,
        reject_code=None,
    )
    key = f"{origin.lower()}-{report.ib_perm_id}-{report.client_id}-{report.ib_order_id}"[:64]
    known = Order.objects.filter(account=account, client_order_id=key).first()
    if known is not None:  # several of them share their names while IB has given no perm id
        return known
    order = Order.objects.create(
        account=account,
        instrument=ensure_instrument(
            ib_con_id=report.ib_con_id,
            symbol=report.symbol,
            sec_type=report.sec_type,
            exchange=report.exchange,
            currency=report.currency,
        ),
        client_order_id=key,
        fingerprint="",
        order_ref=report.order_ref[:64],
        side=report.side,
        order_type=report.order_type,
        quantity=quantity,
        limit_price=report.limit_price,
        stop_price=report.stop_price,
        time_in_force=report.time_in_force,
        origin=origin,
        status=status or OrderStatus.WORKING,
        broker_status=report.status,
        seq=1,
        ib_order_id=report.ib_order_id or None,
        ib_client_id=report.client_id,
        ib_perm_ids=[report.ib_perm_id] if report.ib_perm_id else [],
        ib_perm_id=report.ib_perm_id or None,
        filled_quantity=filled,
        created_at=now,
        updated_at=now,
        closed_at=now if status in CLOSED else None,
    )
    if origin is Origin.ORPHAN:
        logger.error("orphan order at the broker", extra={"order_ref": report.order_ref})
    record_step(order, before="", cause=f"found_{origin.lower()}", actor="broker", evidence={"from": cause})
    return order


def _refresh_foreign(order: Order, report: BrokerOrder) -> None:
    """Take over what somebody changed in TWS, so that the gates count what is there."""
    wanted = {
        "quantity": report.quantity or order.quantity,
        "limit_price": report.limit_price,
        "stop_price": report.stop_price,
    }
    if any(getattr(order, name) != value for name, value in wanted.items()):
        note(order, cause="changed_elsewhere", actor="broker", changes=wanted)


def _book(report: ExecutionReport, account: Account, order: Order | None) -> Execution | None:
    """Insert the execution unless this revision is known, and supersede lower revisions."""
    family = Execution.objects.filter(account=account, root=report.root)
    if family.filter(revision=report.revision).exists():
        _report_disagreement(family.get(revision=report.revision), report)
        return None
    newest = family.order_by("-revision").first()
    execution = Execution.objects.create(
        account=account,
        order=order,
        instrument=ensure_instrument(
            ib_con_id=report.ib_con_id,
            symbol=report.symbol,
            sec_type=report.sec_type,
            exchange="SMART",
            currency=report.currency,
        ),
        ib_exec_id=report.ib_exec_id,
        root=report.root,
        revision=report.revision,
        superseded=newest is not None and newest.revision > report.revision,
        side=report.side,
        quantity=report.quantity,
        price=report.price,
        exchange=report.exchange,
        order_ref=report.order_ref[:64],
        ib_perm_id=report.ib_perm_id,
        executed_at=report.executed_at,
        booked_at=timezone.now(),
    )
    family.filter(revision__lt=report.revision).update(superseded=True)
    return execution


def _report_disagreement(booked: Execution, report: ExecutionReport) -> None:
    if (booked.quantity, booked.price) != (report.quantity, report.price):
        logger.error("same execution with other numbers", extra={"ib_exec_id": report.ib_exec_id})


def _recount(order: Order, execution: Execution) -> None:
    """Recompute quantity and average from the executions, and the status from the quantity."""
    rows = Execution.objects.filter(order=order, superseded=False)
    pairs = list(rows.values_list("quantity", "price"))
    filled = sum((quantity for quantity, _ in pairs), Decimal(0))
    changes: dict[str, Any] = {
        "filled_quantity": filled,
        "average_price": average_price(pairs),
        **_perm_changes(order, execution.ib_perm_id),
    }
    evidence = {
        "ib_exec_id": execution.ib_exec_id,
        "quantity": plain(execution.quantity),
        "price": plain(execution.price),
    }
    if filled > order.quantity:
        logger.error("overfill", extra={"order": str(order.uuid), "filled": plain(filled)})
    after = _status_after_fill(order, filled)
    if after is order.standing or not _is_possible(order, after):
        note(order, cause="execution", evidence=evidence, changes=changes)
    else:
        move(order, after, cause="execution", evidence=evidence, changes=changes)


def _is_possible(order: Order, after: OrderStatus) -> bool:
    """Tell whether a fill may move the order; one that may not is an incident, never a lost fact."""
    if may_move(order.standing, after) or is_late_evidence(order.standing, after):
        return True
    logger.error("fill of an order that was never sent", extra={"order": str(order.uuid)})
    return False


def _status_after_fill(order: Order, filled: Decimal) -> OrderStatus:
    """Return the status that the sum of executions proves; a cancel under way stays one.

    A bust can take back what had filled an order: with nothing left it has ended, with a part
    left it is open again until the broker says more.
    """
    if filled >= order.quantity:
        return OrderStatus.FILLED
    if order.standing is OrderStatus.FILLED:
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.CANCELLED
    if order.standing in {OrderStatus.PENDING_CANCEL, OrderStatus.CANCELLED} or not filled:
        return order.standing
    return OrderStatus.PARTIALLY_FILLED


def _fill_data(execution: Execution, order: Order | None) -> dict[str, Any]:
    return {
        "uuid": str(execution.uuid),
        "order_uuid": str(order.uuid) if order else None,
        "ib_exec_id": execution.ib_exec_id,
        "side": execution.side,
        "quantity": plain(execution.quantity),
        "price": plain(execution.price),
    }
