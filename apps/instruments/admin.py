"""Contracts and the questions asked about them, to read."""

from django.contrib import admin

from apps.common import columns, figures
from apps.common.admin import ReadOnlyAdmin
from apps.instruments.models import Instrument, LookupRequest


@admin.register(Instrument)
class InstrumentAdmin(ReadOnlyAdmin):
    """What can be traded, as the broker resolved it."""

    list_display = (
        "symbol",
        "name",
        "sec_type",
        "primary_exchange",
        "currency",
        columns.figure("min_tick", "Tick", figures.quantity),
        "ib_con_id",
        columns.moment("refreshed_at", "Refreshed, New York"),
    )
    list_display_links = ("symbol",)
    list_filter = ("sec_type", "currency", "primary_exchange")
    search_fields = ("symbol", "name", "=ib_con_id")


@admin.register(LookupRequest)
class LookupRequestAdmin(ReadOnlyAdmin):
    """Questions to the broker: which contracts does this symbol mean?"""

    list_display = (
        "symbol",
        columns.text("state", "State"),
        "sec_type",
        "exchange",
        "currency",
        columns.joined("candidates", "Contracts found"),
        "code",
        columns.moment("asked_at", "Asked, New York"),
        columns.moment("done_at", "Answered, New York"),
    )
    list_display_links = ("symbol",)
    list_filter = ("state",)
    search_fields = ("symbol",)
