"""Read the gateway's reports."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import Account
from apps.gateway.models import BooksCheck, Difference, Recovery
from apps.orders.models import Order

#: The kind of a difference between the broker's position and our executions.
POSITION = "position"
#: An order that rests for months outlives many gaps; its page shows the newest ones.
RECOVERIES_READ = 50


def recoveries(connection_name: str, limit: int = 50) -> list[Recovery]:
    """Return the newest recovery reports of a connection first; the first may still be open."""
    return list(Recovery.objects.filter(connection__name=connection_name).order_by("-id")[:limit])


def open_differences(account_codes: Collection[str] | None = None) -> list[Difference]:
    """Return what broker and books disagree on now, newest first; None means every account."""
    rows = Difference.objects.filter(resolved_at__isnull=True).select_related("account")
    if account_codes is not None:
        rows = rows.filter(account__code__in=account_codes)
    return list(rows.order_by("-id"))


def recoveries_seen_by(account_codes: Collection[str] | None) -> QuerySet[Recovery]:
    """Return the reports of connections through which these accounts trade (None: of all)."""
    rows = Recovery.objects.select_related("connection")
    if account_codes is None:
        return rows
    seen = Account.objects.filter(code__in=account_codes, connection=OuterRef("connection"))
    return rows.filter(Exists(seen))


def recoveries_about(order: Order) -> list[Recovery]:
    """Return the reports that name an order, oldest first: it was matched after a gap, or a fill was missed.

    Only gaps that ended while the order was under way are read, the newest RECOVERIES_READ of them.
    """
    if order.in_flight_at is None:
        return []
    rows = Recovery.objects.filter(connection=order.account.connection_id, gap_to__gte=order.in_flight_at)
    if order.closed_at is not None:
        rows = rows.filter(gap_from__lte=order.closed_at)
    return [row for row in reversed(rows.order_by("-id")[:RECOVERIES_READ]) if _names(row, order)]


def _names(recovery: Recovery, order: Order) -> bool:
    matched = any(one.get("order_uuid") == str(order.uuid) for one in recovery.rematched)
    return matched or any(one.get("order_ref") == order.order_ref for one in recovery.fills_recovered)


def positions_differ(connection: str) -> bool:
    """Tell whether a position of the connection is open as a difference, so that a look is due soon."""
    rows = Difference.objects.filter(kind=POSITION, resolved_at__isnull=True)
    return rows.filter(account__connection__name=connection).exists()


def differences_during(recovery: Recovery) -> list[Difference]:
    """Return what broker and books disagreed on when the report was closed, oldest first."""
    ended = recovery.ready_at
    if ended is None:
        return []
    rows = Difference.objects.filter(account__connection=recovery.connection, first_seen__lte=ended)
    rows = rows.filter(Q(resolved_at__isnull=True) | Q(resolved_at__gt=ended))
    return list(rows.select_related("account").order_by("pk"))


def last_check(account: Account) -> BooksCheck | None:
    """Return when the books of an account were last held against the broker's lists."""
    return BooksCheck.objects.filter(account=account).first()


def books_checked_at(account_codes: Collection[str]) -> datetime | None:
    """Return since when every one of these accounts has been looked at; None if one never was."""
    checks = BooksCheck.objects.filter(account__code__in=account_codes)
    times = list(checks.values_list("checked_at", flat=True))
    return min(times, default=None) if len(times) == len(account_codes) else None
