"""The Celery app: `celery --app jaxbroker.celery worker`, and `beat` with the timetable."""

import os
from functools import partial
from typing import Any

from celery import Celery, Task

from jaxbroker.timetable import TIMETABLE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jaxbroker.settings")

_CLOCK_WORK = {work.task: work for work in TIMETABLE}


class OncePerPeriod(Task):  # type: ignore[type-arg]  # generic only in its stubs
    """A task that does what the timetable says of it once per period, whoever asks and how often."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task, or leave it if it is clock work that was done already."""
        work = _CLOCK_WORK.get(self.name)
        if work is None:
            return super().__call__(*args, **kwargs)
        from apps.common.turns import once_per_period  # rows exist only when Django is set up

        return once_per_period(work.name, partial(super().__call__, *args, **kwargs), period_s=work.period_s)


app = Celery("jaxbroker", task_cls=OncePerPeriod)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    work.name: {
        "task": work.task,
        "schedule": work.asked_every_s,
        "options": {"expires": work.asked_every_s},
    }
    for work in TIMETABLE
}
