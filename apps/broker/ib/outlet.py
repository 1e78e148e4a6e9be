"""The one hole through which frames leave a session.

It stands where the library would queue: a frame is handed to the transport now, or refused. An
order frame passes only while its intent is held beside it, so no other road of the library can
place, change or repeat an order (F1, F3, F6).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.broker.ib.choke import PLACE_ORDER, check_built
from apps.broker.ib.library import is_anything_queued
from apps.broker.port import Backpressure, BrokerUnavailable, FrameRefused
from apps.domain.events import OrderFrame

_LENGTH = struct.Struct(">I")


class Outlet:
    """What the library's client writes through."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._intent: OrderFrame | None = None

    def send(self, message: str) -> None:
        """Write one built message. Raises FrameRefused for an order that is not the intent."""
        if not self.is_open:
            raise BrokerUnavailable("the socket is closed")
        if message.partition("\0")[0] == PLACE_ORDER:
            self._check_order(message)
        payload = message.encode()
        self._client.conn.sendMsg(_LENGTH.pack(len(payload)) + payload)

    @contextmanager
    def intending(self, frame: OrderFrame) -> Iterator[None]:
        """Let exactly the order frame of this intent pass."""
        self._intent = frame
        try:
            yield
        finally:
            self._intent = None

    def require_empty(self) -> None:
        """Raise Backpressure unless the next frame goes straight to the kernel."""
        if not self.is_open:
            raise BrokerUnavailable("the socket is closed")
        if not self.is_empty:
            raise Backpressure("earlier frames have not left yet")

    @property
    def is_empty(self) -> bool:
        """Tell whether the next frame goes straight to the kernel."""
        if not self.is_open or is_anything_queued(self._client):
            return False
        return bool(self._client.conn.transport.get_write_buffer_size() == 0)

    @property
    def is_open(self) -> bool:
        """Tell whether there is a transport that takes bytes."""
        transport = self._client.conn.transport
        return transport is not None and not transport.is_closing()

    def _check_order(self, message: str) -> None:
        if self._intent is None:
            raise FrameRefused("an order frame without an intent")
        fields = message.split("\0")
        if fields.pop():
            raise FrameRefused("the frame has no end")
        check_built(fields, self._intent, server_version=self._client.serverVersion())
        self._intent = None
