"""Run everything in one process: `make run`."""

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Web, gateway, simulator and clock work in one process, for a desk of one and for trying out."""

    help = "Run web, gateway, simulator and clock work in one process."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT. Exit code 2: a setting or a port is wrong."""
        from jaxbroker.standalone import main  # noqa: PLC0415  it installs the loop of the process

        raise SystemExit(main())
