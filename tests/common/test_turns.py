"""Promises of clock work: once per period, whoever asks, and late is told."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.common.db import database_now
from apps.common.models import ClockTurn
from apps.common.turns import LateWork, late_work, once_per_period

HOUR_S = 3600.0


def turn_back(periods=1):
    """Let the last turn lie so many periods back."""
    row = ClockTurn.objects.get()
    ClockTurn.objects.update(
        turn=row.turn - periods, done_at=row.done_at - timedelta(seconds=row.period_s * periods)
    )


@pytest.mark.django_db
class TestOncePerPeriod:
    def test_does_the_work_once_in_a_period(self):
        done = []

        answers = [once_per_period("tidy", lambda: done.append(1), period_s=HOUR_S) for _ in range(3)]

        assert (answers, done) == ([True, False, False], [1])

    def test_does_it_again_in_the_next_one(self):
        done = []
        once_per_period("tidy", lambda: done.append(1), period_s=HOUR_S)
        turn_back()

        once_per_period("tidy", lambda: done.append(2), period_s=HOUR_S)

        assert done == [1, 2]

    def test_makes_up_for_missed_periods_with_one_turn(self):
        done = []
        once_per_period("tidy", lambda: done.append(1), period_s=HOUR_S)
        turn_back(periods=7)

        for _ in range(3):
            once_per_period("tidy", lambda: done.append(2), period_s=HOUR_S)

        assert done == [1, 2]

    def test_leaves_failed_work_to_the_next_who_asks(self):
        done = []

        with pytest.raises(ZeroDivisionError):
            once_per_period("tidy", lambda: 1 / 0, period_s=HOUR_S)
        once_per_period("tidy", lambda: done.append(1), period_s=HOUR_S)

        assert done == [1]

    def test_goes_on_after_the_clock_was_put_back(self):
        done = []
        once_per_period("tidy", lambda: done.append(1), period_s=HOUR_S)
        turn_back(periods=-24)

        once_per_period("tidy", lambda: done.append(2), period_s=HOUR_S)

        assert done == [1, 2]


@pytest.mark.django_db(transaction=True)
class TestSideBySide:
    def test_of_many_workers_one_does_it(self):
        done, gate = [], Barrier(6)

        def ask():
            gate.wait(10)
            try:
                once_per_period("tidy", lambda: done.append(1), period_s=HOUR_S)
            finally:
                connections.close_all()

        workers = [Thread(target=ask) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(20)

        assert done == [1]


@pytest.mark.django_db
class TestLateWork:
    @pytest.fixture(autouse=True)
    def _work(self, settings):
        settings.JAXBROKER_CLOCK_WORK = {"tidy": HOUR_S}

    def test_names_what_was_never_done(self):
        assert late_work(database_now()) == [LateWork("tidy", None)]

    def test_is_empty_while_all_is_in_time(self):
        once_per_period("tidy", lambda: None, period_s=HOUR_S)
        turn_back()

        assert late_work(database_now() + timedelta(minutes=50)) == []

    def test_says_how_late_what_was_not_done_is(self):
        once_per_period("tidy", lambda: None, period_s=HOUR_S)

        (late,) = late_work(database_now() + timedelta(hours=3))

        assert late.name == "tidy"
        assert late.for_s == pytest.approx(2 * HOUR_S, abs=30)
