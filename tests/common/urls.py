"""A few views for the tests of the common floor."""

import sqlite3
from decimal import Decimal

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.db import CommitUnanswered
from apps.common.rest import ApiView, preferred_wait_s
from apps.common.strict import PriceField, StrictSerializer
from apps.domain.errors import DomainError
from jaxbroker.urls import urlpatterns as product_urls


class TooBig(DomainError):
    """The order is too big."""

    code = "RISK_MAX_QTY"


class Closed(Exception):
    """A bug."""


def _damage() -> DatabaseError:
    """Return what Django raises of a SQLite file with broken pages."""
    error = DatabaseError("database disk image is malformed")
    error.__cause__ = sqlite3.DatabaseError("database disk image is malformed")
    return error


ERRORS = {
    "domain": TooBig("Quantity 900 is over the limit 500", reasons=[{"limit": Decimal(500)}], order_id=7),
    "bug": Closed("password=hunter2 at SELECT * FROM accounts"),
    "store": OperationalError("could not connect to 10.0.0.7"),
    "damage": _damage(),
    "unanswered": CommitUnanswered("server closed the connection at 10.0.0.7"),
    "404": Http404("secret path"),
    "403": PermissionDenied("secret"),
    "suspicious": SuspiciousOperation("secret"),
    "throttled": Throttled(wait=2.5),
}


def paper() -> str:
    """Return the mode of a gateway that has proven it."""
    return "paper"


class Echo(ApiView):
    """Answers what was sent."""

    required_scopes = {"GET": "read:quotes", "POST": "orders:place"}

    class In(StrictSerializer):
        price = PriceField()

    def get(self, request: Request) -> Response:
        """Say how long the caller would wait, and under which ids."""
        ids = self.ids
        return Response({"wait": preferred_wait_s(request), "flow": ids.flow_id, "trace": ids.traceparent})

    def post(self, request: Request) -> Response:
        """Give the price back."""
        body = self.In(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({"price": body.validated_data["price"]})


class Forgiving(ApiView):
    """Takes no body, null and {} alike."""

    required_scopes = {"POST": "read:quotes"}
    empty_body_is_object = True

    def post(self, request: Request) -> Response:
        """Give the body back."""
        return Response(request.data)


class Failing(ApiView):
    """Raises."""

    required_scopes = {"GET": "read:quotes", "POST": "read:quotes"}

    def get(self, request: Request, kind: str) -> Response:
        """Raise the error of this name."""
        raise ERRORS[kind]

    post = get


class Undeclared(ApiView):
    """Names no scope."""

    def get(self, request: Request) -> Response:
        """Never reached."""
        return Response({})


@require_GET
def plain(request: HttpRequest) -> JsonResponse:
    """Answer like Django's own views."""
    return JsonResponse({"ok": True})


def person(request: HttpRequest) -> JsonResponse:
    """Look who is signed in."""
    return JsonResponse({"name": request.user.get_username()})


def crash(request: HttpRequest) -> HttpResponse:
    """Fail outside DRF."""
    raise Closed("secret")


urlpatterns = [
    path("admin/crash", crash),
    path("api/v2/echo", Echo.as_view()),
    path("api/v2/forgiving", Forgiving.as_view()),
    path("api/v2/failing/<kind>", Failing.as_view()),
    path("api/v1/failing/<kind>", Failing.as_view()),
    path("api/v2/undeclared", Undeclared.as_view()),
    path("plain", plain),
    path("person", person),
    path("crash", crash),
    path("livez", plain),
    *product_urls,
]

handler400 = "apps.common.problems.handler400"
handler403 = "apps.common.problems.handler403"
handler404 = "apps.common.problems.handler404"
handler500 = "apps.common.problems.handler500"
