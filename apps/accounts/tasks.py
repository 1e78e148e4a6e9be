"""Clock work of this part: drop events nobody may ask for any more."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.accounts.services import drop_events

#: GET /events, the private socket and webhooks reach back so far.
EVENTS_KEPT = timedelta(days=7)


@shared_task
def drop_old_events() -> int:
    """Drop account events older than seven days; returns how many."""
    return drop_events(before=timezone.now() - EVENTS_KEPT)
