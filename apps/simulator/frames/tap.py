"""A listening socket whose every byte is overheard, whatever reads and writes it.

The ear sits below the streams, at the transport: a server without one keeps the plain
socket and pays nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, cast

from apps.simulator.frames.describe import Direction

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Ear(Protocol):
    """What overhears one connection; it must not raise."""

    def heard(self, direction: Direction, data: bytes) -> None: ...

    def ended(self) -> None: ...


async def start_overheard_server(
    serve: Serve, host: str, *, port: int, overhear: Callable[[], Ear]
) -> asyncio.Server:
    """Serve like asyncio.start_server; `overhear` gives the ear of each new connection."""
    loop = asyncio.get_running_loop()

    def overheard() -> asyncio.StreamReaderProtocol:
        return _OverheardProtocol(asyncio.StreamReader(loop=loop), serve, ear=overhear())

    return await loop.create_server(overheard, host, port)


class _OverheardProtocol(asyncio.StreamReaderProtocol):
    def __init__(self, reader: asyncio.StreamReader, serve: Serve, *, ear: Ear) -> None:
        super().__init__(reader, serve, asyncio.get_running_loop())
        self._ear = ear

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", _OverheardTransport(transport, self._ear)))

    def data_received(self, data: bytes) -> None:
        self._ear.heard(Direction.FROM_CLIENT, data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ear.ended()
        super().connection_lost(exc)


class _OverheardTransport:
    """The transport itself in everything but writing."""

    def __init__(self, transport: asyncio.BaseTransport, ear: Ear) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ear = ear

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._ear.heard(Direction.FROM_SERVER, bytes(data))
        self._transport.write(data)

    def writelines(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))
