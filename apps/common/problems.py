"""Every error, ours, DRF's and Django's own, as one problem+json body (RFC 9457).

The code is the contract; status, title and hint of each stand in domain/codes.py. No
answer carries a stack trace, SQL or a secret: an unexpected error is logged and told
with its request id only.
"""

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.request import Request

from apps.common.db import CommitUnanswered, is_store_trouble
from apps.common.jsontext import to_json
from apps.common.paths import is_api_path, is_executor_path
from apps.common.request_ids import ids_of
from apps.domain.codes import CODES
from apps.domain.errors import DomainError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
OUR_FAULT = "Something went wrong on our side"
STORE_RETRY_S = 1
MODE_HEADER = "X-JaxBroker-Mode"
#: The store itself does not answer, so it is not asked for the mode either: that would double the wait.
_STORE_AWAY = frozenset({"STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"})

AnyRequest = HttpRequest | Request

#: What a bare status of Django's own means in our codes.
_BY_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "MISSING_SCOPE",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    431: "HEADERS_TOO_LARGE",
    503: "STORE_UNAVAILABLE",
}


def problem_response(code: str, detail: str = "", *, request: AnyRequest, **members: object) -> HttpResponse:
    """Return the answer for `code`; `detail` is its title if empty.

    `members` join the body; None members are left out. `retry_after_s` also becomes the
    Retry-After header, `status` replaces the status of the code.
    """
    known = CODES[code]
    detail = detail or known.title
    body: dict[str, object] = {
        "type": f"/api/v2/errors/{code}",
        "title": known.title,
        "status": known.status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": ids_of(request).request_id,
        "hint": known.hint,
    }
    if is_executor_path(request.path) and request.method == "POST":
        body["order_id"] = 0
    body |= {name: value for name, value in members.items() if value is not None}
    body |= {"error": detail, "message": detail, "success": False}
    response = HttpResponse(to_json(body), status=int(str(body["status"])), content_type=CONTENT_TYPE)
    if code in _STORE_AWAY:
        response[MODE_HEADER] = "unproven"
    if response.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(wait := members.get("retry_after_s"), int | float | Decimal):
        response["Retry-After"] = str(max(1, -int(-wait // 1)))
    return response


def handle(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """Answer an exception of a DRF view: the EXCEPTION_HANDLER of the settings."""
    return problem_of(exc, context["request"])


def problem_of(exc: Exception, request: AnyRequest) -> HttpResponse:
    """Return the answer for any exception; what nobody expected is logged and told as INTERNAL."""
    match exc:
        case DomainError():
            return problem_response(exc.code, exc.detail, request=request, **exc.members)
        case exceptions.ValidationError():
            return _invalid(exc, request)
        case exceptions.Throttled():
            wait = getattr(exc, "wait", None) or 1
            return problem_response("RATE_LIMITED", request=request, retry_after_s=wait)
        case exceptions.ParseError():
            return problem_response("VALIDATION_JSON", request=request)
        case exceptions.APIException():
            return problem_response(_BY_STATUS.get(exc.status_code, "INTERNAL"), request=request)
        case Http404():
            return problem_response("NOT_FOUND", request=request)
        case PermissionDenied():
            return problem_response("MISSING_SCOPE", request=request)
        case RequestDataTooBig():
            return problem_response("BODY_TOO_LARGE", request=request)
        case SuspiciousOperation() | BadRequest() | UnreadablePostError():
            return problem_response("BAD_REQUEST", request=request)
        case CommitUnanswered():
            logger.error("answer to a commit lost", exc_info=exc)
            return problem_response("OUTCOME_UNKNOWN", request=request, retry_after_s=STORE_RETRY_S)
        case DatabaseError() if is_store_trouble(exc):
            logger.error("database did not answer", exc_info=exc)
            return problem_response("STORE_UNAVAILABLE", request=request, retry_after_s=STORE_RETRY_S)
    logger.error("unexpected error in a request", exc_info=exc)
    return problem_response("INTERNAL", OUR_FAULT, request=request)


def problem_of_status(response: HttpResponseBase, request: HttpRequest) -> HttpResponse:
    """Return a problem in place of an error answer that is not one yet, headers kept."""
    code = _BY_STATUS.get(response.status_code, "BAD_REQUEST" if response.status_code < 500 else "INTERNAL")
    problem = problem_response(code, request=request, status=response.status_code)
    for name, value in response.items():
        if name.lower() not in {"content-type", "content-length"}:
            problem[name] = value
    return problem


def flat_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Return the errors of a serializer one by one: field as a path, code, detail."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from flat_errors(inner, _join(path, name))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, dict)
            yield from flat_errors(inner, f"{path}[{index}]" if nested else path)
    else:
        code = getattr(detail, "code", "")
        yield {
            "field": path,
            "code": code if code in CODES else "VALIDATION_CHOICE",
            "detail": str(detail),
        }


def handler400(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that Django itself refused."""
    if not is_api_path(request.path):
        return defaults.bad_request(request, exception)
    code = "BODY_TOO_LARGE" if isinstance(exception, RequestDataTooBig) else "BAD_REQUEST"
    return problem_response(code, request=request)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a refusal of Django's."""
    if not is_api_path(request.path):
        return defaults.permission_denied(request, exception)
    return problem_response("MISSING_SCOPE", request=request)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a path that nobody serves."""
    if not is_api_path(request.path):
        return defaults.page_not_found(request, exception)
    return problem_response("NOT_FOUND", request=request)


def handler500(request: HttpRequest) -> HttpResponseBase:
    """Answer an unexpected error; Django has logged it."""
    if not is_api_path(request.path):
        return defaults.server_error(request)
    return problem_response("INTERNAL", OUR_FAULT, request=request)


def _invalid(exc: exceptions.ValidationError, request: AnyRequest) -> HttpResponse:
    errors = list(flat_errors(exc.detail))
    first = errors[0]
    detail = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
    return problem_response(first["code"], detail, request=request, errors=errors)


def _join(path: str, name: object) -> str:
    if name == "non_field_errors":
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)
