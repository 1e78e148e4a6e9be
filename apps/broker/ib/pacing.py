"""Our message budget, by lane (trap F1): 40 a second in all, and nobody waits in the library.

Orders and cancels are written in the caller's tick or not at all, each within 10 a second.
Everything else waits its turn here, by urgency, within the 20 a second that remain: so an order
never stands behind a history request, and the sum can never exceed what IB allows.
"""

import asyncio
from collections import deque
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count

from apps.broker.clock import boottime
from apps.broker.port import BrokerUnavailable

ORDERS_PER_S = 10
CANCELS_PER_S = 10
REQUESTS_PER_S = 20

_WINDOW_S = 1.0
#: More than any program writes in a second.
NO_LIMIT = 1_000_000


class Urgency(IntEnum):
    """Who goes first among requests."""

    HEARTBEAT = 0
    RECONCILIATION = 1
    MARKET_DATA = 2
    LOOKUP = 3
    HISTORY = 4


class Window:
    """At most `limit` messages in any second."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._moments: deque[float] = deque()

    def wait_s(self, messages: int = 1) -> float:
        """Return the seconds until so many messages fit; 0 when they do now."""
        now = boottime()
        while self._moments and now - self._moments[0] >= _WINDOW_S:
            self._moments.popleft()
        over = len(self._moments) + messages - self._limit
        if over <= 0:
            return 0.0
        return self._moments[min(over, len(self._moments)) - 1] + _WINDOW_S - now

    def take(self) -> None:
        """Count one message."""
        self._moments.append(boottime())


class Pacer:
    """The budget of one broker session."""

    def __init__(self, *, paced: bool = True) -> None:
        self.orders = Window(ORDERS_PER_S if paced else NO_LIMIT)
        self.cancels = Window(CANCELS_PER_S if paced else NO_LIMIT)
        self._requests = Window(REQUESTS_PER_S)
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._arrivals = count()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def turn(self, urgency: Urgency) -> None:
        """Wait until one request may be written. Raises BrokerUnavailable if the session ends first."""
        if self._is_closed:
            raise BrokerUnavailable("the broker session is over")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (urgency, next(self._arrivals), waiter))
        self._let_pass()
        await waiter

    def close(self) -> None:
        """Send everybody away."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for _, _, waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(BrokerUnavailable("the broker session is over"))
        self._waiting.clear()

    def _let_pass(self) -> None:
        while self._waiting and self._requests.wait_s() == 0.0:
            waiter = heappop(self._waiting)[2]
            if not waiter.done():
                self._requests.take()
                waiter.set_result(None)
        if self._waiting and self._timer is None:
            delay = max(0.001, self._requests.wait_s())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._let_pass()
