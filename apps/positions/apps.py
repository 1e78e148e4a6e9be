"""Tell Django about this part."""

from django.apps import AppConfig


class PositionsConfig(AppConfig):
    """What is held, day start and profit and loss."""

    name = "apps.positions"
    label = "positions"
    verbose_name = "Positions"
    default_auto_field = "django.db.models.BigAutoField"
