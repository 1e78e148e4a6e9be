"""Do what the timetable says, inside this process; production has beat and a worker for it.

The same Celery tasks are called, in a thread, one after the other. A task that fails is
logged and asked for again a little later, as beat would have it.
"""

import asyncio
import logging
from typing import NoReturn

from django.db import connections

from apps.common.clock import boottime
from jaxbroker.celery import app
from jaxbroker.timetable import TIMETABLE

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


async def keep_timetable() -> NoReturn:
    """Run each task when it is due, for the first time within a minute."""
    app.loader.import_default_modules()
    started = boottime()
    due = {work: started + work.asked_every_s for work in TIMETABLE}
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for work in TIMETABLE:
            if boottime() >= due[work]:
                due[work] = boottime() + work.asked_every_s
                await asyncio.to_thread(run_task, work.task)


def run_task(name: str) -> None:
    """Run one Celery task here and now; a failure is logged, as a worker would."""
    try:
        app.tasks[name].apply(throw=True)
    except Exception:
        logger.exception("clock work failed", extra={"task": name})
    finally:
        connections.close_all()
