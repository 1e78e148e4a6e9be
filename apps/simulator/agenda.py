"""What is to happen at a later time of the venue: delayed answers, the ends of faults, scenarios.

Deeds run in the order of their times, those of one time in the order they were entered.
Who looks at the clock and calls `run_due` is pacemaker.py.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.simulator.clock import Clock

logger = logging.getLogger(__name__)


@dataclass(order=True, slots=True)
class Appointment:
    """A deed and its time; it can be called off until then."""

    at: float
    number: int
    deed: Callable[[], None] = field(compare=False)
    is_off: bool = field(default=False, compare=False)
    is_done: bool = field(default=False, compare=False)

    @property
    def is_over(self) -> bool:
        return self.is_off or self.is_done

    def call_off(self) -> None:
        self.is_off = True


class Agenda:
    """Deeds to come, by the venue's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[Appointment] = []
        self._number = 0
        #: Set when something is to happen earlier than was known before.
        self.is_hurried = asyncio.Event()

    @property
    def next_at(self) -> float | None:
        """Return the time of the next deed, in epoch seconds."""
        while self._waiting and self._waiting[0].is_off:
            heapq.heappop(self._waiting)
        return self._waiting[0].at if self._waiting else None

    def after(self, seconds: float, deed: Callable[[], None]) -> Appointment:
        """Enter a deed `seconds` of the venue's time from now."""
        self._number += 1
        made = Appointment(self._clock.epoch() + seconds, self._number, deed)
        is_first = self.next_at is None or made < self._waiting[0]
        heapq.heappush(self._waiting, made)
        if is_first:
            self.is_hurried.set()
        return made

    def run_due(self) -> None:
        """Do everything whose time has come; one deed that fails does not keep the others from theirs."""
        self.is_hurried.clear()
        now = self._clock.epoch()
        while (at := self.next_at) is not None and at <= now:
            made = heapq.heappop(self._waiting)
            made.is_done = True
            try:
                made.deed()
            except Exception:
                logger.exception("deed on the agenda failed")
