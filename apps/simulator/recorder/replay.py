"""A gateway made of a recording: it greets clients, gives each a recorded connection, and reports.

Clients get the recorded connection of their client id if there is one left, else the
next of the same version. How one is played is playback.py.
"""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime

from apps.simulator.frames.conversation import Conversation, Frame, Unreadable
from apps.simulator.frames.describe import Described, Direction, join
from apps.simulator.recorder.playback import Pace, Playback, Played
from apps.simulator.recorder.recording import BadRecording, RecordedConnection, Recording
from apps.simulator.wire import close_writer

logger = logging.getLogger(__name__)

NO_PAUSES = 1e9
_CHUNK = 65_536
_VERSIONS = re.compile(r"v(\d+)(?:\.\.(\d+))?(?: .*)?")
_SHOWN = 5


class Replayer:
    """Plays a recording to clients that connect; `is_finished` is set when all of it was played."""

    def __init__(self, recording: Recording, *, speed: float = 1.0, patience_s: float = 10.0) -> None:
        if not recording.connections:
            raise BadRecording("the recording holds no connection that got as far as a version")
        self.is_finished = asyncio.Event()
        self.played: list[Played] = []
        self.turned_away: list[str] = []
        self._recording = recording
        self._pace = Pace(speed or NO_PAUSES, patience_s, _started_at(recording))
        self._unplayed = list(recording.connections)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the replay is not running")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_faithful(self) -> bool:
        """Return whether the clients did what those of the recording did."""
        return not self._unplayed and not self.turned_away and all(one.is_faithful for one in self.played)

    def report(self) -> list[str]:
        """Return what was played and what did not match, a line each."""
        whole = len(self._recording.connections)
        lines = [f"{len(self.played)} of {whole} connections played"]
        if self._recording.is_cut:
            lines.append("the recording ends in the middle of a line")
        for one in self.played:
            lines.append(
                f"connection {one.number}: {one.sent} frames sent, {one.left_unsent} not, "
                f"{one.matched} requests matched"
            )
            lines += _listed("never asked", one.never_asked)
            lines += _listed("not in the recording", one.unexpected)
            lines += _listed("matched but for", one.loosely_matched)
        return lines + _listed("turned away", self.turned_away)

    # --- inside ----------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._tasks.add(task)
        visit = _Visit(self, writer)
        try:
            while not visit.is_over and (data := await reader.read(_CHUNK)):
                visit.hear(data)
        except (Unreadable, TurnedAway) as error:
            self.turned_away.append(str(error))
        except (ConnectionError, asyncio.CancelledError):
            pass  # only stop() cancels these tasks
        except Exception:
            logger.exception("connection failed")
        finally:
            self._tasks.discard(task)
            await visit.end()
            await close_writer(writer)
            if not self._unplayed and not self._tasks:
                self.is_finished.set()

    def next_connection(self, version: int | None = None, client_id: int | None = None) -> RecordedConnection:
        """Return the recorded connection a client gets next. Raises TurnedAway if none is left."""
        left = [one for one in self._unplayed if version in (None, one.version)]
        if not left:
            raise TurnedAway("every recorded connection has been played")
        return next((one for one in left if client_id is not None and one.client_id == client_id), left[0])

    def take_connection(self, connection: RecordedConnection) -> Pace:
        """Mark a recorded connection as played."""
        self._unplayed.remove(connection)
        return self._pace


class TurnedAway(Exception):
    """A client that cannot be played anything; the text says why."""


class _Visit:
    """One live client."""

    def __init__(self, replayer: Replayer, writer: asyncio.StreamWriter) -> None:
        self._replayer = replayer
        self._writer = writer
        self._conversation = Conversation()
        self._playback: Playback | None = None
        self._task: asyncio.Task[None] | None = None
        self.is_over = False

    def hear(self, data: bytes) -> None:
        for frame in self._conversation.feed(Direction.FROM_CLIENT, data):
            told = frame.described()
            if frame.is_handshake:
                self._shake_hands(frame)
            elif self._playback is not None:
                self._playback.take(told)
            else:
                self._begin(told)

    async def end(self) -> None:
        """Stop playing and count what was left."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._playback:
            self._playback.stop()

    def _shake_hands(self, frame: Frame) -> None:
        text = frame.described().value("versions") or ""
        wanted, connection = _VERSIONS.fullmatch(text), self._replayer.next_connection()
        lowest, highest = (int(wanted[1]), int(wanted[2] or wanted[1])) if wanted else (0, -1)
        if not lowest <= connection.version <= highest:
            raise TurnedAway(f"the client speaks {text!r}, the recording version {connection.version}")
        reply = _framed([str(connection.version), connection.connection_time])
        self._conversation.feed(Direction.FROM_SERVER, reply)
        self._writer.write(reply)

    def _begin(self, told: Described) -> None:
        if told.name != "startApi":
            raise TurnedAway(f"{told.name} before startApi")
        client_id = self._conversation.client_id or 0
        connection = self._replayer.next_connection(self._conversation.version, client_id)
        pace = self._replayer.take_connection(connection)
        self._playback = Playback(connection, self._send, client_id=client_id, pace=pace)
        self._replayer.played.append(self._playback.played)
        self._task = asyncio.create_task(self._play(self._playback, connection), name="replay")

    async def _play(self, playback: Playback, connection: RecordedConnection) -> None:
        await playback.run()
        if connection.closed_by == Direction.FROM_SERVER:
            self.is_over = True
            self._writer.close()

    def _send(self, texts: list[str]) -> None:
        if not self._writer.is_closing():
            self._writer.write(_framed(texts))


def _framed(texts: list[str]) -> bytes:
    payload = join(texts)
    return len(payload).to_bytes(4, "big") + payload


def _listed(title: str, items: list[str]) -> list[str]:
    shown = [f"  {title}: {one}" for one in items[:_SHOWN]]
    return [*shown, f"  {title}: {len(items) - _SHOWN} more"] if len(items) > _SHOWN else shown


def _started_at(recording: Recording) -> float:
    try:
        return datetime.fromisoformat(str(recording.header["started"])).replace(tzinfo=UTC).timestamp()
    except (KeyError, ValueError):
        return 0.0
