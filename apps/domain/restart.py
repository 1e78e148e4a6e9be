"""When IB Gateway restarts by its own clock, and for how long no new order makes sense around it.

IB's programs restart once a day at a time people set in them. An order sent shortly before is
accepted by a program that is about to forget its line; what became of it is known only
afterwards. Cancels never ask here.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RestartSchedule:
    """A restart every day `at` a time of `zone`; the gate closes `lead` before it.

    A restart that has not come `overdue` after its time is not waited for any longer.
    """

    at: time
    zone: ZoneInfo
    lead: timedelta = timedelta(minutes=5)
    overdue: timedelta = timedelta(minutes=15)

    def closed_for(self, now: datetime, *, signed_in_at: datetime | None) -> datetime | None:
        """Return the restart for whose sake no new order is taken at `now`; None: the gate is open.

        `signed_in_at` is when the broker session of now began, None without one. A session that
        began after the restart's time has it behind itself. All times are aware.
        """
        restart = self._around(now)
        if restart is None:
            return None
        is_over = now >= restart and signed_in_at is not None and signed_in_at >= restart
        return None if is_over else restart

    def _around(self, now: datetime) -> datetime | None:
        """Return the restart whose window `now` lies in."""
        today = now.astimezone(self.zone).date()
        for day in (today, today + _DAY, today - _DAY):
            restart = datetime.combine(day, self.at, self.zone).astimezone(now.tzinfo)
            if restart - self.lead <= now < restart + self.overdue:
                return restart
        return None
