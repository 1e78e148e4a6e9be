"""One frame told by name: which message it is, what its fields are called, what does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from apps.simulator.frames.answers import ANSWERS
from apps.simulator.frames.layout import Cursor, Layout, Named, Short
from apps.simulator.frames.requests import REQUESTS


class Direction(StrEnum):
    """Who wrote a frame."""

    FROM_CLIENT = "client"
    FROM_SERVER = "server"


@dataclass(frozen=True, slots=True)
class Described:
    """A frame by name; `left` are fields beyond its table, `missing` is the first that should follow."""

    name: str
    message_id: int | None
    fields: tuple[Named, ...]
    left: tuple[str, ...] = ()
    missing: str = ""

    @property
    def is_exact(self) -> bool:
        """Return whether the frame has the fields of its table, none more and none less."""
        return self.message_id is not None and not self.left and not self.missing

    def value(self, name: str) -> str | None:
        """Return the field of a name, None if the message has none."""
        return next((text for one, text in self.fields if one == name), None)


_TABLES: dict[Direction, dict[int, Layout]] = {
    Direction.FROM_CLIENT: REQUESTS,
    Direction.FROM_SERVER: ANSWERS,
}


def split(payload: bytes) -> list[str]:
    """Return the fields of a payload; bytes that are no text survive in a form `join` turns back."""
    texts = payload.decode("utf-8", "surrogateescape").split("\0")
    # Every field ends in NUL, so what follows the last one is no field unless the frame was cut.
    if texts[-1] == "":
        texts.pop()
    return texts


def join(texts: list[str]) -> bytes:
    """Return the payload of some fields, each ended by NUL."""
    return "".join(f"{one}\0" for one in texts).encode("utf-8", "surrogateescape")


def describe(payload: bytes, version: int, direction: Direction) -> Described:
    """Return a frame by name; an unknown message keeps its fields in `left`."""
    return describe_fields(split(payload), version, direction)


def describe_fields(texts: list[str], version: int, direction: Direction) -> Described:
    """Return a frame, given as its fields, by name."""
    number = texts[0] if texts else ""
    found = _TABLES[direction].get(int(number)) if number.isdecimal() and len(number) < 9 else None
    if found is None:
        return Described(f"unknown {number[:20]}".strip(), None, (), tuple(texts))
    cursor = Cursor(texts[1:], version)
    missing = ""
    try:
        cursor.read(found.steps)
    except Short as short:
        missing = str(short)
    return Described(found.name, int(number), tuple(cursor.named), tuple(cursor.left), missing)
