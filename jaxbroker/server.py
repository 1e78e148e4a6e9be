"""Daphne with one change: a finished request is let go at once.

Daphne keeps every finished request until a check that runs once a second, and then frees
thousands together, which holds up everything for up to 130 ms (docs/decisions/0014).
Import it only after the event loop of the process is installed in Twisted.
"""

import asyncio
from functools import partial
from typing import Any

from daphne.server import Server


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
