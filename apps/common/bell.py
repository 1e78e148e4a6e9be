"""The bell: "look now" from whoever committed something to whoever waits for it.

A ring is a hint. It carries no data, may be lost, and whoever listens also polls, so a
dead Redis costs milliseconds and never an error. Inside a process it goes from thread to
thread and loop, to other processes of this machine through a folder they share (neighbours.py);
with REDIS_URL one message carries it to those of other machines.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Protocol, Self

import redis
from django.conf import settings
from django.db import transaction

from apps.common.neighbours import Neighbours

logger = logging.getLogger(__name__)

CHANNEL = "jaxbroker:bell"
REDIS_DEADLINE_S = 1
RETRY_S = 1.0


class _Waker(Protocol):
    def wake(self) -> None:
        """Let the listener look."""


class _Hub:
    """Who listens to what in this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wakers: dict[str, set[_Waker]] = defaultdict(set)

    def add(self, topics: tuple[str, ...], waker: _Waker) -> None:
        with self._lock:
            for topic in topics:
                self._wakers[topic].add(waker)

    def remove(self, topics: tuple[str, ...], waker: _Waker) -> None:
        with self._lock:
            for topic in topics:
                self._wakers[topic].discard(waker)
                if not self._wakers[topic]:
                    del self._wakers[topic]

    def wake(self, topic: str) -> None:
        with self._lock:
            wakers = list(self._wakers.get(topic, ()))
        for waker in wakers:
            waker.wake()

    def wake_all(self) -> None:
        with self._lock:
            wakers = {waker for group in self._wakers.values() for waker in group}
        for waker in wakers:
            waker.wake()


class Listener:
    """Waits in a loop for one of its topics; an async context manager.

    A ring between two waits is kept, so nothing rung after entering is missed.
    """

    def __init__(self, topics: tuple[str, ...]) -> None:
        self._topics = topics
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        _hub.add(self._topics, self)
        _follow_others()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _hub.remove(self._topics, self)

    async def wait(self, timeout_s: float) -> bool:
        """Return True as soon as a topic rings, False if none does within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    def wake(self) -> None:
        """Let the waiter look; may be called from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, so nobody waits any more
                self._loop.call_soon_threadsafe(self._rung.set)


class ThreadListener:
    """Waits in a thread for one of its topics; made by `listening`."""

    def __init__(self) -> None:
        self._rung = Event()

    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as a topic rings, False if none does within `timeout_s`."""
        rung = self._rung.wait(timeout_s)
        self._rung.clear()
        return rung

    def wake(self) -> None:
        """Let the waiter look; may be called from any thread."""
        self._rung.set()


def ring(topic: str) -> None:
    """Wake who listens to `topic`, here and in other processes; from any thread, never fails."""
    _hub.wake(topic)
    if _neighbours is not None:
        _neighbours.ring(topic)
    if settings.REDIS_URL:
        _link.publish(topic)


def ring_on_commit(topic: str) -> None:
    """Ring when the present transaction has committed; at once if there is none."""
    transaction.on_commit(lambda: ring(topic), robust=True)


def listen(*topics: str) -> Listener:
    """Return a listener for `async with`."""
    return Listener(topics)


@contextmanager
def listening(*topics: str) -> Iterator[ThreadListener]:
    """Listen from synchronous code."""
    listener = ThreadListener()
    _hub.add(topics, listener)
    _follow_others()
    try:
        yield listener
    finally:
        _hub.remove(topics, listener)


class _Link:
    """The two threads that carry rings to and from other processes; started on first use."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._out: Queue[str] = Queue(maxsize=1000)
        self._started: set[str] = set()
        self._here = secrets.token_hex(8)

    def publish(self, topic: str) -> None:
        """Hand a ring to the sending thread; dropped if that is far behind."""
        self._start("out", self._send)
        with suppress(Full):
            self._out.put_nowait(topic)

    def follow(self) -> None:
        """Begin to hear other processes."""
        self._start("in", self._receive)

    def _start(self, name: str, target: Callable[[str], None]) -> None:
        with self._lock:
            if name not in self._started:
                self._started.add(name)
                Thread(target=target, args=(settings.REDIS_URL,), name=f"bell-{name}", daemon=True).start()

    def _send(self, url: str) -> None:
        client, pause, is_well = _client(url, quiet=False), Event(), True
        while True:
            topics = _drain(self._out)
            try:
                for topic in topics:
                    client.publish(CHANNEL, f"{self._here} {topic}")
                is_well = True
            except redis.RedisError:
                if is_well:
                    logger.warning("bell not carried to other processes, they poll", exc_info=True)
                is_well = False
                pause.wait(RETRY_S)

    def _receive(self, url: str) -> None:
        pause = Event()
        while True:
            try:
                self._hear(url)
            except redis.RedisError:
                pause.wait(RETRY_S)

    def _hear(self, url: str) -> None:
        client = _client(url, quiet=True)
        with client.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(CHANNEL)
            _hub.wake_all()  # whatever rang while nobody heard
            for message in pubsub.listen():
                sender, _, topic = message["data"].partition(" ")
                if sender != self._here:
                    _hub.wake(topic)


def _client(url: str, *, quiet: bool) -> redis.Redis:
    """Return a client; a `quiet` one may wait for ever, redis-py would give up after 5 s."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=None if quiet else REDIS_DEADLINE_S,
        socket_connect_timeout=REDIS_DEADLINE_S,
        socket_keepalive=True,
    )


def _drain(queue: "Queue[str]") -> list[str]:
    """Return what waits to be sent, each topic once; blocks until there is something."""
    topics = {queue.get(): None}
    with suppress(Empty):
        while True:
            topics[queue.get_nowait()] = None
    return list(topics)


def _follow_others() -> None:
    if _neighbours is not None:
        _neighbours.follow()
    if settings.REDIS_URL:
        _link.follow()


_hub = _Hub()
_link = _Link()
_neighbours = Neighbours(settings.JAXBROKER_BELL_DIR, _hub.wake) if settings.JAXBROKER_BELL_DIR else None
