"""May we trade: states, limits, the row that makes the gates of one account serial, incidents.

What a halt does to orders stands in orders; here is only that it holds.
"""

from django.db import models
from django.db.models import Q

from apps.accounts.models import Account
from apps.common.models import uuid7


class State(models.TextChoices):
    """How much trading is allowed; each is stricter than the one before."""

    ACTIVE = "ACTIVE", "Active"
    REDUCING = "REDUCING", "Reducing only"
    HALTED = "HALTED", "Halted"


class TradingState(models.Model):
    """The state of one scope: `*`, `account:<code>` or `symbol:<symbol>`; the strictest holds.

    `halt_epoch` rises with each halt and never falls. `confirmed_at` is when the gateway had
    seen the halt; null while it has not, and while nothing is halted.
    """

    scope = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=8, choices=State)
    halt_epoch = models.PositiveBigIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=128, blank=True)
    at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("scope",)
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="trading_state_is_a_word"),
            models.CheckConstraint(
                condition=Q(scope="*") | Q(scope__startswith="account:") | Q(scope__startswith="symbol:"),
                name="trading_state_scope_form",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope}: {self.state}"


class LimitSet(models.Model):
    """One version of the limits of an account, or of every account without its own (account null).

    Never changed: a new set gets the next version. `values` is what `domain/risk/limits.py` writes,
    complete; a set that cannot be read stops the orders of its accounts.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="limit_sets", null=True, blank=True
    )
    version = models.PositiveIntegerField()
    values = models.JSONField(default=dict)
    author = models.CharField(max_length=128)
    reason = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("account", "version"), name="limit_set_version_once"),
            models.UniqueConstraint(
                fields=("version",), condition=Q(account__isnull=True), name="limit_set_shared_version_once"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="limit_set_version_from_one"),
        ]

    def __str__(self) -> str:
        return f"Limits, version {self.version}"


class AccountRisk(models.Model):
    """The row both gates lock, so that orders of one account are judged one after the other.

    `version` rises with every change of limits that concerns the account.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="risk")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("account_id",)
        verbose_name = "account risk"
        verbose_name_plural = "account risks"
        constraints = [
            models.CheckConstraint(condition=Q(version__gte=1), name="account_risk_version_from_one"),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class Incident(models.Model):
    """Something that must not happen, and happened: shown until a person has dealt with it.

    `kind` is a word of domain/incidents.py, `subject` names the thing as text (`order:<uuid>`,
    `position:AAPL`). While it is open the same thing is not told again, only counted. Of kinds that
    trip the breaker (R25) `tripped_at` is when trading was made stricter for it; null until then.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="incidents")
    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=128)
    detail = models.TextField()
    evidence = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()
    last_seen = models.DateTimeField()
    times_seen = models.PositiveIntegerField(default=1)
    trips = models.BooleanField("trips the breaker", help_text="Of a kind that reduces trading (R25).")
    tripped_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=128, blank=True)
    closed_because = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("account", "kind", "subject"),
                condition=Q(closed_at__isnull=True),
                name="incident_open_once",
            ),
            models.CheckConstraint(
                condition=Q(tripped_at__isnull=True) | Q(trips=True), name="incident_trips_if_it_may"
            ),
        ]
        indexes = [
            models.Index(
                fields=("account",),
                condition=Q(trips=True, tripped_at__isnull=True),
                name="incident_to_trip",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"
