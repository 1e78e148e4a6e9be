"""Check the whole audit chain, its head and its anchors."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit.services import verify
from apps.common.db import unhurried


class Command(BaseCommand):
    """Say whether the chain is intact; exit code 1 if it is not."""

    help = "Verify the audit chain against itself, its head and its anchors."

    def add_arguments(self, parser: CommandParser) -> None:
        """Allow to check the tail only."""
        parser.add_argument("--tail", action="store_true", help="check the last 1,000 events only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and report."""
        with unhurried():
            report = verify("tail" if options["tail"] else "full")
        for sentence in report.breaks:
            self.stderr.write(self.style.ERROR(sentence))
        if not report.is_intact:
            raise CommandError(f"The audit chain is broken ({report.checked} events checked)")
        self.stdout.write(
            self.style.SUCCESS(f"Intact: {report.checked} events, {report.anchors} anchors checked")
        )
