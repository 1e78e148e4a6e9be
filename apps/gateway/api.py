"""The probes: /livez, /readyz and /metrics."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.request import Request

from apps.access.callers import LOOPBACK, Caller
from apps.access.permissions import Anyone, demand_scope, known_caller
from apps.common.db import database_now
from apps.common.problems import problem_response
from apps.common.rest import ApiView
from apps.gateway.health import livez, readiness
from apps.gateway.metrics import exposition

METRICS_SCOPE = "metrics:read"


class LivezView(ApiView):
    """Whether this process serves; touches neither database nor broker."""

    authentication_classes = ()
    permission_classes = (Anyone,)

    def get(self, request: Request) -> JsonResponse:
        """Answer 200."""
        return JsonResponse(livez())


class ReadyzView(ApiView):
    """Whether orders can be taken now; why not is for callers we know."""

    permission_classes = (Anyone,)

    def get(self, request: Request) -> HttpResponse:
        """Answer 200, or 503 with the same members in a problem."""
        found = readiness()
        told: dict[str, Any] = {"ready": found.ready}
        if isinstance(request.auth, Caller):
            told["checks"] = [check.as_json() for check in found.checks]
        if found.ready:
            return JsonResponse(told)
        return problem_response("BROKER_NOT_READY", "Not ready", request=request, **told)


class MetricsView(ApiView):
    """Gauges for Prometheus, for a key with metrics:read and for callers on this machine."""

    permission_classes = (Anyone,)

    def get(self, request: Request) -> HttpResponse:
        """Answer with the text format; 401 and 403 for strangers."""
        caller = known_caller(request)
        if caller.kind != LOOPBACK:
            demand_scope(caller, METRICS_SCOPE)
        return HttpResponse(exposition(database_now), content_type=CONTENT_TYPE_LATEST)
