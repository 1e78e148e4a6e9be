"""The frame log: every frame of every client with the names of its fields, a line each.

A file gets JSON lines, standard output the readable form of printing.py. It stands beside
the simulator and never in its way: bytes that cannot be understood become a line that
says so, a full disk ends the log and not the service.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from apps.simulator.clock import Clock
from apps.simulator.frames.conversation import Conversation, Unreadable
from apps.simulator.frames.describe import Described, Direction
from apps.simulator.frames.printing import printed

logger = logging.getLogger(__name__)

TO_STDOUT = Path("-")


@dataclass(slots=True)
class FrameLog:
    """One log for all connections; it closes its file."""

    sink: TextIO
    clock: Clock
    is_readable: bool = False
    connections: int = 0
    is_broken: bool = field(default=False, init=False)

    def overhear(self) -> ConnectionLog:
        """Return the ear of the next connection."""
        self.connections += 1
        return ConnectionLog(self, self.connections)

    def write(self, line: dict[str, Any]) -> None:
        """Write one line under the simulator's time."""
        if self.is_broken:
            return
        stamped = {"time": stamp(self.clock.epoch()), **line}
        text = printed(stamped) if self.is_readable else json.dumps(stamped)
        try:
            self.sink.write(text + "\n")
            self.sink.flush()
        except OSError:
            self.is_broken = True
            logger.exception("frame log ended")

    def close(self) -> None:
        if self.sink is not sys.stdout:
            self.sink.close()


class ConnectionLog:
    """What is written about one connection."""

    def __init__(self, log: FrameLog, number: int) -> None:
        self._log = log
        self._number = number
        self._conversation = Conversation()
        self._is_deaf = False
        self._tell("opened")

    def heard(self, direction: Direction, data: bytes) -> None:
        if self._is_deaf:
            return
        try:
            frames = self._conversation.feed(direction, data)
        except Unreadable as error:
            self._is_deaf = True
            self._tell("unreadable", cause=str(error))
            return
        for frame in frames:
            self._log.write({**self._head(), **told_line(frame.direction, frame.described())})

    def ended(self) -> None:
        self._tell("closed")

    def _head(self) -> dict[str, Any]:
        return {"connection": self._number, "client": self._conversation.client_id}

    def _tell(self, event: str, **details: str) -> None:
        self._log.write({**self._head(), "event": event, **details})


def open_frame_log(path: Path, clock: Clock) -> FrameLog:
    """Return a log that adds to `path`; `-` is standard output. Raises OSError if it cannot be written."""
    if path == TO_STDOUT:
        return FrameLog(sys.stdout, clock, is_readable=True)
    return FrameLog(path.open("a", encoding="ascii"), clock)


def told_line(direction: Direction, told: Described) -> dict[str, Any]:
    """Return a frame as one line says it: named fields, and what has no name or is not there."""
    line: dict[str, Any] = {
        "from": direction.value,
        "message": told.name,
        "id": told.message_id,
        "fields": dict(told.fields),
    }
    if told.left:
        line["left"] = list(told.left)
    if told.missing:
        line["missing"] = told.missing
    return line


def stamp(epoch: float) -> str:
    """Return a time as the lines write it: UTC to the microsecond."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
