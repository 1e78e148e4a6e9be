"""What a client saw: every call with its times and its outcome; a time-out proves nothing.

Read by the checker. `info` is the honest outcome of a call whose answer was lost: it may have
happened or not.
"""

import http.client
import json
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a call ended, as the client can know it."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one client; times are Unix seconds."""

    process: str
    operation: str
    arguments: dict[str, Any]
    invoked: float
    ended: float
    outcome: Outcome
    status: int
    result: Any


@dataclass
class History:
    """Every call of every client of one run, in the order of their endings."""

    calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call) -> None:
        with self._lock:
            self.calls.append(call)

    def of(self, operation: str) -> list[Call]:
        """Return the calls of one operation."""
        return [call for call in self.calls if call.operation == operation]


def number_of(call: Call) -> int:
    """Return the number of the order that a successful placing was answered with."""
    return int(call.result.get("order_id") or call.result["parent_order_id"])


class Client:
    """Places, cancels and reads orders over HTTP, and writes down what it was told."""

    def __init__(
        self, history: History, *, port: int, key: str, name: str = "tara", timeout_s: float = 10
    ) -> None:
        self._history, self._port, self._key, self._name = history, port, key, name
        self._timeout_s = timeout_s

    def place(self, **order: Any) -> Call:
        """POST /orders, or the bracket route if it has a stop or a target."""
        path = "/orders/bracket" if {"take_profit", "stop_loss"} & set(order) else "/orders"
        return self._call("place", "POST", path, order)

    def place_insisting(self, *, tries: int = 60, pause_s: float = 0.25, **order: Any) -> Call:
        """Place, and place again with the same key as long as no answer or a 503 comes."""
        call = self.place(**order)
        for _ in range(tries):
            if call.outcome is not Outcome.INFO and call.status != 503:
                return call
            time.sleep(pause_s)
            call = self.place(**order)
        return call

    def cancel(self, order_id: int) -> Call:
        return self._call("cancel", "DELETE", f"/orders/{order_id}", {"order_id": order_id}, body=None)

    def read(self, order_id: int) -> Call:
        return self._call("read", "GET", f"/orders/{order_id}", {"order_id": order_id}, body=None)

    def ready(self) -> bool:
        """Tell whether orders would be taken now; not part of the history."""
        try:
            return self._ask("GET", "/readyz", None)[0] == 200
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def _call(
        self, operation: str, method: str, path: str, arguments: dict[str, Any], body: Any = ...
    ) -> Call:
        invoked = time.time()
        try:
            status, result = self._ask(method, path, arguments if body is ... else body)
            outcome = Outcome.OK if status < 300 else Outcome.INFO if status >= 500 else Outcome.FAIL
        except (OSError, http.client.HTTPException, ValueError) as error:
            status, result, outcome = 0, repr(error), Outcome.INFO
        call = Call(self._name, operation, arguments, invoked, time.time(), outcome, status, result)
        self._history.add(call)
        return call

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        text = None if body is None else json.dumps(body)
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_s)) as web:
            web.request(method, path, text, headers)
            answer = web.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
