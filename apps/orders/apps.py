"""Tell Django about this part."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Intents to trade and what came of them."""

    name = "apps.orders"
    label = "orders"
    verbose_name = "Orders"
    default_auto_field = "django.db.models.BigAutoField"
