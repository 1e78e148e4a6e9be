"""The base of our DRF views: bodies read strictly, answers written one way."""

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.jsontext import to_json
from apps.common.middleware import set_mode_header
from apps.common.request_ids import RequestIds, ids_of

MAX_WAIT_S = 30

_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,4})\"?")
_JSON_TYPE = re.compile(r"application/json\s*(?:;\s*charset\s*=\s*\"?utf-?8\"?\s*)?;?", re.IGNORECASE)


class JSONRenderer(BaseRenderer):
    """Writes answers; Decimals as strings, times as RFC 3339."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """Return the bytes of the answer, none for no data."""
        return b"" if data is None else to_json(data)


class AlwaysJSON(BaseContentNegotiation):
    """Answers JSON whatever Accept says, and takes JSON only, uncompressed and in UTF-8."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """Return the parser; raises UnsupportedMediaType for a body of another type."""
        parser = next(iter(parsers))
        if not request.body:
            return parser
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity" or not _JSON_TYPE.fullmatch(request.content_type or ""):
            raise UnsupportedMediaType(request.content_type or "")
        return parser

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and its media type."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class StrictRequest(Request):
    """Hands every body to the parser, also an empty one or one without a length."""

    def _load_stream(self) -> None:
        self._stream = BytesIO(self._request.body)


class ApiView(APIView):
    """A view of one of the three surfaces.

    Says `required_scopes` by method; without an entry nobody passes. The answer tells the
    mode to callers we know.
    """

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
