"""The Celery app: `celery --app jaxbroker.celery worker`, and `beat` with the timetable."""

import os

from celery import Celery

from jaxbroker.timetable import TIMETABLE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jaxbroker.settings")

app = Celery("jaxbroker")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    work.name: {"task": work.task, "schedule": work.period_s, "options": {"expires": work.period_s}}
    for work in TIMETABLE
}
