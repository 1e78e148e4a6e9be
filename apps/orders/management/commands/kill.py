"""The kill switch without a browser: halts everything and cancels what is out."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.domain.errors import DomainError
from apps.orders.selectors import KillOutcome, kill_outcome
from apps.orders.services.wishes import kill


class Command(BaseCommand):
    """Halt all trading at once, drop what was not sent, and ask the broker to cancel the rest."""

    help = "Halt all trading now and cancel every open order of ours. Twice is harmless."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason and whether to leave open orders alone."""
        parser.add_argument("--reason", default="Emergency", help="5 to 200 characters, kept in the audit")
        parser.add_argument("--keep-open", action="store_true", help="halt only, cancel nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Kill, and say what was committed; the cancels go on in the gateway."""
        by = f"shell:{getpass.getuser()}"
        try:
            report = kill(by=by, reason=options["reason"], cancel_open=not options["keep_open"])
        except DomainError as refusal:
            raise CommandError(f"{refusal.detail} ({refusal.code})") from refusal
        self.stdout.write(self.style.SUCCESS(f"HALTED, halt epoch {report.halt_epoch}. Nothing new is sent."))
        self.stdout.write(_summary(kill_outcome(report)))


def _summary(outcome: KillOutcome) -> str:
    asked = len(outcome.report.order_ids)
    return (
        f"{len(outcome.dropped)} not sent and dropped, {asked} asked to be cancelled. "
        "The Safety page shows what the broker confirmed."
    )
