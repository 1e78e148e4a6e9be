"""The tap: a small TCP proxy between the gateway and IB Gateway that logs, changes and cuts.

Independent of the simulator and of the product: it knows frames (a length and NUL-ended
fields) and nothing of what they mean beyond the number of their message. What was on the
wire, and when, is read from here, never from what a program says it wrote.
"""

import asyncio
import json
import random
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TextIO

PLACE_ORDER, CANCEL_ORDER, START_API = "3", "4", "71"
_CHUNK = 65_536


class Way(StrEnum):
    """Which way a frame travels."""

    OUT = "out"  # gateway → IB Gateway
    IN = "in"  # IB Gateway → gateway


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it arrived at the tap; `at` is Unix time in seconds."""

    at: float
    connection: int
    way: Way
    payload: bytes

    @property
    def fields(self) -> list[str]:
        return self.payload.decode("utf-8", "backslashreplace").removesuffix("\0").split("\0")

    @property
    def number(self) -> str:
        """The message id, as text."""
        return self.payload.split(b"\0", 1)[0].decode("ascii", "replace")


#: What a rule makes of a frame: the payloads that go on instead of it; none of them: it vanishes.
Rule = Callable[[Frame], list[bytes]]


@dataclass
class Line:
    """The properties of the line; all of them may be changed while it is in use."""

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    slice_bytes: int | None = None
    is_black_hole: bool = False
    is_refusing: bool = False
    #: Bytes of this way are kept here until the way is opened again.
    held: set[Way] = field(default_factory=set)


@dataclass(eq=False)
class _Connection:
    number: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    client_id: int | None = None
    opened_at: float = 0.0
    closed_at: float | None = None


class Tap:
    """A proxy on a free port of loopback in front of `upstream_port`."""

    def __init__(self, upstream_port: int, *, log: Path | None = None, seed: int = 0) -> None:
        self.upstream_port = upstream_port
        self.line = Line()
        self.frames: list[Frame] = []
        self.connections: list[_Connection] = []
        #: Unix times at which somebody tried to connect, whatever came of it.
        self.attempts: list[float] = []
        self._rules: dict[Way, list[Rule]] = {Way.OUT: [], Way.IN: []}
        self._watchers: list[Callable[[Frame], None]] = []
        self._random = random.Random(seed)
        self._opened = {Way.OUT: asyncio.Event(), Way.IN: asyncio.Event()}
        self._log_path = log
        self._log: TextIO | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        for event in self._opened.values():
            event.set()
        if self._log_path is not None:
            self._log = self._log_path.open("a", encoding="utf-8", buffering=1)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._log is not None:
            self._log.close()

    # --- verbs -------------------------------------------------------------------------

    def rule(self, way: Way, rule: Rule) -> Callable[[], None]:
        """Let `rule` decide about every frame of one way; return what takes it off again."""
        self._rules[way].append(rule)
        return lambda: self._rules[way].remove(rule)

    def watch(self, watcher: Callable[[Frame], None]) -> Callable[[], None]:
        """Call `watcher` after a frame was handed on: kill after delivery, for one; return its end."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def once(self, number: str, act: Callable[[], None]) -> None:
        """Do something right after the next frame of a message was handed on."""

        def watcher(frame: Frame) -> None:
            if frame.number == number:
                off()
                act()

        off = self.watch(watcher)

    def eat(self, number: str, *, way: Way, count: int = 1) -> Callable[[], None]:
        """Let the next `count` frames of a message vanish."""
        left = [count]

        def rule(frame: Frame) -> list[bytes]:
            if frame.number == number and left[0] > 0:
                left[0] -= 1
                return []
            return [frame.payload]

        return self.rule(way, rule)

    def repeat(self, numbers: set[str], *, times: int) -> Callable[[], None]:
        """Deliver every frame of these inbound messages `times` times."""
        return self.rule(Way.IN, lambda frame: [frame.payload] * (times if frame.number in numbers else 1))

    def rewrite(self, number: str, place: int, text: str, *, way: Way = Way.IN) -> Callable[[], None]:
        """Put `text` in one field of every frame of a message."""

        def rule(frame: Frame) -> list[bytes]:
            fields = frame.fields
            if frame.number != number or place >= len(fields):
                return [frame.payload]
            fields[place] = text
            return [payload_of(fields)]

        return self.rule(way, rule)

    def inject(self, *fields: object) -> None:
        """Send a frame to the gateway that IB Gateway never sent."""
        for connection in self.living():
            with suppress(ConnectionError):
                connection.client.write(framed(payload_of([str(one) for one in fields])))

    def cut(self, *, rst: bool = False) -> int:
        """End every connection on both sides, politely or with a reset; return how many."""
        living = self.living()
        for connection in living:
            _close(connection.client, rst=rst)
            _close(connection.server, rst=rst)
            connection.closed_at = connection.closed_at or time.time()
        return len(living)

    def hold(self, way: Way) -> None:
        """Keep what is said one way until `release`: the peer's own buffer, made visible."""
        self._opened[way].clear()

    def release(self, way: Way) -> None:
        self._opened[way].set()

    # --- reading -----------------------------------------------------------------------

    def living(self) -> list[_Connection]:
        return [one for one in self.connections if one.closed_at is None]

    def sent(self, number: str) -> list[Frame]:
        """Return the frames of a message that went to IB Gateway."""
        return [one for one in self.frames if one.way is Way.OUT and one.number == number]

    # --- inside ------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.attempts.append(time.time())
        if self.line.is_refusing:
            _close(writer, rst=True)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            _close(writer, rst=True)
            return
        connection = _Connection(len(self.connections) + 1, writer, far_writer, opened_at=time.time())
        self.connections.append(connection)
        pumps = (
            asyncio.create_task(self._pump(connection, Way.OUT, reader, far_writer)),
            asyncio.create_task(self._pump(connection, Way.IN, far_reader, writer)),
        )
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass
        finally:
            # What IB Gateway has read stays read: only the other direction is told that it is over.
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            _close(writer)
            _close(far_writer)
            connection.closed_at = connection.closed_at or time.time()

    async def _pump(
        self,
        connection: _Connection,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Read frames as they come; they are under way side by side and arrive in their order."""
        under_way: asyncio.Queue[tuple[float, Frame] | None] = asyncio.Queue()
        carrier = asyncio.create_task(self._carry(connection, under_way, writer))
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                if way is Way.OUT:
                    writer.write(await reader.readexactly(4))
                while not carrier.done():
                    (length,) = struct.unpack(">I", await reader.readexactly(4))
                    frame = Frame(time.time(), connection.number, way, await reader.readexactly(length))
                    under_way.put_nowait((self._due_at(), frame))
            under_way.put_nowait(None)
            await carrier
        finally:
            carrier.cancel()

    async def _carry(
        self,
        connection: _Connection,
        under_way: "asyncio.Queue[tuple[float, Frame] | None]",
        writer: asyncio.StreamWriter,
    ) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while (next_one := await under_way.get()) is not None:
                due_at, frame = next_one
                if (left_s := due_at - loop.time()) > 0:
                    await asyncio.sleep(left_s)
                await self._hand_on(connection, frame, writer)

    def _due_at(self) -> float:
        wait = self.line.latency_s + self.line.jitter_s * self._random.random()
        return asyncio.get_running_loop().time() + wait

    async def _hand_on(self, connection: _Connection, frame: Frame, writer: asyncio.StreamWriter) -> None:
        await self._opened[frame.way].wait()
        if self.line.is_black_hole:
            self._note(frame, passed=0)
            return
        payloads = [frame.payload]
        for rule in list(self._rules[frame.way]):
            payloads = [
                after
                for payload in payloads
                for after in rule(Frame(frame.at, frame.connection, frame.way, payload))
            ]
        if self.line.bytes_per_s:
            await asyncio.sleep(sum(map(len, payloads)) / self.line.bytes_per_s)
        if frame.way is Way.OUT and frame.number == START_API:
            connection.client_id = int(frame.fields[2])
        self._note(frame, passed=len(payloads))
        for payload in payloads:
            await self._write(writer, framed(payload))
        for watcher in list(self._watchers):
            watcher(frame)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.line.slice_bytes is None:
            writer.write(data)
            await writer.drain()
            return
        for place in range(0, len(data), self.line.slice_bytes):
            writer.write(data[place : place + self.line.slice_bytes])
            await writer.drain()
            await asyncio.sleep(0)

    def _note(self, frame: Frame, *, passed: int) -> None:
        self.frames.append(frame)
        if self._log is not None:
            row = {
                "at": frame.at,
                "connection": frame.connection,
                "way": frame.way,
                "passed": passed,
                "fields": frame.fields,
            }
            self._log.write(json.dumps(row) + "\n")


def payload_of(fields: list[str]) -> bytes:
    """Return the payload of a list of fields."""
    return "".join(f"{one}\0" for one in fields).encode("utf-8", "backslashreplace")


def framed(payload: bytes) -> bytes:
    """Return a payload with its length in front."""
    return struct.pack(">I", len(payload)) + payload


def _close(writer: asyncio.StreamWriter, *, rst: bool = False) -> None:
    with suppress(OSError, RuntimeError):
        if rst:
            raw = writer.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()
