"""The one route that is in a hurry: POST /orders, by the same middleware, view and service as ever.

Django's own ASGI handler makes a thread and, with it, a database connection for every request.
Here a request goes to a thread that is there already and keeps its connection; all else that
happens to it is what settings and urls say. Requests that mean to wait for the broker take the
usual road, so nobody in a hurry stands behind somebody who waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import BoundedSemaphore, local
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http.response import HttpResponseBase

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/orders"
#: More threads than may wait for a symbol or a first price at once, so that one is always left.
THREADS = settings.JAXBROKER_MAX_WAITS + 8
#: So many of them keep their database connection; the pool of PostgreSQL has twice as many.
KEPT_CONNECTIONS = 8


class HotOrders:
    """An ASGI application in front of another one: takes what is in a hurry, hands on the rest."""

    def __init__(self, usual: Application) -> None:
        self._usual = usual
        self._handler = _Handler()
        self._handler.load_middleware()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="hot")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not _is_in_a_hurry(scope):
            await self._usual(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            return
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(self._threads, self._handler.answer, scope, body)
        await send({"type": "http.response.start", "status": response.status_code, "headers": _raw(response)})
        await send({"type": "http.response.body", "body": response.content})

    def close(self) -> None:
        """End the threads once they have answered."""
        self._threads.shutdown()


class _Handler(BaseHandler):
    """Django from the first middleware to the view and back, all of it in the calling thread."""

    def __init__(self) -> None:
        super().__init__()
        self._places = BoundedSemaphore(KEPT_CONNECTIONS)
        self._here = _Here()
        self._troubles = 0

    def answer(self, scope: Scope, body: bytes) -> Any:
        """Return the answer with its content complete.

        The answer is not closed, because Django then closes the database connection too.
        """
        self._drop_what_may_be_broken()
        request = ASGIRequest(scope, BytesIO(body))
        try:
            return self.get_response(request)
        finally:
            request.close()
            self._tidy()

    def _drop_what_may_be_broken(self) -> None:
        """Trouble in one thread mostly means that the database went away from all of them."""
        if self._here.troubles_seen != self._troubles:
            self._here.troubles_seen = self._troubles
            connections.close_all()

    def _tidy(self) -> None:
        """Keep a good connection for the next request, if this thread has a place to keep one."""
        if self._here.keeps is None:
            self._here.keeps = self._places.acquire(blocking=False)
        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred:
                self._troubles += 1
            if not self._here.keeps or connection.errors_occurred or connection.in_atomic_block:
                connection.close()


class _Here(local):
    """What a thread remembers: whether it keeps its connection, and which troubles it knows of."""

    keeps: bool | None = None
    troubles_seen = 0


def _is_in_a_hurry(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
        return False
    length = 0
    for name, value in scope["headers"]:
        if name in {b"prefer", b"transfer-encoding", b"expect"}:
            return False
        if name == b"content-length":
            length = int(value) if value.isdigit() else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return length < settings.DATA_UPLOAD_MAX_MEMORY_SIZE


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, None if the caller went away before it was there."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _raw(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    cookies = [morsel.OutputString().encode("latin-1") for morsel in response.cookies.values()]
    return [*headers, *((b"Set-Cookie", cookie) for cookie in cookies)]
