"""Trading states and versions of limits, to read; the Safety page is where they change."""

from django.contrib import admin

from apps.common import columns
from apps.common.admin import ReadOnlyAdmin
from apps.safety.models import AccountRisk, LimitSet, TradingState


@admin.register(TradingState)
class TradingStateAdmin(ReadOnlyAdmin):
    """The state of each scope that ever was restricted."""

    list_display = (
        "scope",
        columns.word("state", "State"),
        "halt_epoch",
        columns.moment("at", "Since, New York"),
        columns.moment("confirmed_at", "Gateway confirmed, New York"),
        "reason",
        "actor",
    )
    list_display_links = ("scope",)
    list_filter = ("state",)
    search_fields = ("scope", "actor", "reason")


@admin.register(LimitSet)
class LimitSetAdmin(ReadOnlyAdmin):
    """Every version of the limits."""

    list_display = ("version", "account", "author", "reason", columns.moment("at", "At, New York"))
    list_display_links = ("version",)
    list_select_related = ("account",)
    list_filter = ("account",)


@admin.register(AccountRisk)
class AccountRiskAdmin(ReadOnlyAdmin):
    """The number of the limits each account is judged by."""

    list_display = (columns.text("account.code", "Account"), "version")
    list_display_links = ("version",)
    list_select_related = ("account",)
