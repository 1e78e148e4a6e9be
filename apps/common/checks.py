"""System checks: nothing may mean live by accident, nothing unsafe may be served.

settings.py refuses to start on most of this already; the checks look again at what a
settings file of one's own, or a test, may have changed.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from apps.domain.mode import Mode

SAMPLE_SECRET = "change-me"  # noqa: S105  the beginning of the value in .env.example


@register(Tags.security)
def check_mode(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """Live needs PostgreSQL, an explicit permission, no DEBUG and no simulator."""
    if settings.JAXBROKER_MODE is not Mode.LIVE:
        return []
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        found.append(Error("Live trading needs PostgreSQL", id="jaxbroker.E001"))
    if not settings.JAXBROKER_LIVE_ALLOWED:
        found.append(Error("Live trading is not allowed by the settings", id="jaxbroker.E002"))
    if settings.DEBUG:
        found.append(Error("DEBUG is on in live", id="jaxbroker.E003"))
    if settings.JAXBROKER_SIMULATOR:
        found.append(Error("The simulator never trades live", id="jaxbroker.E004"))
    return found


@register(Tags.security)
def check_secrets(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """The sample secret and a wildcard host are refused everywhere."""
    found: list[CheckMessage] = []
    if str(settings.SECRET_KEY).startswith(SAMPLE_SECRET):
        found.append(Error("SECRET_KEY is the sample value", id="jaxbroker.E005"))
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Error("ALLOWED_HOSTS names every host", id="jaxbroker.E006"))
    if getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False) or settings.CORS_ALLOW_CREDENTIALS:
        found.append(Error("CORS allows every origin, or credentials", id="jaxbroker.E007"))
    return found


@register(Tags.security, deploy=True)
def check_redis(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """Several processes ring one bell only through Redis; without it they poll."""
    if settings.REDIS_URL or settings.JAXBROKER_STANDALONE or settings.JAXBROKER_TEST:
        return []
    hint = "Without REDIS_URL processes see each other's work up to 250 ms later"
    return [checks.Warning("No REDIS_URL", hint=hint, id="jaxbroker.W001")]
