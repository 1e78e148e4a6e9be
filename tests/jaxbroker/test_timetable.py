"""The timetable names tasks that exist, and both who run it run all of it."""

import pytest

from apps.audit.models import AuditEvent
from jaxbroker.celery import app
from jaxbroker.clockwork import run_task
from jaxbroker.timetable import TIMETABLE


@pytest.fixture(autouse=True)
def _tasks():
    app.loader.import_default_modules()


class TestTimetable:
    def test_names_each_work_once(self):
        assert len({work.name for work in TIMETABLE}) == len(TIMETABLE)

    @pytest.mark.parametrize("work", TIMETABLE, ids=lambda work: work.name)
    def test_every_task_exists_and_beat_knows_it(self, work):
        assert work.task in app.tasks
        assert app.conf.beat_schedule[work.name]["task"] == work.task
        assert app.conf.beat_schedule[work.name]["schedule"] == work.asked_every_s <= 60


class TestRunTask:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("work", TIMETABLE, ids=lambda work: work.name)
    def test_each_runs_here_and_twice_is_harmless(self, work, caplog):
        before = AuditEvent.objects.count()

        run_task(work.task)
        run_task(work.task)

        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
        assert AuditEvent.objects.count() == before

    def test_a_failure_is_logged_and_goes_no_further(self, caplog):
        run_task("no.such.task")

        assert "clock work failed" in caplog.text
