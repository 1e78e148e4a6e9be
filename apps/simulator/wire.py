"""Frames and fields of the TWS text protocol, and nothing about what they mean."""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct

MAX_FRAME = 0xFFFFFF
CLOSE_LIMIT_S = 1.0
UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INT = "2147483647"
_UNSET_FROM = 1e308
_WORDS_FOR_INFINITY = ("Infinity", "Infinite")

Value = str | int | float | bool


class BadFrame(Exception):
    """The bytes are not this protocol; the connection must be closed."""


class BadField(ValueError):
    """A field does not hold what its place demands."""


def encode(fields: list[Value]) -> bytes:
    """Return one frame; every field is terminated by NUL."""
    texts = [one if type(one) is str else str(one) if type(one) is int else field_text(one) for one in fields]
    texts.append("")  # so that the last field is terminated too
    payload = "\0".join(texts).encode("ascii", "backslashreplace")
    return len(payload).to_bytes(4, "big") + payload


def field_text(value: Value) -> str:
    """Return a value as the gateway writes it."""
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def number_text(value: float) -> str:
    """Return a number without noise of binary fractions: 8 digits, `100` for whole ones."""
    if type(value) is int:
        return str(value)
    if abs(value) >= _UNSET_FROM:
        return UNSET_DOUBLE
    text = f"{value:.8f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def double_text(value: float) -> str:
    """Return a number as the gateway writes those of orders: at least one digit after the point."""
    text = number_text(value)
    return text if "." in text else f"{text}.0"


def money_text(value: float) -> str:
    """Return an amount of money with two digits."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next payload. Raises IncompleteReadError at the end, BadFrame on nonsense."""
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    if length > MAX_FRAME:
        raise BadFrame(f"frame of {length} bytes")
    return await reader.readexactly(length)


async def close_writer(writer: asyncio.StreamWriter) -> None:
    """Close a socket and see it closed, but never wait for a peer that does not read."""
    writer.close()
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await writer.wait_closed()


def split_fields(payload: bytes) -> list[str]:
    """Return the fields of a payload."""
    fields = payload.decode("utf-8", "backslashreplace").split("\0")
    if fields and fields[-1] == "":
        fields.pop()
    return fields


class Fields:
    """A cursor over the fields of one request."""

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields
        self._place = 0

    @property
    def left(self) -> int:
        return len(self._fields) - self._place

    def text(self) -> str:
        if self._place >= len(self._fields):
            raise BadField("request is too short")
        self._place += 1
        return self._fields[self._place - 1]

    def integer(self, default: int = 0) -> int:
        text = self.text().strip()
        if text in ("", UNSET_INT):
            return default
        try:
            return int(text)
        except ValueError:
            raise BadField(f"not a whole number: {text[:40]}") from None

    def flag(self, default: bool = False) -> bool:
        return flag_of(self.text(), default=default)

    def skip(self, count: int = 1) -> None:
        for _ in range(count):
            self.text()


def flag_of(text: str, *, default: bool = False) -> bool:
    """Return a boolean in any spelling the clients use."""
    if text == "":
        return default
    return text.lower() in ("1", "true")


def number_of(text: str) -> float | None:
    """Return a number, or None for any spelling of "unset"."""
    text = text.strip()
    if text == "":
        return None
    if text in _WORDS_FOR_INFINITY:
        return math.inf
    try:
        value = float(text)
    except ValueError:
        raise BadField(f"not a number: {text[:40]}") from None
    if math.isnan(value):
        raise BadField("not a number: NaN")
    return None if abs(value) >= _UNSET_FROM else value


def whole(text: str) -> int:
    """Return a whole number, 0 for any spelling of "unset". Raises BadField."""
    value = number_of(text)
    if value is None:
        return 0
    if value != int(value):
        raise BadField(f"not a whole number: {text[:40]}")
    return int(value)
