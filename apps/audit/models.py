"""The append-only chain: who did what, in commit order, each row sealed by the one before."""

from django.db import models


class AuditEvent(models.Model):
    """One thing that somebody or something did; never changed, never deleted.

    `seq` has no gaps and is the order of commits. `before` and `after` hold what changed,
    numbers and times as text. The database itself refuses UPDATE and DELETE.
    """

    id = models.BigAutoField(primary_key=True)
    seq = models.BigIntegerField(unique=True)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    at_db = models.DateTimeField("at")
    at_mono = models.BigIntegerField("at, ns since boot")
    actor = models.CharField(max_length=100)
    auth_strength = models.CharField(max_length=20, blank=True, default="")
    ip = models.CharField(max_length=45, blank=True, default="")
    request_id = models.CharField(max_length=128, blank=True, default="")
    kind = models.CharField(max_length=60)
    object = models.CharField(max_length=200, blank=True, default="")
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True, default="")
    code_version = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        verbose_name = "audit event"
        ordering = ["-seq"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["object", "-seq"], name="audit_by_object"),
            models.Index(fields=["actor", "-seq"], name="audit_by_actor"),
            models.Index(fields=["kind", "-seq"], name="audit_by_kind"),
            models.Index(fields=["-at_db"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.object}".rstrip()


class ChainHead(models.Model):
    """The one row that says where the chain ends; whoever holds it may append."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_head")]

    def __str__(self) -> str:
        return f"head {self.seq}"
