"""Carries out a scenario: what happens at its start, at its times, and when something triggers it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from apps.simulator.agenda import Appointment
from apps.simulator.clock import EASTERN
from apps.simulator.config import BadConfig
from apps.simulator.exchange.events import Event, Executed, OrderChanged
from apps.simulator.exchange.orders import Status
from apps.simulator.instruments.universe import instrument_named
from apps.simulator.scenario.reading import Scenario, Step

if TYPE_CHECKING:
    from apps.simulator.server import SimulatorServer

logger = logging.getLogger(__name__)

_ENDINGS = {Status.CANCELLED: "order cancelled", Status.INACTIVE: "order rejected"}


class ScenarioPlayer:
    """Plays one scenario at a time on a simulator."""

    def __init__(self, simulator: SimulatorServer) -> None:
        self.playing: Scenario | None = None
        self._simulator = simulator
        self._appointments: list[Appointment] = []
        self._left: dict[int, int] = {}
        self._seen: set[int] = set()

    def play(self, scenario: Scenario) -> None:
        """Begin a scenario, in place of any other. Raises BadConfig if it names an unknown command."""
        self._check_commands(scenario)
        self.stop()
        self.playing = scenario
        self._set_prices(scenario.prices, hold=False)
        for fault in scenario.faults:
            self._do(fault)
        for step in scenario.steps:
            self._left[step.number] = step.times
            if not step.when:
                self._enter(step, self._wait(step))

    def stop(self) -> None:
        """Call off what is still to come, and lift every fault."""
        for one in self._appointments:
            one.call_off()
        self._appointments.clear()
        self._left.clear()
        self._seen.clear()
        self.playing = None
        self._simulator.venue.faults.clear()

    def notice(self, trigger: str) -> None:
        """Let happen what waits for a trigger; soon, but never inside of what triggers it."""
        if self.playing is None:
            return
        for step in self.playing.steps:
            if step.when == trigger and self._is_left(step):
                self._appoint(step.after, step)

    def see(self, events: Iterable[Event]) -> None:
        """Notice what happens to orders."""
        if self.playing is None or not any(step.when for step in self.playing.steps):
            return
        for event in events:
            if isinstance(event, Executed):
                self.notice("order filled")
            elif isinstance(event, OrderChanged) and event.with_status:
                self._see_status(event)

    def _see_status(self, event: OrderChanged) -> None:
        if event.order.perm_id not in self._seen:
            self._seen.add(event.order.perm_id)
            self.notice("order placed")
        if event.order.status in _ENDINGS:
            self.notice(_ENDINGS[event.order.status])

    def _check_commands(self, scenario: Scenario) -> None:
        for step in scenario.steps:
            if step.command and step.command not in self._simulator.commands:
                raise BadConfig(
                    f"scenario {scenario.name}: step {step.number}: unknown command {step.command!r}"
                )

    def _wait(self, step: Step) -> float:
        """Return the seconds until a step happens for the first time."""
        if step.every is not None:
            return step.every
        if isinstance(step.at, float):
            return step.at
        now = datetime.fromtimestamp(self._simulator.venue.clock.epoch(), UTC).astimezone(EASTERN)
        if step.at is None:
            return 0.0
        then = now.replace(hour=step.at.hour, minute=step.at.minute, second=0, microsecond=0)
        if then <= now:
            then += timedelta(days=1)
        return (then.astimezone(UTC) - now.astimezone(UTC)).total_seconds()

    def _enter(self, step: Step, seconds: float) -> None:
        if not self._is_left(step):
            return
        self._appoint(seconds, step)

    def _is_left(self, step: Step) -> bool:
        """Count a step down; return whether it may happen once more."""
        if step.times == 0:
            return True
        self._left[step.number] -= 1
        return self._left[step.number] >= 0

    def _appoint(self, seconds: float, step: Step) -> None:
        made = self._simulator.venue.agenda.after(seconds, partial(self._happen, step))
        self._appointments = [one for one in self._appointments if not one.is_over] + [made]

    def _happen(self, step: Step) -> None:
        self._do(step)
        if step.every is not None:
            self._enter(step, step.every)

    def _do(self, step: Step) -> None:
        logger.info(
            "scenario step", extra={"step": step.number, "fault": step.fault, "command": step.command}
        )
        faults = self._simulator.venue.faults
        if step.fault:
            faults.switch(step.fault, step.arguments)
        if step.command:
            self._command(step)
        for name in step.lift:
            if name == "all":
                faults.clear()
            else:
                faults.lift(name)
        self._set_prices(step.prices, hold=step.hold)

    def _command(self, step: Step) -> None:
        request = {**step.arguments, "command": step.command}
        result = self._simulator.commands[step.command](self._simulator, request)
        if asyncio.iscoroutine(result):
            result.close()
            raise BadConfig(f"command {step.command!r} takes time and has no place in a scenario")

    def _set_prices(self, prices: dict[str, float], *, hold: bool) -> None:
        for symbol, price in prices.items():
            instrument = instrument_named(symbol)
            if instrument is None:
                raise BadConfig(f"unknown symbol {symbol!r}")
            self._simulator.venue.set_price(instrument, instrument.points(price), hold=hold)
