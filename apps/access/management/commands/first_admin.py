"""Make the first administrator and print the password, once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.services import ensure_first_admin


class Command(BaseCommand):
    """Make the first administrator; useless as soon as there is one."""

    help = "Make the first administrator and print the password; works once."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make and print."""
        username, password = ensure_first_admin()
        if password is None:
            raise CommandError(f"There is an administrator already: {username}")
        self.stderr.write(f"Administrator {username}. Keep the password now: it is not shown again.")
        self.stdout.write(password)
