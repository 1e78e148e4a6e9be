"""Django's `migrate`, which may take its time: a large table is not changed in two seconds."""

from typing import Any

from django.core.management.commands import migrate

from apps.common.db import unhurried


class Command(migrate.Command):
    """Bring the database to the newest schema, without the limits of those who serve."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Lift the limits of this process, then migrate."""
        with unhurried():
            super().handle(*args, **options)
