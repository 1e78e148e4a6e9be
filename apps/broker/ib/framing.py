"""Cut the byte stream into frames, in linear time, and hand each to its reader.

The library cuts the whole rest of its buffer again for every frame, which is slowest in a burst.
Here each read is walked once. Until the session is ready the library reads the frames itself (its
handshake lives there); afterwards price and size ticks take a short way and all else goes to the
library's decoder. What cannot be read is reported, never swallowed: a list that lost a record
must not look complete.
"""

import logging
import struct
from collections.abc import Callable
from typing import Any

from apps.broker.ib.encodings import zone_text
from apps.broker.ib.library import accepts_version, read_handshake
from apps.broker.quiet import OneLinePerKind

logger = logging.getLogger(__name__)
logger.addFilter(OneLinePerKind())

MAX_FRAME = 1_000_000

#: What a decoder raises on fields that are not what they should be.
UNREADABLE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RuntimeError, OSError)

_LENGTH = struct.Struct(">I")
_EXEC_DETAILS, _EXEC_TIME = "11", 15


class Framing:
    """One stream of frames. `on_price` and `on_size` take ticks, `on_unreadable` the id of a lost message."""

    def __init__(
        self,
        client: Any,
        *,
        on_price: Callable[[int, int, float, float], None],
        on_size: Callable[[int, int, float], None],
        on_unreadable: Callable[[str], None],
        on_abuse: Callable[[str], None],
        on_zone: Callable[[str], None],
        execution_time: Callable[[str], str],
    ) -> None:
        self._client = client
        self._on_price = on_price
        self._on_size = on_size
        self._on_unreadable = on_unreadable
        self._on_abuse = on_abuse
        self._on_zone = on_zone
        self._execution_time = execution_time
        self._buffer = bytearray()
        self._is_stopped = False

    def feed(self, data: bytes) -> None:
        """Take what the socket read."""
        if self._is_stopped:
            return
        self._buffer += data
        at, end = 0, len(self._buffer)
        while end - at >= 4 and not self._is_stopped:
            length = _LENGTH.unpack_from(self._buffer, at)[0]
            if not 0 < length <= MAX_FRAME:
                self.stop()
                self._on_abuse(f"inbound frame of {length} bytes")
                return
            if end - at - 4 < length:
                break
            frame = bytes(self._buffer[at + 4 : at + 4 + length])
            at += 4 + length
            self._take(frame)
        del self._buffer[:at]

    def stop(self) -> None:
        """Ignore everything from now on."""
        self._is_stopped = True

    def _take(self, frame: bytes) -> None:
        if not self._client.isReady():
            self._take_handshake(frame)
            return
        try:
            if frame.startswith((b"1\0", b"2\0")):
                self._take_tick(frame.split(b"\0"))
            else:
                self._take_message(frame)
        except UNREADABLE:
            kind = frame[:8].split(b"\0")[0].decode("ascii", "replace")
            logger.exception("unreadable message", extra={"message_id": kind})
            self._on_unreadable(kind)

    def _take_handshake(self, frame: bytes) -> None:
        fields = frame.split(b"\0")
        try:
            if len(fields) == 3 and not self._client.isConnected():
                self._on_zone(zone_text(fields[1].decode("ascii", "replace")))
                self._check_version(int(fields[0]))
            read_handshake(self._client, _LENGTH.pack(len(frame)) + frame)
        except UNREADABLE as problem:
            self.stop()
            self._on_abuse(f"unreadable handshake: {problem}")

    def _check_version(self, version: int) -> None:
        if not accepts_version(self._client, version):
            raise ValueError(f"server version {version} is not one we can read")

    def _take_tick(self, fields: list[bytes]) -> None:
        if fields[0] == b"2":
            _, _, request_id, tick, size, _ = fields
            self._on_size(int(request_id), int(tick), float(size or 0))
            return
        _, _, request_id, tick, price, size, _, _ = fields
        if price:
            self._on_price(int(request_id), int(tick), float(price), float(size or 0))

    def _take_message(self, frame: bytes) -> None:
        fields = frame.decode(errors="backslashreplace").split("\0")
        if fields.pop():
            raise ValueError("the last field has no end")
        if fields[0] == _EXEC_DETAILS:
            fields[_EXEC_TIME] = self._execution_time(fields[_EXEC_TIME])
        self._client.decoder.handlers[int(fields[0])](fields)
