"""Read the gateway's reports, and whether the schema fits this code."""

from collections.abc import Collection

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.gateway.models import Difference, Recovery


def recoveries(connection_name: str, limit: int = 50) -> list[Recovery]:
    """Return the newest recovery reports of a connection first; the first may still be open."""
    return list(Recovery.objects.filter(connection__name=connection_name).order_by("-id")[:limit])


def open_differences(account_codes: Collection[str] | None = None) -> list[Difference]:
    """Return what broker and books disagree on now, newest first; None means every account."""
    rows = Difference.objects.filter(resolved_at__isnull=True).select_related("account")
    if account_codes is not None:
        rows = rows.filter(account__code__in=account_codes)
    return list(rows.order_by("-id"))


def unapplied_migrations() -> int:
    """Return how many migrations of this code the database lacks. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
