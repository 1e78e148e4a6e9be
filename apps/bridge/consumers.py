"""/ws/quotes/{symbol}: bare quotes, newest wins, at most one a second (spec/bridge-api.md 9.1).

A socket outlives the broker session: while IB is away its frames say stale. Whoever leaves
takes nothing from others: all viewers share one watch, which simply is not renewed any more.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from django.utils import timezone

from apps.access.callers import KEY, Caller
from apps.access.selectors import is_alive, key_by_id
from apps.access.sockets import Refusal, caller_from_scope
from apps.bridge.callers import require_ready
from apps.bridge.mailbox import Mailbox, hub, seats
from apps.bridge.prices import (
    BROWSER,
    COLD_DEADLINE_S,
    NoMarketData,
    NoQuoteInTime,
    keep_flowing,
    quote_answer,
    refuse_if_refused,
)
from apps.common.aio import DatabaseTimeout, in_db
from apps.common.bell import listen
from apps.common.clock import boottime
from apps.common.jsontext import to_json
from apps.common.peer import peer_of_scope
from apps.common.problems import OUR_FAULT
from apps.domain.errors import DomainError
from apps.domain.instruments import InvalidSymbol
from apps.instruments.selectors import instrument_by_con_id
from apps.instruments.services import ContractAmbiguous, LookupTimeout, UnknownSymbol, resolve_symbol
from apps.marketdata import board

logger = logging.getLogger(__name__)

SCOPE = "read:quotes"
LEAST_PAUSE_S = 1.0
REPEAT_S = 15.0
GUARD_S = 3.0
POLL_S = 0.25
MOST_MESSAGES_PER_S = 20

TRY_LATER, UNUSABLE, NOT_AUTHENTICATED, NO_RIGHT, TOO_MANY = 1013, 4400, 4401, 4403, 4429

_UNUSABLE = (InvalidSymbol, UnknownSymbol, ContractAmbiguous)


class QuoteConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One viewer of one symbol."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._caller: Caller | None = None
        self._address = ""
        self._is_seated = False
        self._is_ending = False
        self._tasks: list[asyncio.Task[None]] = []
        self._heard: deque[float] = deque(maxlen=MOST_MESSAGES_PER_S)

    async def connect(self) -> None:
        """Let a known caller in; anyone else gets HTTP 403 and no socket."""
        try:
            found = await in_db(caller_from_scope, self.scope)
        except (DatabaseTimeout, DatabaseError):
            logger.warning("socket refused: the database does not answer", exc_info=True)
            found = None
        if found is None or isinstance(found, Refusal):
            await self.close()
            return
        self._caller = found
        self._address = str(peer_of_scope(self.scope))
        self._is_seated = seats.take(self._caller.key_id, self._address)
        await self.accept()
        if not self._is_seated:
            await self._end(TOO_MANY, "Too many sockets")
        elif not self._caller.has(SCOPE):
            await self._end(NO_RIGHT, f"This key lacks the scope {SCOPE}")
        else:
            self._tasks = [
                asyncio.create_task(self._serve(), name="socket: quotes"),
                asyncio.create_task(self._guard(self._caller), name="socket: guard"),
            ]

    async def disconnect(self, code: int) -> None:
        """End what belongs to this socket alone."""
        self._is_ending = True
        for task in self._tasks:
            task.cancel()
        if self._is_seated and self._caller is not None:
            self._is_seated = False
            seats.free(self._caller.key_id, self._address)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what clients say, unless they do not stop talking."""
        now = boottime()
        if len(self._heard) == MOST_MESSAGES_PER_S and now - self._heard[0] < 1.0:
            await self._end(TOO_MANY, "Too many messages")
        self._heard.append(now)

    async def _serve(self) -> None:
        symbol: str = self.scope["url_route"]["kwargs"]["symbol"]
        try:
            instrument = await _instrument_of(symbol)
            box = await hub().join(instrument.ib_con_id)
            try:
                await _await_first_price(instrument, box)
                await self._stream(instrument, box, asked=symbol)
            finally:
                hub().leave(instrument.ib_con_id, box)
        except DomainError as error:
            await self._end(_close_code(error), error.detail)
        except Exception:
            logger.exception("a socket failed")
            await self._end(TRY_LATER, OUR_FAULT)

    async def _stream(self, instrument: Any, box: Mailbox, *, asked: str) -> None:
        """Send on change, at most one a second, and repeat with the true age."""
        while True:
            with suppress(DatabaseTimeout, DatabaseError):
                instrument = await in_db(_kept_flowing, instrument)
            quote, seen = board.get(instrument.ib_con_id), hub().session
            if quote is not None and quote.price is not None:
                body = quote_answer(
                    quote,
                    instrument=instrument,
                    asked=asked,
                    now=timezone.now(),
                    is_proven=seen.proven,
                    feed_works=seen.ready,
                )
                await self.send(text_data=to_json(body).decode())
            await asyncio.sleep(LEAST_PAUSE_S)
            await box.wait(REPEAT_S - LEAST_PAUSE_S)

    async def _guard(self, caller: Caller) -> None:
        """Close the socket soon after its key ended."""
        async with listen("keys") as bell:
            while True:
                await bell.wait(GUARD_S)
                with suppress(DatabaseTimeout, DatabaseError):
                    if not await in_db(_still_holds, caller):
                        await self._end(NOT_AUTHENTICATED, "The key has ended")
                        return

    async def _end(self, code: int, text: str) -> None:
        """Say why and close, once."""
        if self._is_ending:
            return
        self._is_ending = True
        await self.send(text_data=to_json({"error": text}).decode())
        await self.close(code)


async def refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer a socket on a path nobody serves: HTTP 403 before it opens."""
    await receive()
    await send({"type": "websocket.close"})


def _close_code(error: DomainError) -> int:
    if isinstance(error, _UNUSABLE):
        return UNUSABLE
    return NO_RIGHT if isinstance(error, NoMarketData) else TRY_LATER


def _still_holds(caller: Caller) -> bool:
    if caller.kind != KEY:
        return True
    key = key_by_id(caller.key_id)
    return key is not None and is_alive(key, timezone.now())


async def _instrument_of(symbol: str) -> Any:
    """Resolve the symbol without blocking the database lane while the broker is asked."""
    until = boottime() + COLD_DEADLINE_S
    await in_db(require_ready)
    async with listen("lookups") as bell:
        while True:
            try:
                return await in_db(partial(resolve_symbol, symbol, deadline_s=0.0))
            except LookupTimeout:
                if boottime() > until:
                    raise
            await bell.wait(POLL_S)


async def _await_first_price(instrument: Any, box: Mailbox) -> None:
    """Return once the board has a price. Raises NoMarketData and its kin, NoQuoteInTime."""
    until = boottime() + COLD_DEADLINE_S
    while True:
        await in_db(_kept_flowing, instrument)
        quote = board.get(instrument.ib_con_id)
        if quote is not None and quote.price is not None:
            return
        await in_db(refuse_if_refused, instrument)
        if boottime() > until:
            raise NoQuoteInTime
        await box.wait(POLL_S)


def _kept_flowing(instrument: Any) -> Any:
    """Renew the shared watch if it is due; return the instrument with its newest trading hours."""
    if not keep_flowing(instrument, holder="ws", priority=BROWSER):
        return instrument
    return instrument_by_con_id(instrument.ib_con_id)
