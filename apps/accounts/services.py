"""Write connections, leases, accounts, balances and each account's event log.

What the gateway writes about its connection is fenced: one conditional UPDATE that also
demands an unexpired lease of the writer's epoch. Two gateways meet only here, in the lease
row, and the clock of the database is the only one they share.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from apps.accounts.models import Account, AccountEvent, Balance, Connection, Lease, Phase
from apps.accounts.selectors import SUMMARY_TAGS, connection
from apps.audit import services as audit
from apps.common.bell import ring_on_commit
from apps.common.db import DbClock, for_update
from apps.common.prepared import PreparedUpdate, insert
from apps.common.version import code_version
from apps.domain.errors import DomainError
from apps.domain.events import BalanceReport
from apps.domain.mode import Mode, ModeProof, ProofState, account_class

logger = logging.getLogger(__name__)

#: Phases in which a broker session with an identity stands.
_SIGNED_IN = frozenset({Phase.RECONCILING, Phase.READY})
_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
#: Beyond this a number is one of IB's stand-ins for "none" and does not fit the column.
_TOO_LARGE = Decimal(10) ** 16


class Fenced(DomainError):
    """Another gateway has the lease now, or ours ran out: write nothing more and exit."""

    code = "INTERNAL"


@transaction.atomic
def register_connection(
    *, name: str, host: str, port: int, client_id: int, mode: Mode, simulator: bool, wanted: bool
) -> Connection:
    """Make a connection known under its name, or bring its address up to date.

    `wanted` counts for a new one only: afterwards it is the wish of people and stays.
    """
    settings = {
        "host": host,
        "port": port,
        "client_id": client_id,
        "mode": mode.value,
        "simulator": simulator,
    }
    row, _ = Connection.objects.update_or_create(
        name=name, defaults=settings, create_defaults={**settings, "name": name, "wanted": wanted}
    )
    Lease.objects.get_or_create(connection=row, defaults={"expires_at": _NEVER})
    return row


@transaction.atomic
def want_connection(
    *, name: str, wanted: bool, by: str, reason: str = "", request_id: str = ""
) -> Connection:
    """Store whether people want the connection up; the gateway makes it so.

    Raises ConnectionNotFound.
    """
    row = connection(name)
    Connection.objects.filter(pk=row.pk).update(wanted=wanted)
    audit.record(
        kind="connection.wanted",
        actor=by,
        object=f"connection:{row.name}",
        before={"wanted": row.wanted},
        after={"wanted": wanted},
        reason=reason,
        request_id=request_id,
    )
    ring_on_commit("connection")
    row.wanted = wanted
    return row


@transaction.atomic
def take_lease(
    *, connection_name: str, owner: str, ttl_s: float = 15, dead_owner: str | None = None
) -> int | None:
    """Become the connection's gateway and return the epoch; None while another one is.

    `owner` must be unique to the process. Taking it again as the owner raises the epoch too.
    From `dead_owner`, which the caller knows to be gone, it is taken before it runs out. The
    connection tells from then on which code its gateway runs, and is not READY. Raises ConnectionNotFound.
    """
    row = connection(connection_name)
    free = Q(expires_at__lte=DbClock()) | Q(owner__in=[one for one in (owner, dead_owner) if one])
    taken = Lease.objects.filter(free, connection=row).update(
        owner=owner, epoch=F("epoch") + 1, expires_at=DbClock() + timedelta(seconds=ttl_s)
    )
    if taken != 1:
        return None
    Connection.objects.filter(pk=row.pk).update(code_version=code_version())
    # What the owner before us had signed in to ended with it; nobody may read READY out of it.
    Connection.objects.filter(pk=row.pk, phase__in=_SIGNED_IN).update(
        phase=Phase.DISCONNECTED,
        reasons=["a new gateway begins"],
        connected_since=None,
        ready_at=None,
        mode_proof=_proof_without_session(),
    )
    return Lease.objects.values_list("epoch", flat=True).get(connection=row)


@transaction.atomic
def renew_lease(*, connection_name: str, owner: str, epoch: int, ttl_s: float = 15) -> bool:
    """Keep the lease for another `ttl_s` seconds and give a sign of life.

    False: it ran out or was taken, and the process must exit without a word on the wire.
    """
    renewed = _lease(connection_name, epoch).filter(owner=owner, expires_at__gt=DbClock())
    if renewed.update(expires_at=DbClock() + timedelta(seconds=ttl_s)) != 1:
        return False
    Connection.objects.filter(name=connection_name).update(heartbeat_at=DbClock())
    return True


def release_lease(*, connection_name: str, owner: str, epoch: int) -> None:
    """Give the lease back so that the next owner need not wait; harmless when it is lost."""
    _lease(connection_name, epoch).filter(owner=owner).update(expires_at=_NEVER)


@transaction.atomic
def next_session(*, connection_name: str, epoch: int) -> int:
    """Return the number of a new broker session, one above the last and never used again.

    Raises Fenced.
    """
    _write_fenced(connection_name, epoch, session=F("session") + 1)
    return Connection.objects.values_list("session", flat=True).get(name=connection_name)


@transaction.atomic
def record_phase(
    *,
    connection_name: str,
    epoch: int,
    phase: Phase,
    reasons: Sequence[str] = (),
    attempt: int = 0,
    next_attempt_at: datetime | None = None,
) -> None:
    """Store where the connection stands and why; a new phase is told to its accounts.

    Leaving the broker session takes back a proven mode, because the proof was the session's.
    Raises Fenced.
    """
    before = Connection.objects.filter(name=connection_name).values_list("phase", flat=True).first()
    facts: dict[str, Any] = {
        "phase": phase,
        "reasons": list(reasons),
        "attempt": attempt,
        "next_attempt_at": next_attempt_at,
        "ready_at": None,
    }
    if phase == Phase.READY:
        facts["ready_at"] = Case(
            When(phase=Phase.READY, ready_at__isnull=False, then=F("ready_at")), default=DbClock()
        )
    if phase not in _SIGNED_IN:
        facts["connected_since"] = None
        facts["mode_proof"] = _proof_without_session()
    _write_fenced(connection_name, epoch, heartbeat_at=DbClock(), **facts)
    if before != phase:
        _tell_accounts(connection_name, phase=phase, reasons=reasons, next_attempt_at=next_attempt_at)
    ring_on_commit("connection")


@transaction.atomic
def record_identity(
    *,
    connection_name: str,
    epoch: int,
    session: int,
    server_version: int,
    accounts: Sequence[str],
    proof: ModeProof,
) -> list[Account]:
    """Store who the broker says we are in this session, and what that proves.

    Returns the accounts of a proven connection, made where they are new; none while the mode
    is not proven. Raises Fenced, also if the session is over.
    """
    _write_fenced(
        connection_name,
        epoch,
        Q(session=session),
        server_version=server_version,
        managed_accounts=list(accounts),
        mode_proof=proof.state.value,
        evidence=[{"name": e.name, "seen": e.seen, "agrees": e.agrees} for e in proof.evidence],
        connected_since=DbClock(),
        heartbeat_at=DbClock(),
    )
    ring_on_commit("connection")
    if proof.state is not ProofState.PROVEN:
        return []
    home = connection(connection_name)
    return [_see_account(code, home) for code in accounts]


def record_heartbeat(*, connection_name: str, epoch: int, lines_used: int, market_data_type: str) -> None:
    """Store that the broker session answers, and what it uses. Raises Fenced."""
    _write_fenced(
        connection_name,
        epoch,
        heartbeat_at=DbClock(),
        lines_used=lines_used,
        market_data_type=market_data_type,
    )


@transaction.atomic
def record_balances(reports: Sequence[BalanceReport]) -> None:
    """Store account values, the last one of each tag and currency; unknown accounts are logged.

    One `account` event per account tells that its summary changed.
    """
    owners = {a.code: a for a in Account.objects.filter(code__in={report.account for report in reports})}
    newest = {(r.account, r.tag, r.currency): r for r in reports if r.account in owners}
    if unknown := {report.account for report in reports} - owners.keys():
        logger.warning("balances of unknown accounts", extra={"accounts": sorted(unknown)})
    changed = _changed_summary(newest.values(), owners)
    now = timezone.now()
    Balance.objects.bulk_create(
        [_balance(report, owners[report.account], now) for report in newest.values()],
        update_conflicts=True,
        unique_fields=["account", "tag", "currency"],
        update_fields=["text", "value", "as_of"],
        batch_size=100,
    )
    for code, values in sorted(changed.items()):
        append_event(account=owners[code], type="account", data=values)


_count_event = PreparedUpdate(
    lambda pk: (Account.objects.filter(pk=pk), {"last_seq": F("last_seq") + 1}), int, returning=("last_seq",)
)


def append_event(*, account: Account, type: str, data: dict[str, Any]) -> AccountEvent:  # noqa: A002
    """Add one event to the account's log under the next number and ring `events` on commit.

    Must run in the transaction of the change it tells about: the account's row stays locked
    until that ends, so numbers have no gaps and become visible in order.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An event needs the transaction of its change")
    ((account.last_seq,),) = _count_event.returned(account.pk)
    event = insert(
        AccountEvent(account=account, seq=account.last_seq, type=type, data=data, at=timezone.now())
    )
    ring_on_commit("events")
    return event


def drop_events(*, before: datetime) -> int:
    """Drop events from before a moment and return how many; numbers are never used again."""
    dropped, _ = AccountEvent.objects.filter(at__lt=before).delete()
    return dropped


def _lease(connection_name: str, epoch: int) -> QuerySet[Lease]:
    return Lease.objects.filter(connection__name=connection_name, epoch=epoch)


def _write_fenced(connection_name: str, epoch: int, *conditions: Q, **values: Any) -> None:
    ours = Lease.objects.filter(connection=OuterRef("pk"), epoch=epoch, expires_at__gt=DbClock())
    changed = Connection.objects.filter(Exists(ours), *conditions, name=connection_name).update(**values)
    if changed != 1:
        raise Fenced


def _proof_without_session() -> Case:
    """Keep what was contradicted on the screen; only a proof ends with its session."""
    return Case(
        When(mode_proof=ProofState.PROVEN.value, then=Value(ProofState.UNPROVEN.value)),
        default=F("mode_proof"),
    )


def _tell_accounts(
    connection_name: str, *, phase: Phase, reasons: Sequence[str], next_attempt_at: datetime | None
) -> None:
    data = {
        "connection": connection_name,
        "phase": str(phase),
        "reasons": list(reasons),
        "next_attempt_at": None if next_attempt_at is None else next_attempt_at.isoformat(),
    }
    for account in Account.objects.filter(connection__name=connection_name).order_by("code"):
        append_event(account=account, type="connection", data=data)


def _see_account(code: str, home: Connection) -> Account:
    now = timezone.now()
    seen = {"connection": home, "last_seen_at": now}
    account, _ = Account.objects.update_or_create(
        code=code,
        defaults=seen,
        create_defaults={**seen, "code": code, "mode": account_class(code).value, "first_seen_at": now},
    )
    return account


def _balance(report: BalanceReport, account: Account, now: datetime) -> Balance:
    value = report.value if report.value is not None and abs(report.value) < _TOO_LARGE else None
    return Balance(
        account=account,
        tag=report.tag,
        currency=report.currency,
        text=report.text[:255],
        value=value,
        as_of=now,
    )


def _changed_summary(
    reports: Iterable[BalanceReport], owners: dict[str, Account]
) -> dict[str, dict[str, str]]:
    """Return, by account, the tags of the summary whose text is new; learn base currencies."""
    told = [r for r in reports if r.tag in SUMMARY_TAGS]
    stored = {
        (row.account_id, row.tag, row.currency): row.text
        for row in for_update(Balance.objects.filter(account__in=owners.values(), tag__in=SUMMARY_TAGS))
    }
    changed: dict[str, dict[str, str]] = {}
    for report in told:
        account = owners[report.account]
        if report.tag == "NetLiquidation" and report.currency not in {"", "BASE", account.base_currency}:
            account.base_currency = report.currency
            account.save(update_fields=["base_currency"])
        if stored.get((account.pk, report.tag, report.currency)) != report.text:
            changed.setdefault(report.account, {})[report.tag] = report.text
    return changed
