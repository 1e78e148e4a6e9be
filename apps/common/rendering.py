"""How DRF negotiates and writes answers; named in the settings.

Beside rest.py, because DRF imports what its settings name while it makes its own base view,
and rest.py needs that view.
"""

import re
from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from apps.common.jsontext import to_json

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
