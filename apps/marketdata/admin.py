"""Who watches which prices, the prices gates used, and questions for candles, to read."""

from django.contrib import admin

from apps.common import columns
from apps.common.admin import ReadOnlyAdmin
from apps.marketdata.models import CandleRequest, ReferencePrice, Watch


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    """Who wants quotes of what, until when."""

    list_display = (
        columns.text("instrument.symbol", "Symbol"),
        "holder",
        "priority",
        columns.moment("expires_at", "Until, New York"),
    )
    list_display_links = ("holder",)
    list_select_related = ("instrument",)
    list_filter = ("priority",)
    search_fields = ("instrument__symbol", "holder")


@admin.register(ReferencePrice)
class ReferencePriceAdmin(ReadOnlyAdmin):
    """The newest prices a gate may use."""

    list_display = (
        columns.text("instrument.symbol", "Symbol"),
        columns.priced("bid", "Bid"),
        columns.priced("ask", "Ask"),
        columns.priced("last", "Last"),
        columns.priced("close", "Previous close"),
        columns.text("instrument.currency", "Currency"),
        "market_data_type",
        "halted",
        columns.moment("received_at", "Received, New York"),
        "refusal_code",
    )
    list_display_links = (list_display[0],)
    list_select_related = ("instrument",)
    list_filter = ("market_data_type", "halted")
    search_fields = ("instrument__symbol",)


@admin.register(CandleRequest)
class CandleRequestAdmin(ReadOnlyAdmin):
    """Questions for candles and what came of them."""

    list_display = (
        columns.text("instrument.symbol", "Symbol"),
        "interval",
        "duration",
        "what_to_show",
        columns.text("state", "State"),
        "code",
        "ib_code",
        columns.moment("asked_at", "Asked, New York"),
        columns.moment("done_at", "Answered, New York"),
    )
    list_display_links = (list_display[0],)
    list_select_related = ("instrument",)
    list_filter = ("state", "interval")
    search_fields = ("instrument__symbol",)
    date_hierarchy = "asked_at"
