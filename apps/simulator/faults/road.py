"""The way of a message from a session to its socket while something is broken.

Decides when a message goes: at once, later, in another order, never. What is in it was
decided before, by the functions of the table (board.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from apps.simulator.faults.board import FaultSwitches
from apps.simulator.protocol.messages import ORDER_REPORTS, TICKS, Message

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

_LONGEST_SHUFFLE_S = 1.0


class Road:
    """Messages of one session that do not go the straight way."""

    def __init__(
        self, faults: FaultSwitches, session: ClientSession, write: Callable[[Message], None]
    ) -> None:
        self.is_mute = False
        self._faults = faults
        self._session = session
        self._write = write
        self._held: list[Message] = []
        self._shuffled: list[Message] = []
        self._next_at = 0.0
        self._waiting = 0

    @property
    def is_clear(self) -> bool:
        """Return whether a message may be written at once, without asking anything."""
        is_empty = not (self._held or self._shuffled or self._waiting or self.is_mute)
        return is_empty and self._faults.is_quiet

    def send(self, message: Message) -> None:
        """Send a message as the switches want it."""
        if self.is_mute:
            return
        for one in self._faults.rewrite(self._session, message):
            self._route(one)

    def pulse(self) -> None:
        """Let go what a freeze held, once it is over."""
        if self._held and not self._faults.is_frozen:
            held, self._held = self._held, []
            for message in held:
                self._route(message)

    def _route(self, message: Message) -> None:
        is_report, reports = message[0] in ORDER_REPORTS, self._faults.reports
        if self._faults.is_frozen:
            if message[0] not in TICKS:
                self._held.append(message)
            return
        self.pulse()
        if is_report and reports.delay_acks:
            self._faults.later(reports.delay_acks, partial(self._pass, message))
        elif is_report and reports.out_of_order is not None:
            self._shuffle(message)
        else:
            self._pass(message)

    def _pass(self, message: Message) -> None:
        """Write, or trickle if the switches say so."""
        per_s, now = self._faults.session.slow_sync, self._faults.clock.epoch()
        if self.is_mute:
            return
        if message[0] in TICKS or not (per_s or self._waiting):
            self._write(message)
            return
        self._next_at = max(self._next_at, now) + (1 / per_s if per_s else 0.0)
        self._waiting += 1
        self._faults.later(self._next_at - now, partial(self._arrive, message))

    def _arrive(self, message: Message) -> None:
        self._waiting -= 1
        if not self.is_mute:
            self._write(message)

    def _shuffle(self, message: Message) -> None:
        wanted = self._faults.reports.out_of_order
        if not self._shuffled:
            self._faults.later(_LONGEST_SHUFFLE_S, self._deal)
        self._shuffled.append(message)
        if wanted is None or len(self._shuffled) >= wanted.window:
            self._deal()

    def _deal(self) -> None:
        wanted, hand = self._faults.reports.out_of_order, self._shuffled
        self._shuffled = []
        if wanted is not None:
            random.Random(f"{wanted.seed}:{len(hand)}").shuffle(hand)
        for message in hand:
            self._pass(message)
