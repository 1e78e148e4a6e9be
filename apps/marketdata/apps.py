"""Tell Django about this part."""

from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    """Quotes, candles and who watches what."""

    name = "apps.marketdata"
    label = "marketdata"
    verbose_name = "Market data"
    default_auto_field = "django.db.models.BigAutoField"
