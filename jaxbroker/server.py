"""Daphne with two changes: a finished request is let go at once, and sockets may say 1013.

Daphne keeps every finished request until a check that runs once a second, and then frees
thousands together, which holds up everything for up to 130 ms (docs/decisions/0014).
Autobahn lets an application close with 1000 and 3000 to 4999 only; "restart" and "try again
later" are codes of the protocol itself, registered with IANA later than that check.
Import it only after the event loop of the process is installed in Twisted.
"""

import asyncio
import gc
from functools import partial
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

RESTART, TRY_LATER = 1012, 1013
HTTP_TIMEOUT_S = 60
MAX_MESSAGE_BYTES = 64 * 1024


class PoliteProtocol(WebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    """A socket that may also close with "restart" and "try again later"."""

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802  daphne's name
        """Close with any code of the specification."""
        if code in {RESTART, TRY_LATER}:
            self.sendCloseFrame(code=code)
        else:
            super().serverClose(code=code)


WebSocketFactory.protocol = PoliteProtocol


class EagerServer(Server):  # type: ignore[misc]  # daphne has no types
    """Serves an ASGI application; a request leaves as soon as its application has ended."""

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application of a request, and be told when it ends."""
        queue = super().create_application(protocol, scope)
        details = self.connections.get(protocol, {})
        if "application_instance" in details:
            details["application_instance"].add_done_callback(partial(self._reap, protocol))
        return queue

    def protocol_disconnected(self, protocol: Any) -> None:
        """Note that the peer is gone; a web socket says so twice."""
        if protocol not in self.connections:
            return
        super().protocol_disconnected(protocol)
        self._forget(protocol)

    def kill_all_applications(self) -> Any:
        """Cancel what still runs; Daphne expects an application with each connection."""
        for protocol, details in list(self.connections.items()):
            if "application_instance" not in details:
                del self.connections[protocol]
        return super().kill_all_applications()

    def _reap(self, protocol: Any, application: "asyncio.Future[Any]") -> None:
        if application.cancelled() or application.exception() is not None:
            return  # Daphne's own check logs it and answers 500
        details = self.connections.get(protocol, {})
        if details.get("application_instance") is application:
            del details["application_instance"]
            self._forget(protocol)

    def _forget(self, protocol: Any) -> None:
        details = self.connections[protocol]
        if "disconnected" in details and "application_instance" not in details:
            del self.connections[protocol]


def build_server(application: Any, *, host: str, port: int, signal_handlers: bool) -> EagerServer:
    """Return the server of our ASGI application, to be run in the main thread.

    What start-up made is taken out of the garbage collector's sight: it lives as long as the
    process, and looking through it costs milliseconds in the middle of a request.
    """
    gc.collect()
    gc.freeze()
    return EagerServer(
        application=application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        signal_handlers=signal_handlers,
        http_timeout=HTTP_TIMEOUT_S,
        websocket_max_message_size=MAX_MESSAGE_BYTES,
        server_name="",
    )
