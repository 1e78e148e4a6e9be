"""Serve the web: `manage.py run_web`, Daphne with our one change to it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from jaxbroker.asgi import application
from jaxbroker.server import build_server


class Command(BaseCommand):
    """One web process; any number of them are equals."""

    help = "Serve HTTP and WebSocket with Daphne."

    def add_arguments(self, parser: CommandParser) -> None:
        """Read where to listen; HOST and PORT are the default."""
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        build_server(application, host=options["host"], port=options["port"], signal_handlers=True).run()
