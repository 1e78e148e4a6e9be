"""Make trading stricter or freer: halt, reduce, resume; and what a gate locks to be sure.

Each change of any scope first takes the row of everything exclusively, and each gate shares
that row before it reads the others. So a halt waits for gates that are under way, and a gate
that comes later sees it, also where the halt made the row of a scope only now.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.accounts.selectors import accounts
from apps.accounts.services import append_event
from apps.audit import services as audit
from apps.common import crash
from apps.common.bell import ring_on_commit
from apps.common.db import for_share, for_update, short_transaction
from apps.common.prepared import Prepared
from apps.domain.errors import DomainError
from apps.domain.mode import Mode
from apps.safety.models import State, TradingState
from apps.safety.selectors import EVERYTHING, account_scope, symbol_scope

__all__ = [
    "EVERYTHING",
    "ConsoleOnly",
    "ReasonOutOfRange",
    "account_scope",
    "confirm_halts",
    "halt_trading",
    "lock_trading_states",
    "reduce_trading",
    "resume_trading",
    "symbol_scope",
]

_ACCOUNT_PREFIX = account_scope("")


class ReasonOutOfRange(DomainError):
    """A reason has 5 to 200 characters."""

    code = "VALIDATION_RANGE"


class ConsoleOnly(DomainError):
    """Live trading is resumed by two people, not by one."""

    code = "CONSOLE_ONLY"


def halt_trading(*, scope: str, by: str, reason: str, request_id: str = "") -> TradingState:
    """Halt a scope: from this commit no order of it can be committed for sending.

    A second call changes nothing but the audit log. Raises ReasonOutOfRange.
    """
    reason = _checked(reason)
    with short_transaction():
        row = _take(scope)
        changes: dict[str, Any] = {}
        if row.state != State.HALTED:
            changes = {"state": State.HALTED, "halt_epoch": F("halt_epoch") + 1}
        return _apply(row, changes, kind="safety.halt", by=by, reason=reason, request_id=request_id)


def reduce_trading(*, scope: str, by: str, reason: str, request_id: str = "") -> TradingState:
    """Let only reducing orders of a scope pass; what is halted stays halted.

    A second call changes nothing but the audit log. Raises ReasonOutOfRange.
    """
    reason = _checked(reason)
    with short_transaction():
        row = _take(scope)
        changes = {"state": State.REDUCING} if row.state == State.ACTIVE else {}
        return _apply(row, changes, kind="safety.reduce", by=by, reason=reason, request_id=request_id)


def resume_trading(*, scope: str, by: str, reason: str, request_id: str = "") -> TradingState:
    """Let a scope trade again; in paper one person may.

    Raises ReasonOutOfRange, and ConsoleOnly in live.
    """
    reason = _checked(reason)
    if settings.JAXBROKER_MODE is Mode.LIVE:
        raise ConsoleOnly
    with short_transaction():
        row = _take(scope)
        changes = {} if row.state == State.ACTIVE else {"state": State.ACTIVE}
        return _apply(row, changes, kind="safety.resume", by=by, reason=reason, request_id=request_id)


def confirm_halts(now: datetime) -> int:
    """Note that the gateway has seen every halt in force; returns how many were news to it."""
    with transaction.atomic():
        news = TradingState.objects.filter(state=State.HALTED, confirmed_at__isnull=True)
        confirmed = news.update(confirmed_at=now)
        if confirmed:
            ring_on_commit("safety")
        return confirmed


_everything = Prepared(lambda: TradingState.objects.filter(scope=EVERYTHING), share_lock=True)
_two_scopes = Prepared(
    lambda one, other: TradingState.objects.filter(Q(scope=one) | Q(scope=other)).order_by("scope"),
    str,
    str,
    share_lock=True,
)


def lock_trading_states(scopes: Collection[str]) -> list[TradingState]:
    """Return the states of everything and of `scopes`, shared until the transaction ends.

    No halt, reduction or resumption of any scope commits before that. A missing row of
    everything is no row: `strictest` then says HALTED only if no scope has one either, so
    the caller must find EVERYTHING first in the list. Rows come everything first, then by scope.
    """
    everything = _everything.rows()
    named = set(scopes) - {EVERYTHING}
    if len(named) == 2:
        return everything + _two_scopes.rows(*named)
    return everything + for_share(TradingState.objects.filter(scope__in=named).order_by("scope"))


def _checked(reason: str) -> str:
    said = reason.strip()
    if not 5 <= len(said) <= 200:
        raise ReasonOutOfRange
    return said


def _take(scope: str) -> TradingState:
    """Lock everything, then the scope, whose row is made if it is the first time."""
    TradingState.objects.get_or_create(
        scope=EVERYTHING, defaults={"state": State.HALTED, "at": timezone.now()}
    )
    everything = for_update(TradingState.objects.filter(scope=EVERYTHING)).get()
    if scope == EVERYTHING:
        return everything
    TradingState.objects.get_or_create(scope=scope, defaults={"state": State.ACTIVE, "at": timezone.now()})
    return for_update(TradingState.objects.filter(scope=scope)).get()


def _apply(
    row: TradingState, changes: dict[str, Any], *, kind: str, by: str, reason: str, request_id: str
) -> TradingState:
    """Write the change, if it is one; tell accounts, audit log and listeners in any case."""
    before = {"state": row.state, "halt_epoch": row.halt_epoch}
    if changes:
        TradingState.objects.filter(pk=row.pk).update(
            **changes, reason=reason, actor=by, at=timezone.now(), confirmed_at=None
        )
        row.refresh_from_db()
        _tell_accounts(row)
    crash.point("web.setting.before_audit")
    audit.record(
        kind=kind,
        actor=by,
        object=f"scope:{row.scope}",
        before=before,
        after={"state": row.state, "halt_epoch": row.halt_epoch},
        reason=reason,
        request_id=request_id,
    )
    crash.point("web.setting.after_audit")
    ring_on_commit("safety")
    return row


def _tell_accounts(row: TradingState) -> None:
    codes = [row.scope.removeprefix(_ACCOUNT_PREFIX)] if row.scope.startswith(_ACCOUNT_PREFIX) else None
    data = {"scope": row.scope, "state": row.state, "epoch": row.halt_epoch, "reason": row.reason}
    for account in accounts(codes):
        append_event(account=account, type="safety", data=data)
