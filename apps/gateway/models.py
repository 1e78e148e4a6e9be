"""What the gateway reports about itself: how it recovered, and where broker and books differ.

Reports for people. Nothing here decides whether an order may be sent.
"""

from django.db import models
from django.db.models import F, Q

from apps.accounts.models import Account, Connection
from apps.common.models import uuid7


class Recovery(models.Model):
    """One time away from the broker, from the loss until READY again, and what was found then.

    Open while `ready_at` is null; attempts that fail in between belong to the same report.
    `rematched` lists the orders that were not closed before and that the broker's lists named,
    `fills_recovered` the executions we did not hear live, each as an object to read. A null
    `gap_from` means that we had never been connected before.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="recoveries")
    session = models.PositiveBigIntegerField("broker session", help_text="The newest one of this report.")
    cause = models.CharField(max_length=255)
    gap_from = models.DateTimeField(null=True, blank=True)
    gap_to = models.DateTimeField(help_text="When the broker answered again.")
    orders_rematched = models.PositiveIntegerField(default=0)
    rematched = models.JSONField(default=list, blank=True)
    fills_recovered = models.JSONField(default=list, blank=True)
    subscriptions_restored = models.PositiveIntegerField(default=0)
    differences_left = models.PositiveIntegerField(default=0)
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "recoveries"
        constraints = [
            models.UniqueConstraint(
                fields=("connection",), condition=Q(ready_at__isnull=True), name="recovery_open_once"
            ),
            models.CheckConstraint(
                condition=Q(gap_from__isnull=True) | Q(gap_from__lte=F("gap_to")),
                name="recovery_gap_runs_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"Recovery in broker session {self.session}"


class Difference(models.Model):
    """Something on which the broker and our books disagree, as long as it lasts and after.

    `subject` says what it is about, such as a symbol or an order's name on the wire; there is
    one open row for each account, kind and subject. A difference is shown, never papered over.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="differences")
    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=128)
    detail = models.TextField(blank=True)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("account", "kind", "subject"),
                condition=Q(resolved_at__isnull=True),
                name="difference_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"

    @property
    def actions(self) -> list[str]:
        """Return what staff can do about it in the console; most only end at the broker."""
        return ["resolve"] if self.kind == "in_doubt" else []


class BooksCheck(models.Model):
    """When the books of an account were last held against complete lists of the broker."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="books_check")
    checked_at = models.DateTimeField()
    session = models.PositiveBigIntegerField("broker session")

    class Meta:
        ordering = ("account_id",)

    def __str__(self) -> str:
        return f"checked in broker session {self.session}"
