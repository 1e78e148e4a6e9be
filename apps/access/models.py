"""Keys of programs, and how often somebody tried a wrong one."""

from django.db import models
from django.utils import timezone

from apps.common.models import PublicIdModel


class ApiKey(PublicIdModel):
    """What a program may do, for whose accounts, from where and until when.

    The secret itself is never stored, only its SHA-256. `accounts` are codes; an empty
    list is none, unless `all_accounts` is set, which only the first key of a standalone
    installation has. `addresses` are networks; an empty list is no restriction.
    """

    key_id = models.CharField("id", max_length=8, unique=True)
    secret_hash = models.CharField(max_length=64)
    label = models.CharField(max_length=80)
    mode = models.CharField(max_length=5, choices=[("paper", "paper"), ("live", "live")])
    scopes = models.JSONField(default=list)
    accounts = models.JSONField(default=list, blank=True)
    all_accounts = models.BooleanField(default=False)
    addresses = models.JSONField(default=list, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    leaked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_address = models.CharField(max_length=45, blank=True, default="")
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-id"]
        default_permissions = ("view",)
        permissions = [("issue_apikey", "Can issue API keys"), ("revoke_apikey", "Can revoke API keys")]
        constraints = [
            models.CheckConstraint(condition=models.Q(mode__in=["paper", "live"]), name="access_key_mode"),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.key_id})"

    @property
    def principal(self) -> str:
        """Return the name of the key in orders and audit lines."""
        return f"key:{self.key_id}"


class FailedTry(models.Model):
    """How often wrong credentials came for one key from one address.

    For ids that no key has, `key_id` is empty: strangers cannot fill the table with names.
    """

    id = models.BigAutoField(primary_key=True)
    key_id = models.CharField(max_length=8, blank=True, default="")
    address = models.CharField(max_length=45)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "failed tries"
        constraints = [
            models.UniqueConstraint(fields=["key_id", "address"], name="access_one_count_per_source")
        ]

    def __str__(self) -> str:
        return f"{self.count} from {self.address}"
