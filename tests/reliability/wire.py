"""The tap in a thread of its own, for tests that are not coroutines."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.reliability.tap import Tap

DEADLINE_S = 10.0


class Wire:
    """Owns a tap and the loop it runs in; `do` runs a verb of the tap in that loop."""

    def __init__(self, upstream_port: int, *, log: Path | None = None, seed: int = 0) -> None:
        self.tap = Tap(upstream_port, log=log, seed=seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tap", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self.tap.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self.tap.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    def do(self, verb: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a verb of the tap where it lives and return what it returned."""
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
