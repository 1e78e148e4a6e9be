"""What lies between the board and the sockets of one event loop.

One task hears which quotes changed and wakes the mailboxes of those symbols; a second one
watches the broker session for all of them. A mailbox holds no quotes: whoever wakes reads
the newest from the board, so a slow socket skips, and nothing queues.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

from django.db import DatabaseError

from apps.accounts.selectors import ConnectionNotFound, connection, is_ready
from apps.common.aio import DatabaseTimeout, in_db
from apps.common.bell import listen
from apps.domain.mode import ProofState
from apps.marketdata import board

SESSION_POLL_S = 1.0
SOCKETS_PER_KEY = 10
SOCKETS_PER_ADDRESS = 50


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """The broker session as sockets see it."""

    ready: bool
    proven: bool


class Mailbox:
    """Wakes one socket; any number of changes between two waits is one wake-up."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Let the socket look."""
        self._woken.set()

    async def wait(self, timeout_s: float) -> bool:
        """Return True as soon as something changed, False after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class Hub:
    """All mailboxes of one loop, by contract. Its tasks live while there are any."""

    def __init__(self) -> None:
        self._boxes: dict[int, set[Mailbox]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self.session = SessionSeen(ready=False, proven=False)

    async def join(self, ib_con_id: int) -> Mailbox:
        """Return a new mailbox that is woken when the instrument's quote or the session changes."""
        seen = self.session if self._tasks else await in_db(_session_seen)
        if not self._tasks:
            self.session = seen
            self._tasks = [
                asyncio.create_task(self._hear_quotes(), name="sockets: quotes"),
                asyncio.create_task(self._hear_session(), name="sockets: session"),
            ]
        box = Mailbox()
        self._boxes[ib_con_id].add(box)
        return box

    def leave(self, ib_con_id: int, box: Mailbox) -> None:
        """Forget a mailbox; the last one ends the tasks. Others of the same symbol go on."""
        self._boxes[ib_con_id].discard(box)
        if not self._boxes[ib_con_id]:
            del self._boxes[ib_con_id]
        if not self._boxes:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _hear_quotes(self) -> None:
        async with board.changes() as heard:
            while True:
                for ib_con_id in await heard.next():
                    for box in self._boxes.get(ib_con_id, ()):
                        box.wake()

    async def _hear_session(self) -> None:
        async with listen("connection") as bell:
            while True:
                await bell.wait(SESSION_POLL_S)
                with suppress(DatabaseTimeout, DatabaseError):
                    self._note_session(await in_db(_session_seen))

    def _note_session(self, seen: SessionSeen) -> None:
        if seen == self.session:
            return
        self.session = seen
        for boxes in self._boxes.values():
            for box in boxes:
                box.wake()


class Seats:
    """How many sockets of each key and address are open in this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: Counter[Hashable] = Counter()

    def take(self, key_id: str, address: str) -> bool:
        """Take a seat; False if the key or the address has all it may have."""
        with self._lock:
            if key_id and self._taken["key", key_id] >= SOCKETS_PER_KEY:
                return False
            if self._taken["address", address] >= SOCKETS_PER_ADDRESS:
                return False
            self._taken.update([("key", key_id), ("address", address)])
            return True

    def free(self, key_id: str, address: str) -> None:
        """Give the seat back."""
        with self._lock:
            self._taken.subtract([("key", key_id), ("address", address)])
            self._taken += Counter()  # forget who has none left


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()
seats = Seats()


def hub() -> Hub:
    """Return the hub of the running loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def _session_seen() -> SessionSeen:
    try:
        row = connection()
    except ConnectionNotFound:
        return SessionSeen(ready=False, proven=False)
    return SessionSeen(ready=is_ready(row), proven=row.mode_proof == ProofState.PROVEN)
