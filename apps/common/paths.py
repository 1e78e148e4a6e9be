"""Which paths are APIs and which are pages; asked wherever an error or header depends on it."""

from django.conf import settings

EXECUTOR_PREFIX = "/api/v1/"


def is_api_path(path: str) -> bool:
    """Return whether errors of this path are problem+json. All but the listed pages are."""
    return not path.startswith(tuple(settings.JAXBROKER_PAGE_PREFIXES))


def is_executor_path(path: str) -> bool:
    """Return whether the path belongs to the executor dialect."""
    return path.startswith(EXECUTOR_PREFIX)
