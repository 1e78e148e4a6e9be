"""A connection overheard: bytes of both directions cut into frames, from the hello on.

It learns the server version and the client id by listening, as every frame is told by
them. It changes nothing and answers nobody; the frame log and the recorder stand on it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from apps.simulator.frames.describe import Described, Direction, describe, split

MAX_FRAME = 0xFFFFFF
#: From the next version on a frame begins with a binary message id and may hold anything.
LAST_TEXT_VERSION = 200
_PREAMBLE = b"API\0"
_START_API = "71"


class Unreadable(Exception):
    """These bytes are not this protocol, so nothing that follows can be cut into frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of one direction; `version` is 0 until the server has chosen one."""

    direction: Direction
    payload: bytes
    version: int
    is_handshake: bool = False

    @property
    def is_opaque(self) -> bool:
        """Return whether the frame is of the binary kind that cannot be told by fields."""
        return not self.is_handshake and self.version > LAST_TEXT_VERSION

    def described(self) -> Described:
        """Return the frame by name."""
        if self.is_handshake:
            return _described_handshake(self)
        if self.is_opaque:
            return Described("binary", None, ())
        return describe(self.payload, self.version, self.direction)


class Conversation:
    """Both directions of one connection."""

    def __init__(self) -> None:
        self.version = 0
        self.client_id: int | None = None
        self._is_preamble_read = False
        self._is_greeted = {Direction.FROM_CLIENT: False, Direction.FROM_SERVER: False}
        self._buffers = {Direction.FROM_CLIENT: bytearray(), Direction.FROM_SERVER: bytearray()}

    def feed(self, direction: Direction, data: bytes) -> list[Frame]:
        """Return the frames these bytes complete. Raises Unreadable, and is of no use after that."""
        buffer = self._buffers[direction]
        buffer += data
        if direction is Direction.FROM_CLIENT and not self._is_preamble_read:
            if not _PREAMBLE.startswith(bytes(buffer[:4])):
                raise Unreadable("no API preamble")
            if len(buffer) < len(_PREAMBLE):
                return []
            self._is_preamble_read = True
            del buffer[: len(_PREAMBLE)]
        return [self._frame(direction, payload) for payload in _payloads(buffer)]

    def _frame(self, direction: Direction, payload: bytes) -> Frame:
        is_handshake = not self._is_greeted[direction]
        self._is_greeted[direction] = True
        if is_handshake and direction is Direction.FROM_SERVER:
            self.version = _version_of(payload)
        elif self.client_id is None and direction is Direction.FROM_CLIENT and not is_handshake:
            self.client_id = _client_id_of(payload)
        return Frame(direction, payload, self.version, is_handshake)


def _payloads(buffer: bytearray) -> list[bytes]:
    payloads: list[bytes] = []
    place = 0
    while len(buffer) - place >= 4:
        (length,) = struct.unpack_from(">I", buffer, place)
        if length > MAX_FRAME:
            raise Unreadable(f"frame of {length} bytes")
        if len(buffer) - place - 4 < length:
            break
        payloads.append(bytes(buffer[place + 4 : place + 4 + length]))
        place += 4 + length
    del buffer[:place]
    return payloads


def _version_of(payload: bytes) -> int:
    first = split(payload)[:1]
    if not first or not first[0].isdecimal() or len(first[0]) > 6:
        raise Unreadable("the server did not answer with a version")
    return int(first[0])


def _client_id_of(payload: bytes) -> int | None:
    texts = split(payload)
    is_start = texts[:1] == [_START_API] and len(texts) > 2 and texts[2].isdecimal()
    return int(texts[2]) if is_start and len(texts[2]) < 12 else None


def _described_handshake(frame: Frame) -> Described:
    texts = split(frame.payload)
    if frame.direction is Direction.FROM_CLIENT:
        return Described("hello", None, (("versions", texts[0] if texts else ""),), tuple(texts[1:]))
    names = ("serverVersion", "connectionTime")
    return Described("handshake", None, tuple(zip(names, texts, strict=False)), tuple(texts[2:]))
