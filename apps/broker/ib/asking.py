"""Ask IB Gateway and wait for the whole answer, with a deadline.

Requests without an id go one at a time through one lane (F9), because their answers can be told
apart by nothing but their order. Requests with an id run side by side. Every request waits its
turn in the message budget, and the deadline covers that wait.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from apps.broker.ib.inquiries import Inquiries, Key
from apps.broker.ib.pacing import Pacer, Urgency
from apps.broker.port import BrokerTimeout, BrokerUnavailable


class Asker:
    """The questions of one broker session; every method raises BrokerUnavailable once it is over."""

    def __init__(
        self,
        inquiries: Inquiries,
        pacer: Pacer,
        *,
        is_alive: Callable[[], bool],
        next_request_id: Callable[[], int],
        timeout_s: float,
    ) -> None:
        self._inquiries = inquiries
        self._pacer = pacer
        self._is_alive = is_alive
        self._next_request_id = next_request_id
        self._timeout_s = timeout_s
        self._lane = asyncio.Lock()

    def require_alive(self) -> None:
        """Raise BrokerUnavailable unless the session is up."""
        if not self._is_alive():
            raise BrokerUnavailable("the broker session is over")

    async def turn(self, urgency: Urgency) -> None:
        """Wait until one request may be written in this very tick."""
        self.require_alive()
        await self._pacer.turn(urgency)
        self.require_alive()

    async def by_word(
        self,
        word: str,
        write: Callable[[], None],
        *,
        urgency: Urgency = Urgency.RECONCILIATION,
        timeout_s: float | None = None,
        owes_an_end: bool = True,
    ) -> list[Any]:
        """Ask a question without an id. Raises BrokerTimeout, BrokerRefused.

        `owes_an_end`: given up, its late end marker must not answer the next one.
        """
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s), self._lane:
                return await self._ask(word, write, urgency, owes_an_end=owes_an_end)
        except TimeoutError:
            raise BrokerTimeout(f"no answer to {word}") from None

    async def by_id(
        self,
        write: Callable[[int], None],
        urgency: Urgency,
        *,
        timeout_s: float | None = None,
        cancel: Callable[[int], None] | None = None,
    ) -> list[Any]:
        """Ask a question under an id of its own, and cancel it if it is given up."""
        request_id = self._next_request_id()
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await self._ask(request_id, lambda: write(request_id), urgency, owes_an_end=False)
        except TimeoutError:
            if cancel is not None and self._is_alive():
                cancel(request_id)
            raise BrokerTimeout("no answer from IB Gateway") from None

    async def _ask(
        self, key: Key, write: Callable[[], None], urgency: Urgency, *, owes_an_end: bool
    ) -> list[Any]:
        await self.turn(urgency)
        inquiry = self._inquiries.begin(key)
        try:
            write()
            return await inquiry.answer
        finally:
            self._inquiries.give_up(key, inquiry, owes_an_end=owes_an_end)
