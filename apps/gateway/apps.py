"""Tell Django about this part."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """The one process that owns the broker session."""

    name = "apps.gateway"
    label = "gateway"
    verbose_name = "Gateway"
    default_auto_field = "django.db.models.BigAutoField"
