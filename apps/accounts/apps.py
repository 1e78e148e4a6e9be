"""Tell Django about this part."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Connections, accounts, balances and each account's event log."""

    name = "apps.accounts"
    label = "accounts"
    verbose_name = "Accounts"
    default_auto_field = "django.db.models.BigAutoField"
