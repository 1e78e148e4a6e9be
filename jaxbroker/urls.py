"""The routes of the whole product."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import path


def livez(request: HttpRequest) -> JsonResponse:
    """Say that this process serves; touches neither database nor broker."""
    return JsonResponse({"live": True})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("livez", livez),
]

handler400 = "apps.common.problems.handler400"
handler403 = "apps.common.problems.handler403"
handler404 = "apps.common.problems.handler404"
handler500 = "apps.common.problems.handler500"
