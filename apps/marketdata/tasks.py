"""Clock work of this part: drop questions nobody waits for and watches that ran out."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.marketdata.services import drop_expired

#: Answered candle requests are kept so long for people to look at.
REQUESTS_KEPT = timedelta(days=1)


@shared_task
def drop_old() -> int:
    """Drop answered candle requests of yesterday and expired watches; returns how many."""
    return drop_expired(before=timezone.now() - REQUESTS_KEPT)
