"""Frames and fields of the TWS text protocol, and nothing about what they mean."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import math
import struct

_ESCAPED = "simulator.escaped"
MAX_FRAME = 0xFFFFFF
# Sixteen million empty fields fit into one frame, and would need two hundred megabytes as texts.
MAX_FIELDS = 20_000
# A gateway keeps ids in Java's int and cannot parse a larger one.
_MAX_INT = 2_147_483_647
CLOSE_LIMIT_S = 1.0
UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INT = "2147483647"
_UNSET_FROM = 1e308

_FLAGS = {
    "": False, "0": False, "1": True, "false": False, "true": True, "False": False, "True": True,
    "FALSE": False, "TRUE": True,
}  # fmt: skip

Value = str | int | float | bool


class BadFrame(Exception):
    """The bytes are not this protocol; the connection must be closed."""


class BadField(ValueError):
    """A field does not hold what its place demands."""


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Write what is not ASCII as a gateway does: `\\uXXXX` for each unit of UTF-16."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4)), error.end


codecs.register_error(_ESCAPED, _escape)


def encode(fields: list[Value]) -> bytes:
    """Return one frame; every field is terminated by NUL."""
    texts = [one if type(one) is str else str(one) if type(one) is int else field_text(one) for one in fields]
    texts.append("")  # so that the last field is terminated too
    payload = "\0".join(texts).encode("ascii", _ESCAPED)
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
    """Return the fields of a payload. Raises BadField if they are more than any request has."""
    if payload.count(0) > MAX_FIELDS:
        raise BadField(f"more than {MAX_FIELDS} fields")
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
        return integer_of(text)

    def flag(self, default: bool = False) -> bool:
        return flag_of(self.text(), default=default)

    def skip(self, count: int = 1) -> None:
        for _ in range(count):
            self.text()


def integer_of(text: str) -> int:
    """Return a whole number as a gateway reads it. Raises BadField."""
    try:
        value = int(text)
    except ValueError:
        raise BadField(f"not a whole number: {text[:40]}") from None
    # Python also reads other scripts' digits and underscores, which no gateway does.
    if not text.isascii() or "_" in text or not is_integer(value):
        raise BadField(f"not a whole number: {text[:40]}")
    return value


def is_integer(value: int) -> bool:
    """Return whether a number fits where a gateway keeps it."""
    return -_MAX_INT - 1 <= value <= _MAX_INT


def flag_of(text: str, *, default: bool = False) -> bool:
    """Return a boolean in any spelling the clients use. Raises BadField."""
    value = _FLAGS.get(text)
    if value is None:
        raise BadField(f"not a flag: {text[:40]}")
    return default if text == "" else value


def number_of(text: str) -> float | None:
    """Return a number, or None for any spelling of "unset". Raises BadField."""
    text = text.strip()
    if text == "":
        return None
    try:
        value = float(text)
    except ValueError:
        raise BadField(f"not a number: {text[:40]}") from None
    is_word = math.isnan(value) or (math.isinf(value) and text[-1].isalpha())
    if is_word or not text.isascii() or "_" in text:
        raise BadField(f"not a number: {text[:40]}")
    return None if abs(value) >= _UNSET_FROM else value


def whole(text: str) -> int:
    """Return a whole number, 0 for any spelling of "unset". Raises BadField."""
    value = number_of(text)
    if value is None:
        return 0
    if value != int(value):
        raise BadField(f"not a whole number: {text[:40]}")
    return integer_of(str(int(value)))
