"""Times of executions as a gateway set up elsewhere would write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from apps.simulator.clock import EASTERN
from apps.simulator.faults.states import Times


def retimed(text: str, times: Times) -> str:
    """Return `yyyymmdd HH:MM:SS US/Eastern` as the switch wants it: nameless with two blanks, as of old."""
    day, clock_time = text.split()[:2]
    moment = datetime.strptime(f"{day} {clock_time}", "%Y%m%d %H:%M:%S").replace(tzinfo=EASTERN)
    zone = ZoneInfo(times.zone)
    shown = _in_fold(moment.astimezone(zone), zone) if times.fold else moment.astimezone(zone)
    return f"{shown:%Y%m%d %H:%M:%S} {times.zone}" if times.label else f"{shown:%Y%m%d  %H:%M:%S}"


def _in_fold(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return minute and second of a moment within the hour of its year that is lived through twice."""
    repeated = _repeated_hour(zone, moment.year)
    return repeated.replace(minute=moment.minute, second=moment.second) if repeated else moment


@lru_cache
def _repeated_hour(zone: ZoneInfo, year: int) -> datetime | None:
    """Return the start of the hour that comes again, None where the clocks are not changed."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=count) for count in range(365 * 24)]
    for before, after in pairwise(one.astimezone(zone) for one in hours):
        if after.replace(tzinfo=None) <= before.replace(tzinfo=None):
            return after
    return None
