"""Do clock work once per period, however often it is asked for, and tell when it is late.

Beat may run twice or not at all, a worker may die in the middle, a message may come twice or
hours later. A row decides: it is written in the transaction of the effect, so the two are
there together or not at all. What is due and how often stands in the project's timetable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.common.db import DbClock, database_now
from apps.common.models import ClockTurn

#: Work is late when so many of its periods have passed since it was last done.
LATE_AFTER_PERIODS = 2


@dataclass(frozen=True, slots=True)
class LateWork:
    """Clock work nobody has done in time; `for_s` is None if it never was."""

    name: str
    for_s: float | None


def once_per_period(name: str, work: Callable[[], object], *, period_s: float) -> bool:
    """Do `work` unless it was done in the present period; tell whether it was done now.

    One transaction with its effect: who dies in between leaves it undone for the next to do,
    and who comes second waits for the first and then finds it done.
    """
    turn = _turn(period_s)
    if not _is_due(name, turn).exists() and ClockTurn.objects.filter(name=name).exists():
        return False
    ClockTurn.objects.bulk_create([ClockTurn(name=name, period_s=period_s)], ignore_conflicts=True)
    with transaction.atomic():
        if not _is_due(name, turn).update(turn=turn, period_s=period_s, done_at=DbClock()):
            return False
        work()
    return True


def late_work(now: datetime) -> list[LateWork]:
    """Return the timetable's work that is late at `now`, the database's clock; the latest first."""
    seen = {row.name: row for row in ClockTurn.objects.all()}
    late = []
    for name, period_s in settings.JAXBROKER_CLOCK_WORK.items():
        row = seen.get(name)
        if row is None or row.done_at is None:
            late.append(LateWork(name, None))
        elif now - row.done_at > timedelta(seconds=LATE_AFTER_PERIODS * period_s):
            late.append(LateWork(name, (now - row.done_at).total_seconds() - period_s))
    return sorted(late, key=lambda one: -(one.for_s or 0))


def _turn(period_s: float) -> int:
    return int(database_now().timestamp() // period_s)


def _is_due(name: str, turn: int) -> QuerySet[ClockTurn]:
    """Return the row if its period is over; a clock that was put back must not stop the work."""
    return ClockTurn.objects.filter(Q(turn__lt=turn) | Q(turn__gt=turn + 1), name=name)
