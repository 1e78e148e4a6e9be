"""Do what the timetable says, inside this process; production has beat and a worker for it.

The same Celery tasks are called, in a thread, one after the other. A task that fails is
logged and due again after its period, as beat would have it.
"""

import asyncio
import logging
from typing import NoReturn

from django.db import connections

from apps.common.clock import boottime
from jaxbroker.celery import app
from jaxbroker.timetable import MINUTE_S, TIMETABLE

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


async def keep_timetable() -> NoReturn:
    """Run each task when it is due, for the first time within a minute."""
    app.loader.import_default_modules()
    started = boottime()
    due = {work: started + min(work.period_s, MINUTE_S) for work in TIMETABLE}
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for work in TIMETABLE:
            if boottime() >= due[work]:
                due[work] = boottime() + work.period_s
                await asyncio.to_thread(run_task, work.task)


def run_task(name: str) -> None:
    """Run one Celery task here and now; a failure is logged, as a worker would."""
    try:
        app.tasks[name].apply(throw=True)
    except Exception:
        logger.exception("clock work failed", extra={"task": name})
    finally:
        connections.close_all()
