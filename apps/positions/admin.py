"""What is held, with the broker's own marks, and equity by day, to read."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common import columns, figures
from apps.common.admin import ReadOnlyAdmin
from apps.positions.models import AccountPnl, DayStart, EquityDay, Position


class HeldFilter(admin.SimpleListFilter):
    """What is held now, unless closed positions are asked for."""

    title = "held"
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the closed ones and all; held ones are the default."""
        return [("no", "Closed"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Name the first choice by what it shows."""
        default, *others = super().choices(changelist)
        return [default | {"display": "Held now"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Position]) -> QuerySet[Position]:
        """Leave closed positions out by default."""
        if self.value() == "all":
            return queryset
        return queryset.filter(quantity=0) if self.value() == "no" else queryset.exclude(quantity=0)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """Positions as the broker last said, with its own marks."""

    list_display = (
        columns.text("instrument.symbol", "Symbol"),
        columns.text("account.code", "Account"),
        columns.figure("quantity", "Quantity"),
        columns.figure("ledger_quantity", "By our executions"),
        columns.figure("average_cost", "Average cost", figures.average_price),
        columns.priced("market_price", "Broker’s mark"),
        columns.figure("market_value", "Value", figures.money),
        columns.gain("daily_pnl", "Today"),
        columns.gain("unrealized_pnl", "Unrealised"),
        columns.gain("realized_pnl", "Realised"),
        columns.text("instrument.currency", "Currency"),
        columns.moment("as_of", "As of, New York"),
    )
    list_display_links = (list_display[0],)
    list_select_related = ("account", "instrument")
    list_filter = (HeldFilter, "account")
    search_fields = ("instrument__symbol", "account__code")


@admin.register(AccountPnl)
class AccountPnlAdmin(ReadOnlyAdmin):
    """The broker's profit and loss of each account today."""

    list_display = (
        columns.text("account.code", "Account"),
        columns.gain("daily", "Today"),
        columns.gain("unrealized", "Unrealised"),
        columns.gain("realized", "Realised"),
        columns.moment("as_of", "As of, New York"),
    )
    list_display_links = (list_display[0],)
    list_select_related = ("account",)


@admin.register(DayStart)
class DayStartAdmin(ReadOnlyAdmin):
    """The equity with which each trading day began."""

    list_display = (
        "session_date",
        columns.text("account.code", "Account"),
        columns.figure("equity", "Equity", figures.money),
    )
    list_display_links = ("session_date",)
    list_select_related = ("account",)
    list_filter = ("account",)
    date_hierarchy = "session_date"


@admin.register(EquityDay)
class EquityDayAdmin(ReadOnlyAdmin):
    """Equity and cash by trading day."""

    list_display = (
        "session_date",
        columns.text("account.code", "Account"),
        columns.figure("equity", "Equity", figures.money),
        columns.figure("cash", "Cash", figures.money),
        columns.moment("taken_at", "Taken, New York"),
    )
    list_display_links = ("session_date",)
    list_select_related = ("account",)
    list_filter = ("account",)
    date_hierarchy = "session_date"
