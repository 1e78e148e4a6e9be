"""Connections with their phase and lease, accounts, their balances and event logs.

Written by the services of this part alone. Nothing here says whether trading is allowed
(safety) or what is held (positions).
"""

from django.db import models
from django.db.models import Q

from apps.domain.mode import Mode, ProofState
from apps.domain.quotes import MarketDataType


class Phase(models.TextChoices):
    """Where a connection stands between switched off and trading."""

    STOPPED = "STOPPED", "Stopped"
    DISCONNECTED = "DISCONNECTED", "Disconnected"
    CONNECTING = "CONNECTING", "Connecting"
    RECONCILING = "RECONCILING", "Reconciling"
    READY = "READY", "Ready"
    RESET_WINDOW = "RESET_WINDOW", "In IB's reset window"
    AWAITING_LOGIN = "AWAITING_LOGIN", "Waiting for a login"


class Connection(models.Model):
    """One registered IB Gateway with our client id and mode, and where it stands.

    `wanted` is a wish of people; everything from `phase` downwards is written by the gateway
    that holds the lease, and is only as fresh as `heartbeat_at`.
    """

    name = models.CharField(max_length=64, unique=True)
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField()
    client_id = models.PositiveIntegerField("client ID")
    mode = models.CharField(max_length=8, choices=[(word.value, word.value) for word in Mode])
    simulator = models.BooleanField(default=False, help_text="A program that pretends to be IB Gateway.")
    wanted = models.BooleanField(default=True, help_text="Whether people want this connection up.")
    phase = models.CharField(max_length=16, choices=Phase, default=Phase.STOPPED)
    reasons = models.JSONField(default=list, blank=True, help_text="Why it is not READY, in sentences.")
    attempt = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    connected_since = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    session = models.PositiveBigIntegerField("broker session", default=0)
    server_version = models.PositiveIntegerField(null=True, blank=True)
    managed_accounts = models.JSONField(default=list, blank=True)
    mode_proof = models.CharField(
        max_length=16,
        choices=[(word.value, word.value) for word in ProofState],
        default=ProofState.UNPROVEN.value,
    )
    evidence = models.JSONField(default=list, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    lines_used = models.PositiveIntegerField("market-data lines used", default=0)
    lines_limit = models.PositiveIntegerField("market-data lines allowed", default=100)
    market_data_type = models.CharField(
        max_length=16,
        choices=[(word.value, word.value) for word in MarketDataType],
        default=MarketDataType.UNKNOWN.value,
    )
    code_version = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="connection_has_a_name"),
            models.CheckConstraint(
                condition=Q(port__gte=1, port__lte=65535), name="connection_port_is_a_port"
            ),
            models.CheckConstraint(
                condition=Q(mode__in=[word.value for word in Mode]), name="connection_mode_is_a_word"
            ),
            models.CheckConstraint(
                condition=Q(simulator=False) | Q(mode=Mode.PAPER.value),
                name="connection_simulator_is_paper",
            ),
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="connection_phase_is_a_word"),
        ]

    def __str__(self) -> str:
        return self.name


class Lease(models.Model):
    """The right to be the gateway of a connection: who has it, the how manieth, and until when.

    It is free when `expires_at` has passed by the clock of the database. `epoch` only rises.
    """

    connection = models.OneToOneField(Connection, on_delete=models.PROTECT, related_name="lease")
    owner = models.CharField(max_length=128, blank=True)
    epoch = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ("connection_id",)

    def __str__(self) -> str:
        return f"{self.owner or 'nobody'}, epoch {self.epoch}"


class Account(models.Model):
    """One account of the broker that a proven connection has shown us; never deleted.

    `last_seq` is the number of its newest event and rises by one with each.
    """

    code = models.CharField(max_length=32, unique=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="accounts")
    mode = models.CharField(max_length=8, choices=[(word.value, word.value) for word in Mode])
    alias = models.CharField(max_length=64, blank=True)
    base_currency = models.CharField(max_length=8, default="USD")
    last_seq = models.PositiveBigIntegerField("last event number", default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ("code",)
        constraints = [
            models.CheckConstraint(condition=~Q(code=""), name="account_has_a_code"),
            models.CheckConstraint(
                condition=Q(mode__in=[word.value for word in Mode]), name="account_mode_is_a_word"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Balance(models.Model):
    """The newest value the broker sent for one tag in one currency; never summed across currencies."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="balances")
    tag = models.CharField(max_length=64)
    currency = models.CharField(max_length=16, blank=True)
    text = models.CharField(max_length=255, blank=True)
    value = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    as_of = models.DateTimeField()

    class Meta:
        ordering = ("account_id", "tag", "currency")
        constraints = [
            models.UniqueConstraint(fields=("account", "tag", "currency"), name="balance_once_per_tag"),
        ]

    def __str__(self) -> str:
        return f"{self.tag} {self.text} {self.currency}".rstrip()


class AccountEvent(models.Model):
    """Something private that happened in an account, numbered without gaps; kept for 7 days.

    The one source of the private socket, GET /events and webhooks.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveBigIntegerField("event number")
    type = models.CharField(max_length=32)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ("account_id", "seq")
        constraints = [
            models.UniqueConstraint(fields=("account", "seq"), name="account_event_seq_once"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="account_event_seq_from_one"),
        ]
        indexes = [models.Index(fields=("at",), name="account_event_at")]

    def __str__(self) -> str:
        return f"{self.type} {self.seq}"
