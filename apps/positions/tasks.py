"""Clock work of this part: keep each account's equity by trading day."""

from celery import shared_task
from django.utils import timezone

from apps.accounts.selectors import accounts
from apps.positions.services import snapshot_equity


@shared_task
def snapshot_equity_all() -> int:
    """Store today's equity of every account; returns for how many there was one."""
    now = timezone.now()
    return sum(snapshot_equity(account=account, now=now) is not None for account in accounts())
