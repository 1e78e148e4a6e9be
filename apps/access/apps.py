"""Tell Django about this part."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Who asks: API keys, scopes, staff roles."""

    name = "apps.access"
    label = "access"
    verbose_name = "Access"
    default_auto_field = "django.db.models.BigAutoField"
