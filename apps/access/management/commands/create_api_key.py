"""Issue an API key and print it, once."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.access.callers import SCOPES
from apps.access.services import LIFETIME, issue_key
from apps.domain.errors import DomainError

READING = ("read:quotes", "read:account")


class Command(BaseCommand):
    """Make a key for a program."""

    help = "Issue an API key and print it; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Read what the key may do."""
        parser.add_argument("label", help="who will use it")
        parser.add_argument("--scope", action="append", choices=SCOPES, help="may be repeated")
        parser.add_argument("--account", action="append", default=[], help="account code; may be repeated")
        parser.add_argument("--all-accounts", action="store_true", help="every account of this mode")
        parser.add_argument("--address", action="append", default=[], help="allowed network; may be repeated")
        parser.add_argument("--days", type=int, default=LIFETIME.days, help="how long it lives")
        parser.add_argument("--reason", default="", help="stands in the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue and print."""
        try:
            issued = issue_key(
                label=options["label"],
                mode=settings.JAXBROKER_MODE,
                scopes=options["scope"] or READING,
                accounts=options["account"],
                all_accounts=options["all_accounts"],
                addresses=options["address"],
                lifetime=timedelta(days=options["days"]),
                by="command line",
                reason=options["reason"],
            )
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stderr.write(f"Key {issued.key.key_id}, valid until {issued.key.expires_at:%Y-%m-%d}.")
        self.stderr.write("Keep it now: it is not shown again.")
        self.stdout.write(issued.token)
