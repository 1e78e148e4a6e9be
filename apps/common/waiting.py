"""Wait for a row up to a deadline, holding neither transaction nor connection.

For synchronous views and services that answer sooner if the gateway is quick. A process
holds a bounded number of waits; one more gets its first look and no wait.
"""

from collections.abc import Callable, Sequence
from threading import BoundedSemaphore
from typing import TypeVar

from django.conf import settings

from apps.common.bell import ThreadListener, listening
from apps.common.clock import boottime
from apps.common.db import let_go_of_database

T = TypeVar("T")

POLL_S = 0.25

_places = BoundedSemaphore(settings.JAXBROKER_MAX_WAITS)


def wait_until(
    read: Callable[[], T | None],
    *,
    topics: Sequence[str],
    deadline_s: float,
    poll_s: float = POLL_S,
) -> T | None:
    """Return what `read` finds, as soon as it finds something; None after `deadline_s`.

    `read` runs at once, after each ring of a topic, and every `poll_s` seconds (0.05 to
    0.25), so a lost ring costs one poll. Without a free place it runs once. Raises
    TransactionManagementError if called inside a transaction.
    """
    with listening(*topics) as bell:
        found = read()
        if found is not None or deadline_s <= 0 or not _places.acquire(blocking=False):
            return found
        try:
            return _look_again(read, bell, until=boottime() + deadline_s, poll_s=poll_s)
        finally:
            _places.release()


def _look_again(
    read: Callable[[], T | None], bell: ThreadListener, *, until: float, poll_s: float
) -> T | None:
    while (left_s := until - boottime()) > 0:
        let_go_of_database()
        bell.wait(min(poll_s, left_s))
        found = read()
        if found is not None:
            return found
    return None
