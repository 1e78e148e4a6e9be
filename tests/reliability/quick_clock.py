"""The project's Celery app with a timetable of seconds, for tests that kill what keeps it.

    celery --app tests.reliability.quick_clock worker
    celery --app tests.reliability.quick_clock beat

One work writes an audit line, so that its effects can be counted by the database's clock; it
takes a moment, so that a kill can fall into the middle. Messages are acknowledged late and
given to somebody else after a second: whatever Redis can deliver twice it delivers twice.
"""

import os
import time
from datetime import timedelta

from jaxbroker import timetable

PERIOD_S = float(os.environ.get("QUICK_PERIOD_S", "2"))
WORK = timetable.ClockWork("tests tick", PERIOD_S, "tests.tick")
timetable.TIMETABLE = (WORK,)

from jaxbroker.celery import app  # noqa: E402  reads the timetable

app.conf.task_acks_late = True
app.conf.task_reject_on_worker_lost = True
app.conf.broker_transport_options = app.conf.broker_transport_options | {"visibility_timeout": 1}
app.conf.beat_max_loop_interval = timedelta(seconds=PERIOD_S / 8).total_seconds()


@app.task(name=WORK.task)
def tick() -> None:
    """Leave one line, slowly."""
    from apps.audit.services import record

    time.sleep(PERIOD_S / 10)
    record(kind="tests.tick", actor="clock")
