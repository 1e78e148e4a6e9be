"""One view for the tests of the door: it says who came in."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.permissions import Anyone, known_caller
from apps.common.rest import ApiView


class Me(ApiView):
    """Who asks."""

    required_scopes = {"GET": "read:quotes", "POST": "orders:place"}

    def get(self, request: Request) -> Response:
        """Tell the caller who it is."""
        caller = known_caller(request)
        return Response(
            {
                "principal": caller.principal,
                "kind": caller.kind,
                "scopes": caller.scopes,
                "accounts": caller.accounts,
                "default_account": caller.default_account,
            }
        )

    post = get

    def delete(self, request: Request) -> Response:
        """Never reached: no scope is named for it."""
        return Response({})


class Public(ApiView):
    """For everybody."""

    permission_classes = [Anyone]

    def get(self, request: Request) -> Response:
        """Say whether the caller is known."""
        return Response({"known": request.user is not None})


urlpatterns = [
    path("api/v2/me", Me.as_view()),
    path("public", Public.as_view()),
]

handler404 = "apps.common.problems.handler404"
