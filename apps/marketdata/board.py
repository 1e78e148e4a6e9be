"""The newest quotes this process knows; readers never ask the database or Redis for one.

Threads write and read, loops wait for changes. With REDIS_URL the gateway's quotes travel as
one frame a batch, and the newest of each instrument lies in a hash for who comes late.
Everything here is a picture: a lost frame is replaced by the next, and a dead Redis is
silence, never an error.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from threading import Condition, Event, Lock, Thread
from typing import Any

import orjson
import redis
from django.conf import settings

from apps.common.clock import boottime
from apps.common.waiting import wait_until
from apps.domain.quotes import Picture, Quote
from apps.marketdata.codec import from_json, to_json

logger = logging.getLogger(__name__)

CHANNEL = "jaxbroker:quotes"
PICTURE = "jaxbroker:picture"
PICTURE_KEPT_S = 24 * 60 * 60
REDIS_DEADLINE_S = 1
RETRY_S = 1.0
PING_S = 10.0
POLL_S = 0.05

_MALFORMED = (KeyError, ValueError, TypeError, ArithmeticError)


class Changes:
    """Hears in one loop which quotes changed; made by `Board.changes`.

    Any number of changes between two calls of `next` cost one wake-up and are one set.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._dirty: set[int] = set()
        self._woken = asyncio.Event()

    async def next(self) -> set[int]:
        """Return the contract ids whose quotes changed since the last call; waits for some."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            with self._lock:
                changed, self._dirty = self._dirty, set()
            if changed:
                return changed

    def mark(self, ib_con_ids: Iterable[int]) -> None:
        """Take note of changes; may be called from any thread."""
        with self._lock:
            asleep = not self._dirty
            self._dirty.update(ib_con_ids)
        if asleep:
            with suppress(RuntimeError):  # the loop has ended, so nobody waits any more
                self._loop.call_soon_threadsafe(self._woken.set)


class Board:
    """The newest quote of each instrument, for all threads and loops of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._quotes: dict[int, Quote] = {}
        self._listeners: set[Changes] = set()

    def put(self, quotes: Iterable[Quote]) -> None:
        """Replace what is known of these instruments; of two quotes of one the later one counts."""
        newest = {quote.ib_con_id: quote for quote in quotes}
        if not newest:
            return
        with self._lock:
            self._quotes.update(newest)
            listeners = list(self._listeners)
        for listener in listeners:
            listener.mark(newest)

    def get(self, ib_con_id: int) -> Quote | None:
        """Return the newest quote, however old it is; None if there never was one."""
        return self._quotes.get(ib_con_id)

    def picture(self) -> Picture:
        """Return the newest quote of every instrument, as of now."""
        with self._lock:
            return dict(self._quotes)

    def clear(self) -> None:
        """Forget every quote; listeners stay."""
        with self._lock:
            self._quotes.clear()

    def wait(self, ib_con_id: int, newer_than: float = 0.0, *, timeout: float) -> Quote | None:
        """Return a quote received after `newer_than` (BOOTTIME) as soon as there is one.

        None after `timeout` seconds. Holds neither transaction nor database connection, and
        counts as one of the process's waits. Raises TransactionManagementError in a transaction.
        """

        def fresh() -> Quote | None:
            quote = self.get(ib_con_id)
            return quote if quote is not None and quote.received_boottime > newer_than else None

        return wait_until(fresh, topics=(), deadline_s=timeout, poll_s=POLL_S)

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[Changes]:
        """Listen in the running loop: `async with board.changes() as heard: await heard.next()`."""
        listener = Changes()
        with self._lock:
            self._listeners.add(listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)


class _Publisher:
    """Carries quotes to Redis in a thread of its own, so that the feed never waits for it."""

    def __init__(self) -> None:
        self._work = Condition()
        self._unsent: dict[int, Quote] = {}
        self._started = False

    def offer(self, quotes: Iterable[Quote]) -> None:
        """Hand over quotes to be sent; of one instrument only the newest waits."""
        with self._work:
            self._unsent.update({quote.ib_con_id: quote for quote in quotes})
            if not self._started:
                self._started = True
                Thread(target=self._run, name="quotes-out", daemon=True).start()
            self._work.notify()

    def _run(self) -> None:
        client, pause = _client(quiet=False), Event()
        while True:
            try:
                self._carry(client)
            except redis.RedisError:
                logger.warning("quotes not carried to other processes")
                pause.wait(RETRY_S)

    def _carry(self, client: "redis.Redis") -> None:
        while True:
            batch = self._take()
            try:
                _send(client, batch)
            except redis.RedisError:
                self._give_back(batch)
                raise

    def _take(self) -> dict[int, Quote]:
        with self._work:
            self._work.wait_for(lambda: bool(self._unsent))
            batch, self._unsent = self._unsent, {}
            return batch

    def _give_back(self, batch: dict[int, Quote]) -> None:
        with self._work:
            self._unsent = batch | self._unsent


class _Follower:
    """Reads the gateway's quotes from Redis into the board, for as long as the process lives."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._started = False

    def start(self) -> None:
        """Begin to follow; a second call changes nothing."""
        with self._lock:
            if not self._started:
                self._started = True
                Thread(target=self._run, name="quotes-in", daemon=True).start()

    def _run(self) -> None:
        client, pause = _client(quiet=True), Event()
        while True:
            try:
                self._follow(client)
            except redis.RedisError:
                pause.wait(RETRY_S)

    def _follow(self, client: "redis.Redis") -> None:
        with client.pubsub() as pubsub:  # type: ignore[no-untyped-call]  # redis-py left it untyped
            pubsub.subscribe(CHANNEL)
            while True:
                message = pubsub.get_message(timeout=PING_S)
                if message is None:
                    pubsub.ping()
                elif message["type"] == "subscribe":
                    _receive_picture(client)
                elif message["type"] == "message":
                    _receive(message["data"])


def publish(quotes: Iterable[Quote]) -> None:
    """Put quotes on this process's board and, with REDIS_URL, on those of the others.

    Never waits and never raises.
    """
    batch = list(quotes)
    _board.put(batch)
    if settings.REDIS_URL and batch:
        _publisher.offer(batch)


def start_follower() -> None:
    """Let this process's board follow the gateway's quotes; harmless twice and without Redis."""
    if settings.REDIS_URL:
        _follower.start()


def _send(client: "redis.Redis", batch: dict[int, Quote]) -> None:
    """Publish one frame and store the newest of each; stamps let latecomers add the time since."""
    now, stamp = boottime(), time.time()
    entries = {con_id: to_json(quote, boottime=now) for con_id, quote in batch.items()}
    frame = orjson.dumps({"from": _here, "quotes": list(entries.values())})
    stored: dict[Any, Any] = {
        str(con_id): orjson.dumps(entry | {"sent_at": stamp}) for con_id, entry in entries.items()
    }
    with client.pipeline(transaction=False) as pipeline:
        pipeline.publish(CHANNEL, frame)
        pipeline.hset(PICTURE, mapping=stored)
        pipeline.expire(PICTURE, PICTURE_KEPT_S)
        pipeline.execute()


def _receive(frame: bytes) -> None:
    now = boottime()
    try:
        data = orjson.loads(frame)
        if data["from"] == _here:
            return
        quotes = [from_json(entry, boottime=now) for entry in data["quotes"]]
    except _MALFORMED:
        logger.warning("unreadable quotes from another process")
        return
    _board.put(quotes)


def _receive_picture(client: "redis.Redis") -> None:
    stored = client.hgetall(PICTURE)
    now, wall = boottime(), time.time()
    quotes = [_aged(entry, now=now, wall=wall) for entry in stored.values()]
    _board.put(quote for quote in quotes if quote is not None and _is_news(quote))


def _aged(entry: bytes | str, *, now: float, wall: float) -> Quote | None:
    try:
        data: dict[str, Any] = orjson.loads(entry)
        lying_s = max(0.0, wall - float(data["sent_at"]))
        return from_json(data, boottime=now - lying_s)
    except _MALFORMED:
        logger.warning("unreadable quote in the stored picture")
        return None


def _is_news(quote: Quote) -> bool:
    known = _board.get(quote.ib_con_id)
    return known is None or known.received_at < quote.received_at


def _client(*, quiet: bool) -> "redis.Redis":
    """Return a client; a `quiet` one may wait for ever, redis-py would give up after 5 s."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=None if quiet else REDIS_DEADLINE_S,
        socket_connect_timeout=REDIS_DEADLINE_S,
        socket_keepalive=True,
    )


#: This process's name in frames, so that it does not hear itself.
_here = secrets.token_hex(8)

_board = Board()
_publisher = _Publisher()
_follower = _Follower()

# The board of this process, so that callers say board.get(…).
put = _board.put
get = _board.get
picture = _board.picture
clear = _board.clear
wait = _board.wait
changes = _board.changes
