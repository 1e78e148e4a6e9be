"""Promises of the restart window: closed from before the restart until a session that began after it."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.domain.restart import RestartSchedule

NIGHTLY = RestartSchedule(time(23, 59), ZoneInfo("America/New_York"))
RESTART = datetime(2026, 11, 21, 4, 59, tzinfo=UTC)


class TestRestartSchedule:
    @pytest.mark.parametrize("minutes", [-5, -1, 0, 14])
    def test_closes_from_the_lead_until_it_is_overdue(self, minutes):
        now = RESTART + timedelta(minutes=minutes)

        assert NIGHTLY.closed_for(now, signed_in_at=None) == RESTART
        assert NIGHTLY.closed_for(now, signed_in_at=RESTART - timedelta(hours=20)) == RESTART

    @pytest.mark.parametrize(
        "now", [RESTART - timedelta(minutes=5, seconds=1), RESTART + timedelta(minutes=15)]
    )
    def test_is_open_outside(self, now):
        assert NIGHTLY.closed_for(now, signed_in_at=None) is None

    def test_opens_with_the_first_session_after_the_restart(self):
        signed_in_at = RESTART + timedelta(seconds=90)

        assert NIGHTLY.closed_for(RESTART + timedelta(seconds=91), signed_in_at=signed_in_at) is None

    def test_a_session_shortly_before_the_restart_has_it_still_ahead(self):
        signed_in_at = RESTART - timedelta(seconds=30)

        assert NIGHTLY.closed_for(RESTART - timedelta(seconds=1), signed_in_at=signed_in_at) == RESTART

    @pytest.mark.parametrize(
        ("day", "hour_utc"), [(datetime(2026, 3, 7, tzinfo=UTC), 4), (datetime(2026, 3, 9, tzinfo=UTC), 3)]
    )
    def test_keeps_its_place_on_the_clock_of_its_zone(self, day, hour_utc):
        restart = day + timedelta(hours=hour_utc, minutes=59)

        assert NIGHTLY.closed_for(restart - timedelta(minutes=1), signed_in_at=None) == restart

    def test_a_time_just_after_midnight_closes_the_evening_before(self):
        early = RestartSchedule(time(0, 2), ZoneInfo("UTC"))

        closed = early.closed_for(datetime(2026, 11, 20, 23, 58, tzinfo=UTC), signed_in_at=None)

        assert closed == datetime(2026, 11, 21, 0, 2, tzinfo=UTC)
