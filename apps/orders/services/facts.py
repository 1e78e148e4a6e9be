"""Book what the broker said about orders: statuses, executions, commissions, notices.

Every function may be called twice with the same fact and in any order of facts; quantities
and prices come from executions alone (ST7). Reconciliation books through here as well.
"""

import logging
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from apps.accounts.models import Account
from apps.accounts.services import append_event
from apps.common import crash
from apps.common.bell import ring_on_commit
from apps.common.db import short_transaction
from apps.common.prepared import Prepared
from apps.domain.broker_words import REJECT_CODES
from apps.domain.events import BrokerNotice, BrokerOrder, OrderStatusReport
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.identity import is_our_ref
from apps.domain.incidents import IncidentKind
from apps.domain.orders import (
    Origin,
    Sender,
)
from apps.orders.models import Execution, Order
from apps.orders.services.changes import close_changes, hear_refusal, hear_terms
from apps.orders.services.evidence import Word, apply_word
from apps.orders.services.fills import book, fill_data, recount
from apps.orders.services.foreign import adopt_foreign, refresh_foreign
from apps.orders.services.transitions import lock_order, note
from apps.orders.services.twins import is_twin
from apps.safety.services.incidents import record_incident

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
            return adopt_foreign(report, account, cause=cause)
        order = lock_order(found)
        if order.origin != Origin.OWN:
            refresh_foreign(order, report)
        word = Word(
            report.status,
            cause=cause,
            ib_perm_id=report.ib_perm_id,
            session=sender.session,
            list_began_at=list_began_at,
            filled=report.filled if cause == "completed_orders" else None,
            ib_order_id=report.ib_order_id if report.client_id == sender.client_id else 0,
            client_id=report.client_id,
            evidence={"warning": report.warning} if report.warning else {},
        )
        if order.origin == Origin.OWN and not is_twin(order, report.ib_perm_id):
            hear_terms(order, report, list_began_at=list_began_at)
        return _apply(order, word)


def record_status(report: OrderStatusReport, *, sender: Sender) -> Order | None:
    """Book one orderStatus of the present broker session; None if we have no row of the order."""
    with short_transaction():
        by_perm = _by_perm_id(report.ib_perm_id, sender)
        found = by_perm or _by_session_id(report.ib_order_id, report.client_id, sender)
        if found is None:
            return None
        word = Word(
            report.status,
            cause="broker_status",
            ib_perm_id=report.ib_perm_id,
            session=sender.session,
            ib_order_id=report.ib_order_id if report.client_id == sender.client_id else 0,
            client_id=report.client_id,
            evidence={"why_held": report.why_held} if report.why_held else {},
        )
        return _apply(lock_order(found), word)


def _apply(order: Order, word: Word) -> Order:
    applied = apply_word(order, word)
    close_changes(applied)
    crash.point("gw.ack.before_commit")
    return applied


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
        order = lock_order(found) if found else None
        execution = book(report, account, order)
        if execution is None:
            return False
        crash.point("gw.exec.before_commit")
        append_event(account=account, type="fill", data=fill_data(execution, order))
        if order is not None:
            recount(order, execution)
            close_changes(order)
        elif is_our_ref(report.order_ref):
            _tell_orphan(execution, account)
        transaction.on_commit(partial(crash.point, "gw.fill.before_push"))
        ring_on_commit("positions")
    crash.point("gw.exec.after_commit")
    return True


def _tell_orphan(execution: Execution, account: Account) -> None:
    record_incident(
        IncidentKind.ORPHAN_EXECUTION,
        f"ref:{execution.order_ref}",
        account=account,
        detail=f"{execution}, {execution.instrument.symbol}, under {execution.order_ref}",
        evidence=fill_data(execution, None),
    )


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
        order = lock_order(found)
        note(
            order,
            cause="broker_notice",
            evidence={"ib_code": notice.code, "ib_message": notice.text},
            changes=_notice_changes(order, notice, sender),
        )
    return order


def _notice_changes(order: Order, notice: BrokerNotice, sender: Sender) -> dict[str, Any]:
    """Return what the notice changes: a refusal once written is not hidden by a later notice.

    One that answers a change of the order is the change's and says nothing of the order.
    """
    if notice.code == _OWN_CANCEL or hear_refusal(order, notice.code, notice.text):
        return {}
    if order.ib_error_code in REJECT_CODES and notice.code not in REJECT_CODES:
        return {}
    return {
        "ib_error_code": notice.code,
        "ib_error_text": notice.text,
        "ib_error_session": sender.session,
    }


#: 202 is also the ordinary acknowledgement of our own cancel.
_OWN_CANCEL = 202


_account_of_connection = Prepared(
    lambda code, connection: Account.objects.filter(code=code, connection__name=connection), *(str, str)
)


def _account(code: str, sender: Sender) -> Account | None:
    account = _account_of_connection.first(code, sender.connection)
    if account is None:
        logger.error("fact of an unknown account", extra={"account": code})
    return account


_by_ref = Prepared(
    lambda account, ref: Order.objects.filter(account_id=account, order_ref=ref).values_list("pk", flat=True)[
        :1
    ],
    *(int, str),
)
_by_perm_in_account = Prepared(
    lambda account, perm: Order.objects.filter(account_id=account, ib_perm_id=perm).values_list(
        "pk", flat=True
    )[:1],
    *(int, int),
)
_by_perm_in_connection = Prepared(
    lambda connection, perm: Order.objects.filter(
        account__connection__name=connection, ib_perm_id=perm
    ).values_list("pk", flat=True)[:1],
    *(str, int),
)
_by_id_of_client = Prepared(
    lambda connection, client_id, ib_order_id: Order.objects.filter(
        account__connection__name=connection,
        ib_client_id=client_id,
        ib_order_id=ib_order_id,
        origin=Origin.OWN.value,
    ).values_list("pk", flat=True)[:1],
    *(str, int, int),
)


def _find(
    account: Account,
    *,
    order_ref_text: str,
    ib_perm_id: int,
    ib_order_id: int,
    client_id: int,
    sender: Sender,
) -> int | None:
    """Find the row by our name, else by perm id, else by the id of this very broker session."""
    if is_our_ref(order_ref_text):
        return _by_ref.first(account.pk, order_ref_text)
    by_perm = _by_perm_in_account.first(account.pk, ib_perm_id) if _is_id(ib_perm_id) else None
    return by_perm or _by_session_id(ib_order_id, client_id, sender)


def _by_perm_id(ib_perm_id: int, sender: Sender) -> int | None:
    return _by_perm_in_connection.first(sender.connection, ib_perm_id) if _is_id(ib_perm_id) else None


def _is_id(number: int) -> bool:
    """Tell whether an order can have this number: what does not fit its column belongs to none."""
    return 0 < number < 2**63


def _by_session_id(ib_order_id: int, client_id: int, sender: Sender) -> int | None:
    if client_id != sender.client_id or not _is_id(ib_order_id):
        return None
    return _by_id_of_client.first(sender.connection, client_id, ib_order_id)
