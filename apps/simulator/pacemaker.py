"""Moves the venue through its time: in step with the clock, faster, or by hand.

Whatever the clock, the venue sees its time in pulses of `pulse_s` and at every appointment
of the agenda, so no stop, slice or bar is jumped over. What a pulse does is the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from apps.simulator.agenda import Agenda
from apps.simulator.clock import AcceleratedClock, Clock, ManualClock, SteppedClock, wall_seconds

#: Longest time without a look at the sockets while catching up.
_TURN_S = 0.02
_SHORTEST_REST_S = 0.001


class NotMovable(Exception):
    """The clock runs by itself."""


class Pacemaker:
    """Calls `pulse` as the clock goes."""

    def __init__(
        self, clock: Clock, agenda: Agenda, *, pulse_s: float, pulse: Callable[[], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._agenda = agenda
        self._pulse_s = pulse_s
        self._pulse = pulse

    async def beat(self) -> None:
        """Run until cancelled."""
        if isinstance(self._clock, AcceleratedClock):
            await self._catch_up_forever(self._clock)
        if isinstance(self._clock, SteppedClock):
            # A pulse by the machine's time would fall between other bytes in every run.
            await self._step()
            return
        while True:
            await self._step()
            await self._rest()

    async def advance(self, seconds: float, *, step_s: float | None = None) -> None:
        """Move a clock that is moved by hand, in steps. Raises NotMovable, ValueError."""
        clock = self._clock
        if not isinstance(clock, ManualClock) or isinstance(clock, AcceleratedClock):
            raise NotMovable("only a stepped clock is moved by hand")
        if seconds < 0:
            raise ValueError("a clock only moves forward")
        for at in self._steps(clock, clock.epoch() + seconds, step_s or self._pulse_s):
            clock.move_to(at)
            await self._step()
            # Clients may speak between two steps, as they would between two pulses.
            await asyncio.sleep(0)

    def lag_s(self) -> float:
        """Return how far an accelerated clock is behind its speed, in seconds of the venue."""
        if isinstance(self._clock, AcceleratedClock):
            return max(0.0, self._clock.due() - self._clock.epoch())
        return 0.0

    async def _step(self) -> None:
        self._agenda.run_due()
        await self._pulse()

    async def _rest(self) -> None:
        """Sleep until the next pulse, but see to appointments in between."""
        until = wall_seconds() + self._pulse_s
        while (left := until - wall_seconds()) > 0:
            at = self._agenda.next_at
            wait = left if at is None else min(left, max(0.0, at - self._clock.epoch()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait, _SHORTEST_REST_S)):
                    await self._agenda.is_hurried.wait()
            self._agenda.run_due()

    async def _catch_up_forever(self, clock: AcceleratedClock) -> None:
        """Move to the last whole pulse that is due, again and again, with a look at the sockets between."""
        began = clock.epoch()
        while True:
            turn_ends = wall_seconds() + _TURN_S
            whole_pulses = (clock.due() - began) // self._pulse_s
            for at in self._steps(clock, began + whole_pulses * self._pulse_s, self._pulse_s):
                clock.move_to(at)
                await self._step()
                if wall_seconds() > turn_ends:
                    break
            await asyncio.sleep(max(_SHORTEST_REST_S, self._pulse_s / clock.speed / 2))

    def _steps(self, clock: ManualClock, end: float, step_s: float) -> Iterator[float]:
        """Return the times from here to `end`: every step and every appointment in between."""
        start, count = clock.epoch(), 0
        while (here := clock.epoch()) < end:
            grid = start + (count + 1) * step_s
            at = self._agenda.next_at
            if at is not None and here < at < min(grid, end):
                yield at
            else:
                count += 1
                yield min(grid, end)
