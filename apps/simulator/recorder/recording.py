"""The file of a recording: JSON lines that a person can read, written as it happens, read at once.

The first line is the header. Each other line is one frame with named fields, in the form
of the frame log, or one event of a connection; `at` are seconds since the start.

    {"recording": "tws", "format": 1, "started": "2026-11-20T17:00:00.000000Z", …}
    {"at": 0.01, "connection": 1, "event": "opened"}
    {"at": 0.02, "connection": 1, "client": 7, "from": "client", "message": "reqPositions",
     "id": 61, "fields": {"version": "1"}}
    {"at": 9.75, "connection": 1, "client": 7, "event": "closed", "by": "client"}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.simulator.frames.describe import Described, Direction

FORMAT = 1
KIND = "tws"


class BadRecording(Exception):
    """The file is no recording, or one that cannot be played; the text says where and why."""


class RecordingWriter:
    """Adds lines to a new file that only its owner may read."""

    def __init__(self, path: Path, *, header: dict[str, Any]) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "w", encoding="ascii")
        self.add([{"recording": KIND, "format": FORMAT, **header}])

    def add(self, lines: list[dict[str, Any]]) -> None:
        """Write lines and see them on their way to the disk. Raises OSError."""
        self._file.write("".join(json.dumps(one) + "\n" for one in lines))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Recorded:
    """One frame of a recording."""

    at: float
    direction: Direction
    told: Described

    @property
    def is_ask(self) -> bool:
        return self.direction is Direction.FROM_CLIENT

    @property
    def texts(self) -> list[str]:
        """Return the fields as they stood on the wire, but for the names."""
        return texts_of(self.told)


def texts_of(told: Described) -> list[str]:
    """Return a frame's fields in their order on the wire."""
    head = [] if told.message_id is None else [str(told.message_id)]
    return [*head, *(text for _, text in told.fields), *told.left]


@dataclass(slots=True)
class RecordedConnection:
    """What was said on one connection after its startApi."""

    number: int
    version: int = 0
    connection_time: str = ""
    client_id: int | None = None
    frames: list[Recorded] = field(default_factory=list)
    closed_by: str = ""

    @property
    def asks(self) -> list[Recorded]:
        return [one for one in self.frames if one.is_ask]


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole file; `is_cut` if its last line was never finished."""

    header: dict[str, Any]
    connections: list[RecordedConnection]
    is_cut: bool


def read_recording(path: Path) -> Recording:
    """Return what a file holds. Raises BadRecording, or OSError if there is none."""
    lines = _Lines(path)
    rows = iter(lines)
    header = next(rows, None)
    if header is None or header.get("recording") != KIND:
        raise BadRecording(f"{path} is no recording")
    if header.get("format") != FORMAT:
        raise BadRecording(f"{path} has format {header.get('format')}, this program reads {FORMAT}")
    connections: dict[int, RecordedConnection] = {}
    for row in rows:
        try:
            number = int(row["connection"])
            _take(connections.setdefault(number, RecordedConnection(number)), row)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadRecording(f"{path}, line {lines.number}: not a line of a recording") from None
    return Recording(header, [one for one in connections.values() if one.version], lines.is_cut)


class _Lines:
    """The lines of a file as objects; the last may be cut off, as a killed process leaves it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.number = 0
        self.is_cut = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as file:
            for self.number, text in enumerate(file, start=1):
                try:
                    row = json.loads(text)
                except ValueError:
                    row = None
                if isinstance(row, dict):
                    yield row
                elif self.number > 1 and not text.endswith(b"\n"):
                    self.is_cut = True
                else:
                    raise BadRecording(f"{self._path}, line {self.number}: not a line of a recording")


def _take(connection: RecordedConnection, row: dict[str, Any]) -> None:
    """Add one line to what is known of its connection."""
    if "event" in row:
        if row["event"] == "closed":
            connection.closed_by = str(row["by"])
        return
    if "opaque" in row:
        raise BadRecording("the recording holds binary frames, which cannot be played")
    fields = tuple((str(name), str(text)) for name, text in row["fields"].items())
    left = tuple(str(one) for one in row.get("left", ()))
    told = Described(str(row["message"]), row["id"], fields, left, str(row.get("missing", "")))
    match told.name:
        case "hello":
            pass
        case "handshake":
            connection.version = int(told.value("serverVersion") or "")
            connection.connection_time = told.value("connectionTime") or ""
        case "startApi":
            connection.client_id = int(told.value("clientId") or "0")
        case _:
            connection.frames.append(Recorded(float(row["at"]), Direction(row["from"]), told))
