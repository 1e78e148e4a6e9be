"""Recoveries and differences between broker and books, to read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.common import columns
from apps.common.admin import ReadOnlyAdmin
from apps.gateway.models import Difference, Recovery


@admin.display(description="Fills recovered")
def fills_count(recovery: Recovery) -> int:
    """Return how many executions were not heard live."""
    return len(recovery.fills_recovered)


@admin.register(Recovery)
class RecoveryAdmin(ReadOnlyAdmin):
    """Each time away from the broker and what was found after it."""

    list_display = (
        "session",
        columns.text("connection.name", "Connection"),
        "cause",
        columns.moment("gap_from", "Away from, New York"),
        columns.moment("gap_to", "To, New York"),
        columns.moment("ready_at", "READY, New York"),
        "orders_rematched",
        fills_count,
        "differences_left",
    )
    list_display_links = ("session",)
    list_select_related = ("connection",)
    list_filter = ("connection",)
    change_form_outer_before_template = "console/parts/recovery.html"
    fieldsets = (("Names", {"fields": ("uuid", "connection", "session", "cause")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return the lines that the report above them does not say in words."""
        return [field for _, options in self.fieldsets for field in options["fields"]]


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    """Where broker and books disagree, or did."""

    list_display = (
        "subject",
        "kind",
        columns.text("account.code", "Account"),
        "detail",
        columns.moment("first_seen", "First seen, New York"),
        columns.moment("last_seen", "Last seen, New York"),
    )
    list_display_links = ("subject",)
    list_select_related = ("account",)
    list_filter = ("kind", "account")
    search_fields = ("subject", "detail")
