"""Tell Django about this part."""

from django.apps import AppConfig


class InstrumentsConfig(AppConfig):
    """What can be traded: contracts, tick rules, trading hours."""

    name = "apps.instruments"
    label = "instruments"
    verbose_name = "Instruments"
    default_auto_field = "django.db.models.BigAutoField"
