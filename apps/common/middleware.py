"""What every answer gets: a request id, security headers, a problem for a bare error, the mode.

All of it runs in either world without changing threads; only reading the mode for an
answer that no API view gave goes through in_db.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, cast

import structlog
from csp.utils import build_policy
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware
from django.utils.module_loading import import_string

from apps.common.aio import DatabaseTimeout, in_db, iscoroutinefunction
from apps.common.paths import is_api_path
from apps.common.peer import peer_of
from apps.common.problems import CONTENT_TYPE, MODE_HEADER, problem_of_status, problem_response
from apps.common.request_ids import RequestIds

logger = logging.getLogger(__name__)

MAX_HEADER_BYTES = 64 * 1024
#: Answers while nothing else does, so it must not ask the database for the mode.
WITHOUT_MODE = frozenset({"/livez"})

Respond = Callable[[HttpRequest], HttpResponseBase]
AsyncRespond = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
AnyRespond = Respond | AsyncRespond


@sync_and_async_middleware
def RequestIdMiddleware(get_response: AnyRespond) -> AnyRespond:  # noqa: N802  named like Django's
    """Give the request its ids, refuse headers that hide something, answer with the id."""

    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> HttpResponseBase:
            begun = _begin(request)
            return _end(request, begun or await cast(AsyncRespond, get_response)(request))

        return respond_async

    def respond(request: HttpRequest) -> HttpResponseBase:
        begun = _begin(request)
        return _end(request, begun or cast(Respond, get_response)(request))

    return respond


@sync_and_async_middleware
def SecurityHeadersMiddleware(get_response: AnyRespond) -> AnyRespond:  # noqa: N802
    """Set the headers that browsers and caches obey."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> HttpResponseBase:
            return _secured(request, await cast(AsyncRespond, get_response)(request))

        return respond_async

    def respond(request: HttpRequest) -> HttpResponseBase:
        return _secured(request, cast(Respond, get_response)(request))

    return respond


@sync_and_async_middleware
def ModeMiddleware(get_response: AnyRespond) -> AnyRespond:  # noqa: N802
    """Tell the mode to signed-in people and to this machine, where no API view did."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> HttpResponseBase:
            response = await cast(AsyncRespond, get_response)(request)
            if _wants_mode(request, response):
                try:
                    response[MODE_HEADER] = await in_db(mode_word)
                except DatabaseTimeout:
                    response[MODE_HEADER] = "unproven"
            return response

        return respond_async

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = cast(Respond, get_response)(request)
        if _wants_mode(request, response):
            set_mode_header(response)
        return response

    return respond


def set_mode_header(response: HttpResponseBase) -> None:
    """Set the mode header unless it is; call it where the database may be asked."""
    if MODE_HEADER not in response:
        response[MODE_HEADER] = mode_word()


def mode_word() -> str:
    """Return paper, live or unproven; unproven if the database does not answer."""
    read = cast(Callable[[], str], import_string(settings.JAXBROKER_MODE_WORD))
    try:
        return read()
    except DatabaseError:
        logger.warning("mode could not be read", exc_info=True)
        return "unproven"


def _begin(request: HttpRequest) -> HttpResponseBase | None:
    ids = RequestIds.from_headers(request.headers)
    cast(Any, request).ids = ids
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=ids.request_id)
    size = 0
    for name, value in request.META.items():
        if name.startswith("HTTP_"):
            size += len(name) + len(value)
            if any(ord(char) < 32 or 0x7F <= ord(char) <= 0x9F for char in value if char != "\t"):
                return problem_response("BAD_REQUEST", "A header has control characters", request=request)
    return problem_response("HEADERS_TOO_LARGE", request=request) if size > MAX_HEADER_BYTES else None


def _end(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    is_bare = response.status_code >= 400 and response.get("Content-Type", "") != CONTENT_TYPE
    if is_bare and is_api_path(request.path):
        response = problem_of_status(response, request)
    response["X-Request-ID"] = cast(Any, request).ids.request_id
    return response


def _secured(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if request.path.startswith(str(settings.STATIC_URL)):
        return response
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["Authorization", "Origin"])
    response.headers.setdefault("Content-Security-Policy", _policy(_is_stock_admin(request)))
    response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
    response.headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
    response.headers.setdefault("Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
    return response


def _is_stock_admin(request: HttpRequest) -> bool:
    """Tell by the route: paths of the console and of the admin's lists begin alike."""
    match = request.resolver_match
    return match is not None and "admin" in match.app_names


@cache
def _policy(for_stock_admin: bool) -> str:
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    more = settings.JAXBROKER_CSP_ADMIN if for_stock_admin else {}
    return build_policy(config=directives | more)


def _wants_mode(request: HttpRequest, response: HttpResponseBase) -> bool:
    if MODE_HEADER in response or request.path in WITHOUT_MODE:
        return False
    user = getattr(request, "_cached_user", None)  # asked already, so no query here
    return peer_of(request).is_loopback or bool(user and user.is_authenticated)
