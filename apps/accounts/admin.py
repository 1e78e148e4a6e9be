"""Connections, accounts, balances and event logs, to read."""

from django.contrib import admin

from apps.accounts.models import Account, AccountEvent, Balance, Connection
from apps.common import columns, figures
from apps.common.admin import ReadOnlyAdmin


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """Where each connection stands; the Connection page says what happens next."""

    list_display = (
        "name",
        columns.word("phase", "Phase"),
        "mode",
        columns.word("mode_proof", "Mode proof"),
        "host",
        "port",
        "client_id",
        "session",
        columns.joined("managed_accounts", "Accounts"),
        columns.moment("heartbeat_at", "Heard of, New York"),
    )
    list_display_links = ("name",)
    list_filter = ("phase", "mode", "mode_proof")
    search_fields = ("name", "host")


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts a proven connection has shown us."""

    list_display = (
        "code",
        "alias",
        "mode",
        "connection",
        "base_currency",
        "last_seq",
        columns.moment("first_seen_at", "First seen, New York"),
        columns.moment("last_seen_at", "Last seen, New York"),
    )
    list_display_links = ("code",)
    list_select_related = ("connection",)
    list_filter = ("mode", "connection")
    search_fields = ("code", "alias")


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """The newest value of each tag in each currency; never summed across currencies."""

    list_display = (
        columns.text("account.code", "Account"),
        "tag",
        columns.figure("value", "Value", figures.money),
        "currency",
        columns.text("text", "Broker’s word"),
        columns.moment("as_of", "As of, New York"),
    )
    list_display_links = ("tag",)
    list_select_related = ("account",)
    list_filter = ("account", "currency")
    search_fields = ("tag", "account__code")


@admin.register(AccountEvent)
class AccountEventAdmin(ReadOnlyAdmin):
    """Each account's numbered log of the last seven days."""

    list_display = (
        "seq",
        columns.text("account.code", "Account"),
        "type",
        columns.moment("at", "At, New York"),
    )
    list_display_links = ("seq",)
    list_select_related = ("account",)
    list_filter = ("account", "type")
    search_fields = ("type", "account__code")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
