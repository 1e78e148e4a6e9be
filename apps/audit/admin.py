"""The chain, to read."""

from django.contrib import admin

from apps.audit.models import AuditEvent
from apps.common.admin import ReadOnlyAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, newest first."""

    list_display = ("seq", "at_db", "kind", "object", "actor", "reason", "ip")
    list_filter = ("kind", "auth_strength")
    search_fields = ("=object", "=actor", "=request_id", "kind", "reason")
    search_help_text = "Exact object, actor or request id; or words of kind and reason"
    date_hierarchy = "at_db"
    ordering = ("-seq",)
