"""Tell Django about this part."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The append-only hash chain of who did what."""

    name = "apps.audit"
    label = "audit"
    verbose_name = "Audit"
    default_auto_field = "django.db.models.BigAutoField"
