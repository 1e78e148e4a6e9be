"""The two lanes that leave a broker session: facts in order, quotes newest first.

Both are filled from callbacks and emptied by one reader each. A flood of quotes cannot delay a
fact, because the lanes share nothing; a flood of facts ends the session instead of losing one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from apps.domain.events import BrokerEvent, SessionLost
from apps.domain.quotes import Quote

FACTS_BOUND = 50_000

#: The least time between two batches of quotes; the first one leaves at once.
QUOTE_GUARD_S = 0.005


class FactLane:
    """Facts in order of arrival; the last one is SessionLost."""

    def __init__(self, on_full: Callable[[], None], *, bound: int = FACTS_BOUND) -> None:
        self._events: deque[BrokerEvent] = deque()
        self._wake = asyncio.Event()
        self._on_full = on_full
        self._bound = bound
        self._is_over = False

    def put(self, event: BrokerEvent) -> None:
        """Append one fact; a full lane reports itself and keeps what it holds."""
        if self._is_over:
            return
        if len(self._events) >= self._bound:
            self._on_full()
            return
        self._events.append(event)
        self._wake.set()

    def end(self, reason: str) -> None:
        """Append SessionLost; what comes later is ignored."""
        if self._is_over:
            return
        self._is_over = True
        self._events.append(SessionLost(reason))
        self._wake.set()

    async def drain(self) -> AsyncIterator[BrokerEvent]:
        """Yield facts as they come and return after SessionLost."""
        while True:
            while self._events:
                event = self._events.popleft()
                yield event
                if isinstance(event, SessionLost):
                    return
            if self._is_over:
                return
            self._wake.clear()
            await self._wake.wait()


class QuoteLane:
    """Which instruments have news; the quote itself is drawn only when somebody reads."""

    def __init__(self, draw: Callable[[int], Quote | None]) -> None:
        self._draw = draw
        self._changed: dict[int, None] = {}
        self._wake = asyncio.Event()
        self._is_over = False

    def mark(self, ib_con_id: int) -> None:
        """Note that the quote of this instrument is new."""
        self._changed[ib_con_id] = None
        self._wake.set()

    def end(self) -> None:
        """Let the reader return."""
        self._is_over = True
        self._wake.set()

    async def drain(self) -> AsyncIterator[Sequence[Quote]]:
        """Yield batches of whole quotes until the lane ends; a slow reader gets fewer, not older ones."""
        while not self._is_over:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, {}
            batch = [quote for quote in map(self._draw, changed) if quote is not None]
            if batch:
                yield batch
                await asyncio.sleep(QUOTE_GUARD_S)
