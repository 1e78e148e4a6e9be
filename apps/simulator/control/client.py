"""The control port for Python programs: blocking, or from a coroutine; standard library only."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any
from urllib.parse import quote

from apps.simulator.control.commands import Answer
from apps.simulator.control.errors import ControlError

_SLOWEST_ANSWER_S = 60.0


class ControlRefused(ControlError):
    """The simulator answered with a problem; `problem` is the whole document."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail", "refused")))
        self.problem = problem


class ControlClient:
    """One connection to a control port, for another thread or process."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", timeout_s: float = 5.0) -> None:
        """Connect. Raises OSError if nobody listens."""
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        self._connection.connect()

    def ask(self, command: str, /, **arguments: object) -> Answer:
        """Send one command and return its answer. Raises ControlError if it was refused."""
        return self.request("POST", f"/commands/{quote(command, safe='')}", arguments)

    def fault(self, name: str, /, **arguments: object) -> Answer:
        """Throw one fault switch."""
        return self.request("POST", f"/faults/{quote(name, safe='')}", arguments)

    def request(self, method: str, path: str, arguments: dict[str, object] | None = None) -> Answer:
        """Send one request and return the object in its answer. Raises ControlError if it was refused."""
        body = None if arguments is None else json.dumps(arguments)
        status, text = self._exchange(method, path, body)
        answer: Answer = json.loads(text)
        if status >= 400:
            raise ControlRefused(answer)
        return answer

    def page(self) -> str:
        """Return the page for people: what can be asked."""
        return self._exchange("GET", "/", None)[1]

    def _exchange(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except http.client.HTTPException as error:
            raise ControlError("the control port closed the connection") from error

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def ask_async(port: int, command: str, /, *, host: str = "127.0.0.1", **arguments: object) -> Answer:
    """Send one command from a coroutine, over a connection of its own."""

    def ask() -> Answer:
        with ControlClient(port, host=host, timeout_s=_SLOWEST_ANSWER_S) as client:
            return client.ask(command, **arguments)

    return await asyncio.to_thread(ask)
