"""The ids a request came with, for logs, orders, audit lines and the answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from apps.common.models import uuid7

_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class RequestIds:
    """Our request id, always present, and the caller's own two, "" if absent or malformed."""

    request_id: str
    flow_id: str = ""
    traceparent: str = ""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Self:
        """Read the ids; what is not plain text of at most 128 characters counts as absent."""
        return cls(
            request_id=_valid(_FORM, headers.get("X-Request-ID", "")) or uuid7().hex,
            flow_id=_valid(_FORM, headers.get("X-Flow-ID", "")),
            traceparent=_valid(_TRACE, headers.get("traceparent", "")),
        )


def ids_of(request: Any) -> RequestIds:
    """Return the ids of a Django or DRF request; new ones if no middleware saw it."""
    found = getattr(request, "ids", None)
    return found if isinstance(found, RequestIds) else RequestIds.from_headers(request.headers)


def _valid(form: re.Pattern[str], text: str) -> str:
    return text if form.fullmatch(text) else ""
