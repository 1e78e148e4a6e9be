"""Orders with their events and executions, to read; a cancel has a page of its own."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common import columns, figures
from apps.common.admin import ReadOnlyAdmin
from apps.domain.orders import GROUPS, NOT_CLOSED
from apps.orders.models import Execution, KillReport, Order, OrderEvent, Resolution


class GroupFilter(admin.SimpleListFilter):
    """The groups of statuses people think in."""

    title = "stands"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what is not closed as one choice, then each group."""
        return [
            ("not_closed", "Not closed"),
            ("in_doubt", "In doubt"),
            ("open", "Open at the broker"),
            ("unsent", "Not sent"),
            ("closed", "Closed"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Keep the orders of the chosen group."""
        chosen = self.value()
        statuses = NOT_CLOSED if chosen == "not_closed" else GROUPS.get(chosen or "")
        return queryset if statuses is None else queryset.filter(status__in=statuses)


@admin.display(description="Price", ordering="limit_price")
def terms_figure(order: Order) -> str:
    """Return type and prices as one figure: `LMT 233.10`, `STP 136.50`, `MKT`."""
    tick = order.instrument.min_tick
    kinds = {"MARKET": "MKT", "LIMIT": "LMT", "STOP": "STP", "STOP_LIMIT": "STP LMT"}
    prices = [
        figures.price(value, tick) for value in (order.stop_price, order.limit_price) if value is not None
    ]
    return " ".join([kinds.get(order.order_type, order.order_type), *prices])


@admin.display(description="Side", ordering="side")
def side(row: Order | Execution) -> str:
    """Return Buy or Sell; a side is a word, never a colour."""
    return row.side.capitalize()


@admin.display(description="Average price", ordering="average_price")
def average_figure(order: Order) -> str:
    """Return the average of what filled, with one decimal more than the tick."""
    return figures.average_price(order.average_price, order.instrument.min_tick)


symbol = columns.text("instrument.symbol", "Symbol")
created = columns.moment("created_at", "Created, New York")
executed = columns.moment("executed_at", "Executed, New York")


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """What was asked for and what became of it."""

    list_display = (
        created,
        symbol,
        side,
        columns.figure("quantity", "Quantity"),
        terms_figure,
        "time_in_force",
        columns.word("status", "Status"),
        columns.figure("filled_quantity", "Filled"),
        average_figure,
        columns.text("account.code", "Account"),
        columns.text("principal", "By"),
    )
    list_display_links = (created, symbol)
    list_select_related = ("account", "instrument")
    list_filter = (GroupFilter, "status", "account", "side", "origin", "order_type")
    search_fields = (
        "instrument__symbol",
        "client_order_id",
        "order_ref",
        "=ib_order_id",
        "ib_perm_ids__icontains",
    )
    search_help_text = "Symbol, client_order_id, order_ref, uuid or an IB id"
    date_hierarchy = "created_at"
    fieldsets = (
        (
            "Request",
            {
                "fields": (
                    created,
                    columns.moment("expires_at", "Expires unsent, New York"),
                    "outside_rth",
                    "tag",
                    "origin",
                    "principal",
                    "leg_role",
                    "parent",
                )
            },
        ),
        (
            "What came of it",
            {
                "fields": (
                    columns.joined("reason_codes", "Reasons"),
                    columns.joined("warnings", "Warnings"),
                    "broker_status",
                    "ib_error_code",
                    "ib_error_text",
                    "late",
                    "looks",
                    columns.moment("in_flight_at", "In flight, New York"),
                    columns.moment("cancel_requested_at", "Cancel asked for, New York"),
                    columns.moment("cancel_sent_at", "Cancel sent, New York"),
                    columns.moment("closed_at", "Closed, New York"),
                )
            },
        ),
        (
            "Names",
            {
                "fields": (
                    "uuid",
                    "client_order_id",
                    "order_ref",
                    "ib_order_id",
                    columns.joined("ib_perm_ids", "IB perm IDs"),
                    "ib_client_id",
                    "request_id",
                    "flow_id",
                    "broker_session",
                    "epoch",
                    "halt_epoch",
                    "limits_version",
                )
            },
        ),
    )
    change_form_outer_before_template = "console/parts/order.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return every line of the detail page."""
        return [field for _, options in self.fieldsets for field in options["fields"]]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Find an order by its uuid too, whole."""
        try:
            return queryset.filter(uuid=UUID(search_term.strip())), False
        except ValueError:
            found: tuple[QuerySet[Order], bool] = super().get_search_results(request, queryset, search_term)
            return found


@admin.register(OrderEvent)
class OrderEventAdmin(ReadOnlyAdmin):
    """Every step of every order."""

    list_display = (
        columns.moment("at", "At, UTC", utc=True),
        columns.text("order.client_order_id", "client_order_id"),
        "seq",
        columns.text("from_status", "From"),
        columns.word("to_status", "To"),
        "cause",
        "broker_session",
    )
    list_display_links = (list_display[0],)
    list_select_related = ("order__instrument",)
    list_filter = ("to_status", "cause")
    search_fields = ("order__client_order_id", "order__order_ref", "order__instrument__symbol")
    date_hierarchy = "at"
    ordering = ("-at", "-id")


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """What the broker reported as traded; a superseded revision stays to read."""

    list_display = (
        executed,
        symbol,
        side,
        columns.figure("quantity", "Quantity"),
        columns.priced("price", "Price"),
        "exchange",
        columns.figure("commission", "Commission", figures.money),
        columns.text("commission_currency", "Currency"),
        columns.gain("realized_pnl", "Realised"),
        columns.text("account.code", "Account"),
        columns.text("ib_exec_id", "IB exec ID"),
        "superseded",
    )
    list_display_links = (executed, symbol)
    list_select_related = ("account", "instrument", "order")
    list_filter = ("account", "side", "superseded", "synthetic")
    search_fields = ("instrument__symbol", "ib_exec_id", "order_ref", "order__client_order_id", "=ib_perm_id")
    date_hierarchy = "executed_at"


@admin.register(KillReport)
class KillReportAdmin(ReadOnlyAdmin):
    """Each press of the kill switch."""

    list_display = (
        columns.moment("at", "At, New York"),
        "scope",
        "actor",
        "reason",
        "halt_epoch",
        columns.joined("order_ids", "Cancel asked for", none="none"),
        columns.joined("dropped_ids", "Dropped", none="none"),
    )
    list_display_links = (list_display[0],)
    search_fields = ("actor", "reason")


@admin.register(Resolution)
class ResolutionAdmin(ReadOnlyAdmin):
    """What people said became of orders nobody could know."""

    list_display = (
        columns.moment("proposed_at", "Proposed, New York"),
        columns.text("order.client_order_id", "client_order_id"),
        columns.word("outcome", "Outcome"),
        "state",
        columns.text("proposed_by", "By"),
        columns.text("decided_by", "Decided by"),
        "because",
    )
    list_display_links = (list_display[0],)
    list_select_related = ("order__instrument",)
    list_filter = ("state", "outcome")
    search_fields = ("order__client_order_id", "order__order_ref", "because", "proposed_by", "decided_by")
