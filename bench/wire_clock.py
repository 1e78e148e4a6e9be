"""A program: stands between a client and IB Gateway and says when each order frame arrived.

Prints `wire clock listens on <port>, tells on <port>`. Whoever connects to the second port gets one
line for each placeOrder frame: its orderRef and CLOCK_MONOTONIC in nanoseconds, which is one clock
for every process of the machine; there `refuse` cuts every connection and refuses new ones until
`accept`. It forwards bytes as they come and knows nothing else.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from contextlib import suppress

PLACE_ORDER = b"3"
ORDER_REF = 26
_CHUNK = 262_144
_listeners: set[asyncio.StreamWriter] = set()
_joined: set[asyncio.StreamWriter] = set()
_is_open = asyncio.Event()


async def main(upstream_port: int) -> None:
    """Serve until the process is ended."""
    _is_open.set()
    wire = await asyncio.start_server(
        lambda reader, writer: _join(reader, writer, upstream_port), "127.0.0.1", 0
    )
    told = await asyncio.start_server(_listen, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (wire, told)]
    print(f"wire clock listens on {ports[0]}, tells on {ports[1]}", flush=True)
    await asyncio.Event().wait()


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _listeners.add(writer)
    while word := await reader.readline():
        if word == b"accept\n":
            _is_open.set()
        elif word == b"refuse\n":
            _is_open.clear()
            for one in _joined:
                one.close()
    _listeners.discard(writer)
    writer.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream_port: int) -> None:
    if not _is_open.is_set():
        writer.close()
        return
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", upstream_port)
    both = {writer, far_writer}
    _joined.update(both)
    pumps = [
        asyncio.create_task(_pump(reader, far_writer, Frames())),
        asyncio.create_task(_pump(far_reader, writer, None)),
    ]
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for one in both:
        one.close()
    _joined.difference_update(both)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frames: Frames | None) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            now = time.monotonic_ns()
            writer.write(data)
            for order_ref in frames.orders_in(data) if frames else ():
                line = f"{order_ref} {now}\n".encode()
                for listener in _listeners:
                    listener.write(line)
            await writer.drain()


class Frames:
    """Cuts what a client sends into frames: four bytes of greeting, then lengths and fields."""

    def __init__(self) -> None:
        self._left = b""
        self._has_greeted = False

    def orders_in(self, data: bytes) -> list[str]:
        """Return the references of the order frames that end in this piece."""
        self._left += data
        if not self._has_greeted:
            if len(self._left) < 4:
                return []
            self._left, self._has_greeted = self._left[4:], True
        found = []
        while len(self._left) >= 4:
            end = 4 + struct.unpack(">I", self._left[:4])[0]
            if len(self._left) < end:
                break
            frame, self._left = self._left[4:end], self._left[end:]
            if frame.startswith(PLACE_ORDER + b"\0"):
                found.append(frame.split(b"\0", ORDER_REF + 1)[ORDER_REF].decode())
        return found


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
