"""Trading states, incidents and versions of limits, to read; the Safety page is where they change."""

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest

from apps.common import columns
from apps.common.admin import ReadOnlyAdmin
from apps.domain.incidents import INCIDENTS, IncidentKind
from apps.safety.models import AccountRisk, Incident, LimitSet, TradingState


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


@admin.display(description="What", ordering="kind")
def title(incident: Incident) -> str:
    """Return what happened in words; the kind itself is a filter."""
    return INCIDENTS[IncidentKind(incident.kind)].title


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """What must not happen and did; what nobody has closed stands first."""

    list_display = (
        columns.moment("at", "At, New York"),
        title,
        "subject",
        "detail",
        columns.text("account.code", "Account"),
        "times_seen",
        columns.moment("last_seen", "Last seen, New York"),
        columns.moment("tripped_at", "Trading reduced, New York"),
        columns.moment("closed_at", "Closed, New York"),
    )
    list_display_links = (list_display[0], title)
    list_select_related = ("account",)
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "kind", "account", "trips")
    search_fields = ("subject", "detail")
    date_hierarchy = "at"

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Put the open ones first, then the newest."""
        return (F("closed_at").desc(nulls_first=True), "-pk")


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
