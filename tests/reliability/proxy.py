"""A proxy between the product and PostgreSQL that can lose an answer exactly at COMMIT.

It knows as much of the protocol as that takes: messages have a letter and a length, text of SQL
stands in Q and P, a CommandComplete (C) says that a COMMIT is done. Everything else passes as it
is. Independent of the product: it sees what was really asked of the store, and when.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

_SSL, _GSS = 80877103, 80877104
_HEAD = struct.Struct(">I")


class Moment(StrEnum):
    """Where around a COMMIT the line breaks."""

    BEFORE = "the COMMIT never reached the server"
    DURING = "the COMMIT went out, nobody waited for what came of it"
    AFTER = "the server has committed, its answer was lost"
    LATE = "the server has committed, its answer is late"


#: Tells from the SQL of a transaction, up to its COMMIT, whether it is meant.
Meant = Callable[[str], bool]


@dataclass(eq=False)
class _Line:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    #: The SQL of the transaction under way.
    said: list[str] = field(default_factory=list)
    #: The line breaks as soon as the server says that it has committed.
    breaks_on_answer: bool = False
    #: Seconds for which the answer to the COMMIT is kept.
    keeps_answer_s: float = 0.0


@dataclass
class _Trap:
    moment: Moment
    is_meant: Meant


class StoreProxy:
    """A proxy on a free port of loopback in front of `upstream_port`."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.port = 0
        self.late_s = 3.0
        #: How many connections were broken at a COMMIT.
        self.sprung = 0
        self._traps: list[_Trap] = []
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._opened = asyncio.Event()

    async def start(self) -> None:
        self._opened.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._opened.set()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- verbs -----------------------------------------------------------------------------

    def lose_commit(self, moment: Moment, is_meant: Meant) -> None:
        """Break the line of the next transaction that is meant, exactly at its COMMIT."""
        self._traps.append(_Trap(moment, is_meant))

    def forget(self) -> None:
        """Break nothing more."""
        self._traps.clear()

    def cut(self) -> int:
        """Break every line with a reset; return how many."""
        for line in list(self._lines):
            _break(line)
        return len(self._lines)

    def hold(self) -> None:
        """Keep what either side says until `release`: everybody waits, nobody hangs up."""
        self._opened.clear()

    def release(self) -> None:
        self._opened.set()

    # --- inside ----------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            above, below = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        line = _Line(writer, below)
        self._lines.add(line)
        try:
            await self._greet(line, reader, above)
            await self._both_ways(line, reader, above)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # asyncio itself complains of a cancelled handler
        finally:
            _break(line)
            self._lines.discard(line)
            self._tasks.discard(task)

    async def _greet(self, line: _Line, reader: asyncio.StreamReader, above: asyncio.StreamReader) -> None:
        """Carry the greeting, whose messages have no letter."""
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack(">II", head)
            line.server.write(head + await reader.readexactly(length - 8))
            if code not in (_SSL, _GSS):
                return
            line.client.write(await above.readexactly(1))

    async def _both_ways(
        self, line: _Line, reader: asyncio.StreamReader, above: asyncio.StreamReader
    ) -> None:
        ways = [
            asyncio.create_task(self._carry_out(line, reader)),
            asyncio.create_task(self._carry_in(line, above)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _carry_out(self, line: _Line, reader: asyncio.StreamReader) -> None:
        while True:
            kind, body = await _message(reader)
            await self._opened.wait()
            if (sql := _sql_of(kind, body)) is not None and self._is_over(line, sql):
                return
            line.server.write(kind + _HEAD.pack(len(body) + 4) + body)
            await line.server.drain()

    async def _carry_in(self, line: _Line, above: asyncio.StreamReader) -> None:
        while True:
            kind, body = await _message(above)
            await self._opened.wait()
            if line.breaks_on_answer and kind == b"C" and body.startswith(b"COMMIT"):
                self.sprung += 1
                return
            if line.keeps_answer_s and kind == b"C" and body.startswith(b"COMMIT"):
                self.sprung += 1
                wait_s, line.keeps_answer_s = line.keeps_answer_s, 0.0
                await asyncio.sleep(wait_s)
            line.client.write(kind + _HEAD.pack(len(body) + 4) + body)
            await line.client.drain()

    def _is_over(self, line: _Line, sql: str) -> bool:
        """Take note of a statement; True if the line breaks before it goes on."""
        words = sql.upper().split(maxsplit=2)
        if words[:1] == ["BEGIN"] or words == ["ROLLBACK"]:
            line.said.clear()
        if words[:1] != ["COMMIT"]:
            line.said.append(sql)
            return False
        said, line.said = "\n".join(line.said), []
        trap = next((one for one in self._traps if one.is_meant(said)), None)
        if trap is None:
            return False
        self._traps.remove(trap)
        return self._spring(line, trap.moment)

    def _spring(self, line: _Line, moment: Moment) -> bool:
        if moment in (Moment.AFTER, Moment.LATE):
            line.breaks_on_answer = moment is Moment.AFTER
            line.keeps_answer_s = self.late_s if moment is Moment.LATE else 0.0
            return False
        self.sprung += 1
        if moment is Moment.DURING:
            line.server.write(b"Q" + _HEAD.pack(11) + b"COMMIT\0")
            with suppress(OSError):
                line.client.transport.abort()
        return True


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    (length,) = _HEAD.unpack(head[1:])
    return head[:1], await reader.readexactly(length - 4)


def _sql_of(kind: bytes, body: bytes) -> str | None:
    """Return the SQL in a Query or a Parse; None if the message carries none."""
    if kind == b"Q":
        return body.rstrip(b"\0").decode("utf-8", "replace")
    if kind == b"P":
        return body.split(b"\0", 2)[1].decode("utf-8", "replace")
    return None


def _break(line: _Line) -> None:
    """End a line: the client hears of it at once, the server after what it was sent."""
    for writer in (line.client, line.server):
        with suppress(OSError, RuntimeError):
            raw = writer.get_extra_info("socket")
            if raw is not None and writer is line.client:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if writer is line.client:
                writer.transport.abort()
            else:
                writer.close()
