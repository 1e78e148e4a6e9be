"""Tell Django about this part."""

from django.apps import AppConfig


class BridgeConfig(AppConfig):
    """The surfaces for programs: frozen REST and WebSocket dialects, native socket."""

    name = "apps.bridge"
    label = "bridge"
    verbose_name = "Bridge"
    default_auto_field = "django.db.models.BigAutoField"
