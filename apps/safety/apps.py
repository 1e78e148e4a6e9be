"""Tell Django about this part."""

from django.apps import AppConfig


class SafetyConfig(AppConfig):
    """May we trade: states, limits, approvals, arming, alerts."""

    name = "apps.safety"
    label = "safety"
    verbose_name = "Safety"
    default_auto_field = "django.db.models.BigAutoField"
