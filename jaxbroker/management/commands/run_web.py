"""Serve the web: `manage.py run_web`, Daphne with our one change to it."""

import logging
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections

from apps.common.store import StoreUnfit, require_fit_store
from apps.common.threads import share_fairly
from jaxbroker.asgi import application
from jaxbroker.server import build_server

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """One web process; any number of them are equals."""

    help = "Serve HTTP and WebSocket with Daphne."

    def add_arguments(self, parser: CommandParser) -> None:
        """Read where to listen; HOST and PORT are the default."""
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT. Exit code 2: the database is not one to trade on."""
        _refuse_unfit_store()
        share_fairly()
        build_server(application, host=options["host"], port=options["port"], signal_handlers=True).run()


def _refuse_unfit_store() -> None:
    """One that does not answer yet is no reason to stay away: its requests are told so."""
    try:
        require_fit_store()
    except StoreUnfit as problem:
        raise CommandError(problem.detail, returncode=2) from problem
    except OperationalError:
        logger.warning("database does not answer yet")
    finally:
        connections.close_all()
