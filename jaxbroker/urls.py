"""The routes of the whole product: frozen dialects, probes, descriptions, console and admin.

No API path ends in a slash and none redirects (W2); pages below /admin/ and /api/ do.
"""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from jaxbroker import openapi as _openapi  # noqa: F401  teaches the descriptions our fields


def home(request: HttpRequest) -> HttpResponseRedirect:
    """Show browsers the console; to programs this is no path."""
    if request.method != "GET" or "text/html" not in request.headers.get("Accept", ""):
        raise Http404
    return HttpResponseRedirect("/admin/")


urlpatterns = [
    path("", home),
    path("", include("apps.bridge.urls")),
    path("", include("apps.gateway.urls")),
    path("", include("apps.orders.urls")),
    path("api/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="bridge/docs.html"),
        name="docs",
    ),
    path("api/docs", RedirectView.as_view(url="/api/docs/")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", include("apps.console.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "apps.common.problems.handler400"
handler403 = "apps.common.problems.handler403"
handler404 = "apps.common.problems.handler404"
handler500 = "apps.common.problems.handler500"
