"""What the routes under /api/v2 share: their description, their query, their pages.

Lists page by an opaque cursor, newest first; whatever a query holds that the route does not know
is refused, so that a typo cannot widen an answer.
"""

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request

from apps.common.shapes import ProblemOut
from apps.domain.errors import DomainError

LARGEST_PAGE = 500
USUAL_PAGE = 100

_ALWAYS = (400, 401, 403, 405, 429, 500, 503)

ACCOUNT = OpenApiParameter(
    "account", OpenApiTypes.STR, description="Which account; the caller's own if left out."
)
PAGE = (
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 500.", default=USUAL_PAGE),
    OpenApiParameter("cursor", OpenApiTypes.STR, description="next_cursor of the page before."),
)


class UnknownParameter(DomainError):
    """The query holds something this route does not know."""

    code = "VALIDATION_UNKNOWN_FIELD"


class LimitOutOfRange(DomainError):
    """`limit` is a whole number from 1 to 500."""

    code = "VALIDATION_RANGE"


class BadCursor(DomainError):
    """The cursor is not one of ours."""

    code = "VALIDATION_CURSOR"


def described(
    operation: str,
    tag: str,
    *,
    out: type[Any],
    example: str,
    errors: Collection[int] = (),
    parameters: Collection[OpenApiParameter] = (),
) -> dict[str, Any]:
    """Return what `extend_schema` says of a native read; `example` is one whole answer as JSON."""
    shown = OpenApiExample("Example", value=json.loads(example), response_only=True, status_codes=["200"])
    problems = {(status, "application/problem+json"): ProblemOut for status in sorted({*_ALWAYS, *errors})}
    return {
        "operation_id": operation,
        "tags": [tag],
        "responses": {200: out} | problems,
        "parameters": list(parameters),
        "examples": [shown],
    }


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, newest first; `next_cursor` is None on the last."""

    rows: list[Any]
    next_cursor: str | None


def known_query(request: Request, *names: str) -> dict[str, str]:
    """Return the query's parameters. Raises UnknownParameter for a name not in `names`, or told twice."""
    for name in request.query_params:
        if name not in names or len(request.query_params.getlist(name)) > 1:
            raise UnknownParameter(f"{name} is not known here, or stands twice")
    return {name: str(request.query_params[name]) for name in request.query_params}


def page_of(rows: QuerySet[Any], query: dict[str, str]) -> Page:
    """Return the page that `limit` and `cursor` ask for, by descending primary key.

    Raises LimitOutOfRange and BadCursor.
    """
    limit = _limit(query.get("limit"))
    if "cursor" in query:
        rows = rows.filter(pk__lt=_read_cursor(query["cursor"]))
    found = list(rows.order_by("-pk")[: limit + 1])
    is_last = len(found) <= limit
    return Page(found[:limit], None if is_last else _cursor(found[limit - 1].pk))


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST_PAGE):
        raise LimitOutOfRange
    return int(text)


def _cursor(last_id: int) -> str:
    text = json.dumps({"id": last_id}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> int:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadCursor from error
    last_id = found.get("id") if isinstance(found, dict) and len(found) == 1 else None
    if type(last_id) is not int or not 0 < last_id < 2**63:
        raise BadCursor
    return last_id
