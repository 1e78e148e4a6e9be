"""The base of our DRF views: bodies read strictly, answers written one way."""

import re
from io import BytesIO
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.middleware import set_mode_header
from apps.common.request_ids import RequestIds, ids_of

MAX_WAIT_S = 30

_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,4})\"?")


class StrictRequest(Request):
    """Hands every body to the parser, also an empty one or one without a length."""

    def _load_stream(self) -> None:
        self._stream = BytesIO(self._request.body)


class ApiView(APIView):
    """A view of one of the three surfaces.

    Says `required_scopes` by method; without an entry nobody passes. The answer tells the
    mode to callers we know.
    """

    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    required_scopes: dict[str, str] = {}
    empty_body_is_object = False

    @property
    def ids(self) -> RequestIds:
        """Return the ids this request came with."""
        return ids_of(self.request)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Wrap Django's request in a strict one."""
        return StrictRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Render the answer and tell a known caller the mode."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if getattr(request, "_user", None) is not None:
            set_mode_header(answer)
        return answer


def preferred_wait_s(request: Request | HttpRequest) -> int:
    """Return N of `Prefer: wait=N`, at most 30; 0 if the caller does not wait."""
    for preference in request.headers.get("Prefer", "").split(","):
        if found := _WAIT.fullmatch(preference.strip()):
            return min(int(found[1]), MAX_WAIT_S)
    return 0
