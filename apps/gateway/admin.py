"""Recoveries and differences between broker and books, to read."""

from django.contrib import admin

from apps.common import columns
from apps.common.admin import ReadOnlyAdmin
from apps.gateway.models import Difference, Recovery


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
        "differences_left",
    )
    list_display_links = ("session",)
    list_select_related = ("connection",)
    list_filter = ("connection",)


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
