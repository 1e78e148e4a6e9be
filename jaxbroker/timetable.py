"""The one list of clock work: what is done how often, by which Celery task.

Beat reads it in production, the standalone process runs what is due by itself. Both ask more
often than the work is due, so that a worker that was dead catches up soon; a row sees to it
that each is done once per period. None of them is order business.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockWork:
    """One entry: its name, its period in seconds, and the Celery task by its full name."""

    name: str
    period_s: float
    task: str

    @property
    def asked_every_s(self) -> float:
        """Return how often somebody asks whether it is due."""
        return min(self.period_s / 4, MINUTE_S)


MINUTE_S = 60.0
HOUR_S = 60 * MINUTE_S

TIMETABLE = (
    ClockWork("equity of each account", 15 * MINUTE_S, "apps.positions.tasks.snapshot_equity_all"),
    ClockWork("audit anchor", MINUTE_S, "audit.anchor"),
    ClockWork("audit tail", HOUR_S, "audit.verify_tail"),
    ClockWork("old prices", HOUR_S, "apps.marketdata.tasks.drop_old"),
    ClockWork("old account events", HOUR_S, "apps.accounts.tasks.drop_old_events"),
)
