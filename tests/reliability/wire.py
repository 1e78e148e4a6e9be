"""The tap, and the proxy of the store, each in a thread of its own, for tests that are not coroutines."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.reliability.proxy import StoreProxy
from tests.reliability.tap import Tap

DEADLINE_S = 10.0


class _Threaded:
    """Owns something that lives in a loop, and that loop; `do` runs a verb of it there."""

    def __init__(self, thing: Tap | StoreProxy) -> None:
        self._thing = thing
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._thing.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._thing.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    def do(self, verb: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a verb where the thing lives and return what it returned."""
        answer: Future[Any] = Future()

        def call() -> None:
            try:
                answer.set_result(verb(*arguments, **named))
            except BaseException as error:  # noqa: BLE001  handed to the caller
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(call)
        return answer.result(DEADLINE_S)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)


class Wire(_Threaded):
    """A tap between the gateway and IB Gateway."""

    def __init__(self, upstream_port: int, *, log: Path | None = None, seed: int = 0) -> None:
        self.tap = Tap(upstream_port, log=log, seed=seed)
        super().__init__(self.tap)


class StoreWire(_Threaded):
    """A proxy between the product and PostgreSQL."""

    def __init__(self, upstream_port: int) -> None:
        self.proxy = StoreProxy(upstream_port)
        super().__init__(self.proxy)
