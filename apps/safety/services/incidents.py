"""Keep incidents as rows, and make trading stricter for those that trip the breaker (R25).

An incident is recorded in the transaction of the fact that shows it, which may hold locks of
orders already. The trading states stand before orders in the lock order, so the reduction is a
transaction of its own right after that commit; the sentinel repeats what a crash left out.
Acknowledging and closing incidents is not done here.
"""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Account
from apps.accounts.services import append_event
from apps.audit import services as audit
from apps.common.bell import ring_on_commit
from apps.domain.incidents import INCIDENTS, IncidentKind
from apps.safety.models import Incident
from apps.safety.selectors import account_scope
from apps.safety.services.states import reduce_trading

BREAKER = "breaker R25"


def record_incident(
    kind: IncidentKind,
    subject: str,
    *,
    account: Account,
    detail: str,
    evidence: Mapping[str, Any] | None = None,
    actor: str = "gateway",
) -> Incident:
    """Tell an incident once; while it is open the same (kind, subject) is only counted.

    For the transaction of the fact that shows it. Trading of the account is reduced right after
    the commit if the kind trips. `evidence` is kept as JSON.
    """
    known = _count_again(account, kind, subject[:128])
    if known is not None:
        return known
    now = timezone.now()
    try:
        with transaction.atomic():
            incident = Incident.objects.create(
                account=account,
                kind=kind.value,
                subject=subject[:128],
                detail=detail,
                evidence=dict(evidence or {}),
                at=now,
                last_seen=now,
                trips=INCIDENTS[kind].trips,
            )
    except IntegrityError:  # somebody told it at the same moment
        return _count_again(account, kind, subject[:128]) or record_incident(
            kind, subject, account=account, detail=detail, evidence=evidence, actor=actor
        )
    _tell(incident, actor=actor)
    if incident.trips:
        transaction.on_commit(trip_breakers, robust=True)
    return incident


def trip_breakers() -> int:
    """Reduce trading for each incident that asks for it and has not had it; return how many.

    What is stricter already stays. Harmless to call at any time and twice.
    """
    waiting = Incident.objects.filter(trips=True, tripped_at__isnull=True).select_related("account")
    return sum(_trip(incident) for incident in waiting.order_by("pk"))


def _trip(incident: Incident) -> bool:
    """Reduce, then note it apart: whoever counts the incident again may wait for the audit head."""
    reason = f"{INCIDENTS[IncidentKind(incident.kind)].title}: {incident.subject}"
    reduce_trading(scope=account_scope(incident.account.code), by=BREAKER, reason=reason[:200])
    waiting = Incident.objects.filter(pk=incident.pk, tripped_at__isnull=True)
    return waiting.update(tripped_at=timezone.now()) == 1


def _count_again(account: Account, kind: IncidentKind, subject: str) -> Incident | None:
    """Count the open incident of this kind and subject once more; None if there is none."""
    rows = Incident.objects.filter(account=account, kind=kind.value, subject=subject, closed_at__isnull=True)
    return rows.get() if rows.update(times_seen=F("times_seen") + 1, last_seen=timezone.now()) else None


def _tell(incident: Incident, *, actor: str) -> None:
    told = {
        "uuid": str(incident.uuid),
        "kind": incident.kind,
        "subject": incident.subject,
        "detail": incident.detail,
        "trips": incident.trips,
    }
    append_event(account=incident.account, type="incident", data=told)
    audit.record(
        kind=f"incident.{incident.kind}",
        actor=actor,
        object=incident.subject,
        after={**told, "evidence": incident.evidence},
        reason=incident.detail,
    )
    ring_on_commit("safety")
