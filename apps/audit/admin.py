"""The audit chain, to read: UTC first, and above the list whether the chain is whole."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.services import verify
from apps.common import columns
from apps.common.admin import ReadOnlyAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, when, and why."""

    list_display = (
        "seq",
        columns.moment("at_db", "At, UTC", utc=True),
        "kind",
        "actor",
        "object",
        "reason",
        columns.text("request_id", "Request"),
    )
    list_display_links = ("seq",)
    list_filter = ("kind", "auth_strength")
    search_fields = ("actor", "kind", "object", "reason", "request_id", "=seq")
    search_help_text = "Actor, kind, object, reason, request or row"
    date_hierarchy = "at_db"
    ordering = ("-seq",)
    list_before_template = "console/parts/chain.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return the line in the order people read it, the seals last."""
        return [
            columns.moment("at_db", "At, UTC", utc=True),
            *("kind", "actor", "object", "reason", "request_id", "ip", "auth_strength"),
            columns.detail(self.opts.get_field("before")),
            columns.detail(self.opts.get_field("after")),
            *("seq", "at_mono", "code_version", "prev_hash", "hash"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Look at the newest thousand rows of the chain and say what was found."""
        chain = {"chain": verify("tail"), "checked_at": timezone.now()}
        answer: HttpResponse = super().changelist_view(request, (extra_context or {}) | chain)
        return answer
