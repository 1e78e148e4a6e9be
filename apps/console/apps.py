"""Tell Django about this part."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Staff pages that span parts."""

    name = "apps.console"
    label = "console"
    verbose_name = "Console"
    default_auto_field = "django.db.models.BigAutoField"
