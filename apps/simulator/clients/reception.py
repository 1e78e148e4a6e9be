"""The way in: preamble, version range, startApi, and a limit on those who never get that far.

What becomes of a client once it is known is the server's business (server.py).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from apps.simulator.clock import Clock, eastern_text
from apps.simulator.faults import FaultSwitches
from apps.simulator.protocol.messages import In, negotiate
from apps.simulator.wire import BadFrame, Fields, Value, encode, read_frame, split_fields

# A crowd that says nothing must not keep out a client that knows what it wants: the oldest goes.
MAX_WAITING = 128
_PREAMBLE = b"API\0"
_HELLO = re.compile(r"v(\d{1,6})(?:\.\.(\d{1,6}))?(?: .*)?")


class TurnedAway(Exception):
    """A connection that did not become a client; the text says why."""


class LeftEarly(TurnedAway):
    """The peer went before it said who it is, as a look at the port does."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who has come, and the version spoken with them."""

    version: int
    client_id: int


class Reception:
    """All connections that have not said startApi yet."""

    def __init__(
        self, clock: Clock, faults: FaultSwitches, *, max_server_version: int, limit_s: float
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._max_server_version = max_server_version
        self._limit_s = limit_s
        self._waiting: list[asyncio.StreamWriter] = []

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Arrival:
        """Return who has come. Raises TurnedAway, or BadFrame and BadField for what is not the protocol."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.pop(0).transport.abort()
        self._waiting.append(writer)
        try:
            async with asyncio.timeout(self._limit_s):
                version = await self._agree(reader, writer)
                return Arrival(version, await _read_start(reader))
        except TimeoutError:
            raise TurnedAway("no startApi in time") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            if writer not in self._waiting:
                raise TurnedAway("too many connections wait") from None
            raise LeftEarly("left before startApi") from None
        finally:
            if writer in self._waiting:
                self._waiting.remove(writer)

    async def _agree(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        # Byte by byte: what is no client may be shorter than a preamble and wait for an answer.
        for expected in _PREAMBLE:
            if (await reader.readexactly(1))[0] != expected:
                raise BadFrame("no API preamble")
        hello = _HELLO.fullmatch((await read_frame(reader)).decode("ascii", "replace").rstrip("\0"))
        if hello is None:
            raise BadFrame("no version range")
        lowest = int(hello[1])
        version = negotiate(lowest, int(hello[2] or lowest), server_max=self._max_server_version)
        if version is None:
            raise TurnedAway(f"no version in common with {hello[0]}")
        lie = self._faults.connection.bad_handshake
        told: list[Value] = [lie.version, lie.time] if lie else [version, eastern_text(self._clock.epoch())]
        writer.write(encode(told))
        return version


async def _read_start(reader: asyncio.StreamReader) -> int:
    """Return the client id of startApi, the only request allowed before anything else."""
    fields = Fields(split_fields(await read_frame(reader)))
    if fields.integer() != In.START_API:
        raise BadFrame("request before startApi")
    fields.skip()
    return fields.integer()
