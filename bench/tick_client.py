"""Clients of the simulator's port as a bench needs them: many, blocking, and cheap to read.

They speak just enough of the protocol to subscribe and to place orders, and count what
comes back without decoding it.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Iterable, Sequence

VERSION = 176
READ_BYTES = 1 << 20
TIMEOUT_S = 30.0


def frame(*fields: object) -> bytes:
    payload = "".join(f"{one}\0" for one in fields).encode()
    return struct.pack(">I", len(payload)) + payload


def contract(symbol: str) -> list[object]:
    """Return the twelve fields of a stock."""
    return [0, symbol, "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""]


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads that are complete now."""
        data = self._rest + data
        place, end = 0, len(data)
        found: list[bytes] = []
        while end - place >= 4:
            length = int.from_bytes(data[place : place + 4], "big")
            if end - place - 4 < length:
                break
            found.append(data[place + 4 : place + 4 + length])
            place += 4 + length
        self._rest = data[place:]
        return found


class Client:
    """One connection. Raises OSError or TimeoutError when the server does not answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.frames = Frames()
        self._read: list[bytes] = []

    def start(self, client_id: int) -> int:
        """Shake hands and return the next valid order id."""
        hello = f"v157..{VERSION}".encode()
        self.socket.sendall(b"API\0" + struct.pack(">I", len(hello)) + hello + frame(71, 2, client_id, ""))
        answer = self.until(b"9\0")
        return int(answer.split(b"\0")[2])

    def send(self, *fields: object) -> None:
        self.socket.sendall(frame(*fields))

    def read(self) -> list[bytes]:
        """Return the next payloads, at least one."""
        while True:
            data = self.socket.recv(READ_BYTES)
            if not data:
                raise ConnectionError("the server closed the connection")
            if found := self.frames.feed(data):
                return found

    def until(self, head: bytes) -> bytes:
        """Return the next payload that begins like this."""
        while True:
            while self._read:
                payload = self._read.pop(0)
                if payload.startswith(head):
                    return payload
            self._read = self.read()

    def subscribe(self, symbols: Sequence[str]) -> None:
        """Open a market data line for each, numbered from 1, and wait until all are open."""
        for request_id, symbol in enumerate(symbols, 1):
            self.send(1, 11, request_id, *contract(symbol), 0, "", 0, 0, "")
        self.send(49, 1)
        self.until(b"49\0")

    def close(self) -> None:
        self.socket.close()


def read_all(clients: Iterable[Client], *, seconds: float) -> int:
    """Read from all clients for so long and return how many frames came."""
    return sum(len(frames) for frames in _chunks(clients, seconds=seconds))


def collect(client: Client, *, seconds: float) -> list[bytes]:
    """Return what one client is sent in so long, as payloads."""
    return [payload for frames in _chunks([client], seconds=seconds) for payload in frames]


def _chunks(clients: Iterable[Client], *, seconds: float) -> Iterable[list[bytes]]:
    end = time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        while (left := end - time.perf_counter()) > 0:
            for key, _ in selector.select(left):
                data = key.data.socket.recv(READ_BYTES)
                if not data:
                    raise ConnectionError("the server closed the connection")
                yield key.data.frames.feed(data)
