"""What views take from a request besides its form."""

from typing import Any

from django.http import HttpRequest


def request_id(request: HttpRequest) -> str:
    """Return the id under which this request stands in logs and audit."""
    ids: Any = getattr(request, "ids", None)
    return str(ids.request_id) if ids is not None else ""
