"""Bytes that trickle: a socket written to slowly and in pieces, in real time as sockets live."""

from __future__ import annotations

import asyncio
import contextlib

from apps.simulator.faults.states import SlowWriting

_BEAT_S = 0.02
_AT_ONCE = SlowWriting(1e9, 1_000_000)


class SlowPipe:
    """What is on its way to one slow socket."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting = bytearray()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    def push(self, data: bytes, pace: SlowWriting | None) -> None:
        """Queue bytes; they are written by a task of their own, at once if there is no pace any more."""
        self._waiting += data
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._trickle(pace or _AT_ONCE), name="slow writer"
            )

    def stop(self) -> None:
        """Forget what was not written."""
        if self._task is not None:
            self._task.cancel()

    async def _trickle(self, pace: SlowWriting) -> None:
        credit = 0.0
        with contextlib.suppress(ConnectionError):
            while self._waiting and not self._writer.is_closing():
                credit += pace.bytes_per_s * _BEAT_S
                while credit >= 1 and self._waiting:
                    piece = bytes(self._waiting[: min(pace.piece, int(credit))])
                    del self._waiting[: len(piece)]
                    credit -= len(piece)
                    self._writer.write(piece)
                await self._writer.drain()
                await asyncio.sleep(_BEAT_S)
