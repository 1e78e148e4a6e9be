"""How the control port is spoken to: HTTP/1.1 on loopback, refusals as problem+json.

Bytes are parsed by h11; which command a request means is routes.py. A page in somebody's
browser must not be able to throw switches: requests with an Origin or a foreign Host are
refused. It runs on wall time, like every socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import ipaddress
import json
import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11

from apps.simulator.config import BadConfig
from apps.simulator.control.commands import Answer, command_of
from apps.simulator.control.errors import ControlError, UnknownName
from apps.simulator.control.routes import HOME, NoSuchAddress, WrongMethod, find_route, page, request_for
from apps.simulator.faults import BadFault, UnknownFault
from apps.simulator.wire import close_writer

if TYPE_CHECKING:
    from apps.simulator.server import SimulatorServer

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
MAX_BODY = 65_536
IDLE_LIMIT_S = 600.0
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read to its end."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, ready to be written."""

    status: HTTPStatus
    body: bytes
    kind: str = "application/json"
    headers: list[tuple[str, str]] = field(default_factory=list)


class Refused(ControlError):
    """A request is turned down before any command sees it."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class ControlServer:
    """The control port of one simulator."""

    def __init__(self, simulator: SimulatorServer) -> None:
        self._simulator = simulator
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the control port is not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, port: int) -> None:
        """Listen on loopback, wherever the simulator itself may listen."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, port)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections.add(task)
        try:
            await _Conversation(self._simulator, reader, writer).hold()
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            # Only stop() cancels these tasks; letting it through makes asyncio log a fault that is none.
            pass
        finally:
            self._connections.discard(task)
            await close_writer(writer)


class _Conversation:
    """One connection, request after request."""

    def __init__(
        self, simulator: SimulatorServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._simulator = simulator
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def hold(self) -> None:
        """Answer until the client goes."""
        while True:
            try:
                asked = await self._read()
                if asked is None:
                    return
                reply = await answer(self._simulator, asked)
            except h11.RemoteProtocolError as error:
                reply = problem(HTTPStatus(error.error_status_hint), str(error))
            except Refused as refused:
                reply = problem(refused.status, str(refused))
            await self._write(reply)
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _read(self) -> Asked | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = await self._next_event()
            match event:
                case h11.Request():
                    head = event
                case h11.Data():
                    body += event.data
                    if len(body) > MAX_BODY:
                        raise Refused(
                            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MAX_BODY} bytes"
                        )
                case h11.EndOfMessage() if head is not None:
                    return _asked(head, bytes(body))
                case _:
                    return None

    async def _next_event(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            async with asyncio.timeout(IDLE_LIMIT_S):
                self._http.receive_data(await self._reader.read(_CHUNK))

    async def _write(self, reply: Reply) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        headers = [
            ("Content-Type", reply.kind),
            ("Content-Length", str(len(reply.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *reply.headers,
        ]
        if self._http.their_state is not h11.DONE:
            headers.append(("Connection", "close"))
        self._send(h11.Response(status_code=reply.status.value, reason=reply.status.phrase, headers=headers))
        self._send(h11.Data(data=reply.body))
        self._send(h11.EndOfMessage())
        await self._writer.drain()

    def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")


def _asked(head: h11.Request, body: bytes) -> Asked:
    headers = {name.decode("ascii").lower(): value.decode("latin-1") for name, value in head.headers}
    return Asked(head.method.decode("ascii"), head.target.decode("ascii"), headers, body)


async def answer(simulator: SimulatorServer, asked: Asked) -> Reply:
    """Return the answer to one request; what cannot be done is answered with a problem."""
    try:
        refuse_browsers(asked)
        route, found = find_route(asked.method, asked.target)
        if route.command == HOME:
            return Reply(HTTPStatus.OK, page().encode(), "text/plain; charset=utf-8")
        request = request_for(route, found, _read_body(asked.body))
        result = command_of(request["command"])(simulator, request)
        told = await result if inspect.iscoroutine(result) else result
        return Reply(HTTPStatus.OK, json.dumps(told).encode() + b"\n")
    except WrongMethod as error:
        return problem(HTTPStatus.METHOD_NOT_ALLOWED, str(error), allow=error.allowed)
    except (NoSuchAddress, UnknownName, UnknownFault) as error:
        return problem(HTTPStatus.NOT_FOUND, str(error))
    except BadFault as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error), argument=error.argument)
    except Refused as error:
        return problem(error.status, str(error))
    except (ControlError, BadConfig) as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    except KeyError as error:
        return problem(HTTPStatus.BAD_REQUEST, f"argument {error} is missing")
    except (ValueError, TypeError) as error:
        return problem(HTTPStatus.BAD_REQUEST, f"bad request: {error}")
    except Exception:
        logger.exception("command failed")
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the command failed; its reason stands in the log")


def problem(
    status: HTTPStatus, detail: str, *, argument: str | None = None, allow: list[str] | None = None
) -> Reply:
    """Return a refusal in the form of RFC 9457; `argument` names what was wrong, if one was."""
    document: Answer = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
    if argument:
        document["argument"] = argument
    headers = [("Allow", ", ".join(allow))] if allow else []
    return Reply(status, json.dumps(document).encode() + b"\n", "application/problem+json", headers)


def refuse_browsers(asked: Asked) -> None:
    """Raise Refused for what only a web page would send."""
    if "origin" in asked.headers:
        raise Refused(HTTPStatus.FORBIDDEN, "requests of web pages (with an Origin) are refused")
    host = asked.headers.get("host", "")
    if not _is_loopback(host):
        raise Refused(HTTPStatus.FORBIDDEN, f"Host {host[:100]!r} is not this machine")


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    return name.lower() == "localhost"


def _read_body(body: bytes) -> dict[str, object]:
    if not body.strip():
        return {}
    try:
        found = json.loads(body, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    return found


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")
