"""The one list of clock work: what is done how often, by which Celery task.

Beat reads it in production, the standalone process runs what is due by itself. Each task is
guarded by rows, so running twice is harmless; none of them is order business.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockWork:
    """One entry: its name, its period in seconds, and the Celery task by its full name."""

    name: str
    period_s: float
    task: str


MINUTE_S = 60.0
HOUR_S = 60 * MINUTE_S

TIMETABLE = (
    ClockWork("equity of each account", 15 * MINUTE_S, "apps.positions.tasks.snapshot_equity_all"),
    ClockWork("audit anchor", MINUTE_S, "audit.anchor"),
    ClockWork("audit tail", HOUR_S, "audit.verify_tail"),
    ClockWork("old prices", HOUR_S, "apps.marketdata.tasks.drop_old"),
    ClockWork("old account events", HOUR_S, "apps.accounts.tasks.drop_old_events"),
)
