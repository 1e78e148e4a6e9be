"""Stands between clients and a gateway, passes every byte on unchanged, and keeps what was said.

What is kept is masked first (masking.py). Trouble with keeping never touches the traffic,
with one exception: a server of the binary kind is turned away unless somebody accepted
that nothing can be masked there.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.simulator.frames.conversation import LAST_TEXT_VERSION, Conversation, Frame, Unreadable
from apps.simulator.frames.describe import Direction
from apps.simulator.frames.frame_log import told_line
from apps.simulator.recorder.masking import Mask
from apps.simulator.recorder.recording import RecordingWriter
from apps.simulator.wire import close_writer

logger = logging.getLogger(__name__)

CONNECT_LIMIT_S = 15.0
_CHUNK = 65_536


class CannotMask(Exception):
    """The server speaks binary frames, in which nobody can find an account number."""


@dataclass(slots=True)
class Kept:
    """The file, the mask and the counts that all connections share."""

    writer: RecordingWriter
    mask: Mask
    accepts_unmasked: bool = False
    connections: int = 0
    frames: int = 0
    troubles: int = 0
    is_broken: bool = False
    started_at: float = 0.0

    def add(self, lines: list[dict[str, Any]]) -> None:
        """Write lines; a disk that refuses them ends the recording and not the traffic."""
        if self.is_broken or not lines:
            return
        at = round(time.monotonic() - self.started_at, 6)
        try:
            self.writer.add([{"at": at, **one} for one in lines])
        except OSError:
            self.is_broken = True
            self.troubles += 1
            logger.exception("recording ended, the traffic goes on")


class Recorder:
    """The listening side. `host` and `port` are the gateway's; it listens on this machine only."""

    def __init__(self, host: str, port: int, *, kept: Kept) -> None:
        self._upstream = (host, port)
        self._kept = kept
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        kept.started_at = time.monotonic()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the recorder is not running")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._kept.writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._tasks.add(task)
        self._kept.connections += 1
        listener = _Listener(self._kept, self._kept.connections)
        try:
            await self._pass_on(reader, writer, listener)
        except asyncio.CancelledError:
            pass  # only stop() cancels these tasks
        except Exception:
            logger.exception("connection failed")
        finally:
            self._tasks.discard(task)
            await close_writer(writer)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: _Listener
    ) -> None:
        listener.tell("opened")
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except (OSError, TimeoutError) as error:
            listener.trouble("no upstream", str(error) or "time-out")
            return
        try:
            await _relay_both(
                _Way(reader, up_writer, listener.from_client, listener.is_undecided),
                _Way(up_reader, writer, listener.from_server, listener.is_undecided),
            )
        except CannotMask as error:
            listener.trouble("refused", str(error))
        finally:
            listener.closed("recorder")
            await close_writer(up_writer)


@dataclass(frozen=True, slots=True)
class _Way:
    """One direction: where bytes come from, where they go, and who hears them."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    hear: Callable[[bytes], None]
    must_hear_first: Callable[[], bool]


async def _relay_both(*ways: _Way) -> None:
    """Pass bytes on until both sides have closed. Raises what hearing raises."""
    tasks = [asyncio.create_task(_relay(one), name="recorder relay") for one in ways]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _relay(way: _Way) -> None:
    try:
        while data := await way.reader.read(_CHUNK):
            if way.must_hear_first():
                way.hear(data)
                way.writer.write(data)
            else:
                way.writer.write(data)
                way.hear(data)
            await way.writer.drain()
        way.hear(b"")
        if way.writer.can_write_eof():
            way.writer.write_eof()
    except ConnectionError:
        # A reset on one side is a reset on the other.
        way.hear(b"")
        way.writer.transport.abort()


class _Listener:
    """What is kept of one connection."""

    def __init__(self, kept: Kept, number: int) -> None:
        self._kept = kept
        self._number = number
        self._conversation = Conversation()
        self._is_deaf = False
        self._is_closed = False

    def from_client(self, data: bytes) -> None:
        self._hear(Direction.FROM_CLIENT, data)

    def from_server(self, data: bytes) -> None:
        self._hear(Direction.FROM_SERVER, data)

    def is_undecided(self) -> bool:
        """Return whether the server may still turn out to be one that cannot be masked."""
        return self._conversation.version == 0 and not self._is_deaf

    def tell(self, event: str, **details: str) -> None:
        self._kept.add([{**self._head(), "event": event, **details}])

    def closed(self, by: str) -> None:
        """Keep who closed first; what closes after that follows from it."""
        if not self._is_closed:
            self._is_closed = True
            self.tell("closed", by=by)

    def trouble(self, event: str, cause: str) -> None:
        """Keep and report something that went wrong; the cause may name hosts, so it is masked."""
        self._kept.troubles += 1
        logger.error("%s", f"connection {self._number}: {event}: {cause}")
        self.tell(event, cause=self._kept.mask.text(cause))

    def _hear(self, direction: Direction, data: bytes) -> None:
        if not data:
            self.closed(direction.value)
            return
        if self._is_deaf:
            return
        try:
            frames = self._conversation.feed(direction, data)
        except Unreadable as error:
            self._is_deaf = True
            self.trouble("unreadable", f"{error}; nothing more of this connection is kept")
            return
        self._check_maskable(frames)
        self._kept.frames += len(frames)
        self._kept.add([self._line(one) for one in frames])

    def _check_maskable(self, frames: list[Frame]) -> None:
        """Raise CannotMask before a handshake is passed on that leads to binary frames."""
        for frame in frames:
            if not (frame.is_handshake and frame.version > LAST_TEXT_VERSION):
                continue
            cause = f"server version {frame.version} is binary, so accounts in it cannot be masked"
            if not self._kept.accepts_unmasked:
                raise CannotMask(f"{cause}; --accept-unmasked records it as it is")
            logger.warning("%s", f"connection {self._number}: {cause}")
            self.tell("unmasked", cause=cause)

    def _line(self, frame: Frame) -> dict[str, Any]:
        head = {**self._head(), "from": frame.direction.value}
        if frame.is_opaque:
            return {**head, "opaque": base64.b64encode(frame.payload).decode("ascii")}
        return {**self._head(), **told_line(frame.direction, self._kept.mask.masked(frame.described()))}

    def _head(self) -> dict[str, Any]:
        return {"connection": self._number, "client": self._conversation.client_id}
