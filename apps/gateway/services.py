"""Write the gateway's reports: recoveries and differences.

Only the gateway that holds the lease calls these. What a finding does to an order or to
trading is decided in orders and safety; here it is only kept for people to read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from apps.accounts.models import Account, Connection
from apps.accounts.selectors import lease_of
from apps.accounts.services import Fenced
from apps.common.db import for_update, short_transaction
from apps.domain.orders import Sender
from apps.gateway.models import BooksCheck, Difference, Recovery


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """One disagreement as the reconciler saw it; `subject` is a symbol or an order's name."""

    kind: str
    subject: str
    detail: str = ""


def open_recovery(*, sender: Sender, cause: str, gap_from: datetime | None, now: datetime) -> Recovery:
    """Begin the report of a time away, or go on with the one that is still open.

    Raises Fenced if the sender no longer holds the lease.
    """
    with short_transaction():
        if not lease_of(sender, lasting=timedelta(0)).exists():
            raise Fenced
        connection = Connection.objects.get(name=sender.connection)
        recovery = Recovery.objects.filter(connection=connection, ready_at__isnull=True).first()
        if recovery is None:
            return Recovery.objects.create(
                connection=connection,
                session=sender.session,
                cause=cause[:255],
                gap_from=min(gap_from, now) if gap_from else None,
                gap_to=now,
            )
        recovery.session, recovery.gap_to = sender.session, max(now, recovery.gap_to)
        recovery.save(update_fields=["session", "gap_to"])
        return recovery


def note_recovered(recovery_id: int, fills: Sequence[dict[str, object]]) -> None:
    """Add executions not heard live to a report as soon as they are booked.

    An attempt that fails later would otherwise leave them out: the next one finds them booked.
    """
    if not fills:
        return
    with short_transaction():
        report = for_update(Recovery.objects.filter(pk=recovery_id)).get()
        report.fills_recovered = [*report.fills_recovered, *fills]
        report.save(update_fields=["fills_recovered"])


def close_recovery(
    recovery_id: int,
    *,
    now: datetime,
    rematched: Sequence[dict[str, object]] = (),
    differences_left: int = 0,
) -> bool:
    """Finish a report when READY is reached; False if it was finished before.

    `rematched` are JSON objects that describe orders which the broker's lists named again.
    """
    changed = Recovery.objects.filter(pk=recovery_id, ready_at__isnull=True).update(
        ready_at=now,
        orders_rematched=len(rematched),
        rematched=list(rematched),
        differences_left=differences_left,
    )
    return changed == 1


def note_subscriptions(recovery_id: int, *, restored: int) -> None:
    """Add to a report how many market-data lines were opened again."""
    Recovery.objects.filter(pk=recovery_id).update(subscriptions_restored=restored)


def record_differences(
    account: Account, *, found: Collection[FoundDifference], now: datetime
) -> list[Difference]:
    """Make the open differences of an account those in `found`; return them.

    What is open and no longer found is resolved; what is found again keeps its first sight.
    """
    with short_transaction():
        found = [replace(one, subject=one.subject[:128]) for one in found]
        open_rows = {
            (row.kind, row.subject): row
            for row in Difference.objects.filter(account=account, resolved_at__isnull=True)
        }
        seen = {(one.kind, one.subject): one for one in found}
        gone = [row.pk for key, row in open_rows.items() if key not in seen]
        Difference.objects.filter(pk__in=gone).update(resolved_at=now)
        return [
            _see_again(open_rows[key], one, now) if key in open_rows else _see_first(account, one, now)
            for key, one in seen.items()
        ]


def record_check(account: Account, *, now: datetime, session: int) -> None:
    """Note that the books of an account were held against complete lists."""
    BooksCheck.objects.update_or_create(account=account, defaults={"checked_at": now, "session": session})


def _see_first(account: Account, found: FoundDifference, now: datetime) -> Difference:
    return Difference.objects.create(
        account=account,
        kind=found.kind,
        subject=found.subject,
        detail=found.detail,
        first_seen=now,
        last_seen=now,
    )


def _see_again(row: Difference, found: FoundDifference, now: datetime) -> Difference:
    row.detail, row.last_seen = found.detail, now
    row.save(update_fields=["detail", "last_seen"])
    return row
