"""Tell Django about this part."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """The Django floor: problem+json, strict input, the bell, in_db, read-only admin."""

    name = "apps.common"
    label = "common"
    verbose_name = "Common"

    def ready(self) -> None:
        """Register the system checks."""
        from apps.common import checks  # noqa: F401  registers by being imported
