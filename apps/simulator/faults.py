"""The fault switches: how the simulator misbehaves when somebody asks it to.

A table of verbs, each a small function on the switch board. Switches that only hold a
state are read by the server, the sessions and the exchange; verbs that act at once do so
through the port the server gives. New verbs are new rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from apps.simulator.clock import Clock

MARKERS = (53, 54, 55, 62, 102)
MAX_BURST = 1_000_000
_FROZEN_POLL_S = 0.05
Arguments = dict[str, Any]


class BadFault(Exception):
    """A verb that cannot be used like this; `argument` names what was wrong, if it was one."""

    def __init__(self, detail: str, *, argument: str | None = None) -> None:
        super().__init__(detail)
        self.argument = argument


class UnknownFault(BadFault):
    """There is no verb of that name."""


class FaultPort(Protocol):
    """What verbs that act at once need of the server."""

    def drop_clients(self, *, reset: bool) -> int: ...

    def emit_error(self, request_id: int, code: int, text: str) -> int: ...

    def halt_symbol(self, symbol: str, *, is_halted: bool, kind: str = "general") -> None: ...

    def grant_market_data(self, right: str, *, symbol: str) -> None: ...

    def stop_listening(self) -> None: ...

    def pulse(self) -> None: ...


@dataclass(slots=True)
class FaultSwitches:
    """The state of all switches; times are epoch seconds of the simulator's clock."""

    clock: Clock
    port: FaultPort | None = None
    refuse_until: float = 0.0
    freeze_until: float = 0.0
    busy_id_s: float = 0.0
    busy_ids: dict[int, float] = field(default_factory=dict)
    withheld: set[int] = field(default_factory=set)
    orders_to_eat: int = 0
    ack_delay_s: float = 0.0
    are_fills_held: bool = False
    is_paced: bool = False
    burst_ticks_per_s: float = 0.0

    @property
    def is_refusing(self) -> bool:
        return self.clock.epoch() < self.refuse_until

    @property
    def is_frozen(self) -> bool:
        return self.clock.epoch() < self.freeze_until

    async def thawed(self) -> None:
        """Wait until the freeze is over."""
        while self.is_frozen:  # noqa: ASYNC110  the end is a time of the simulator's clock, not an event
            await asyncio.sleep(_FROZEN_POLL_S)

    def is_busy(self, client_id: int) -> bool:
        """Return whether an id still counts as connected after its socket is gone."""
        return self.clock.epoch() < self.busy_ids.get(client_id, 0.0)

    def client_gone(self, client_id: int) -> None:
        if self.busy_id_s:
            self.busy_ids[client_id] = self.clock.epoch() + self.busy_id_s

    def eats_order(self) -> bool:
        """Return whether the placeOrder just read must vanish."""
        if not self.orders_to_eat:
            return False
        self.orders_to_eat -= 1
        return True

    def clear(self) -> None:
        """Lift every switch."""
        for name, value in vars_of(FaultSwitches(self.clock, self.port)).items():
            setattr(self, name, value)

    def state(self) -> dict[str, Any]:
        """Return the switches that are on, by name."""
        now = self.clock.epoch()
        shown = {
            "refuse": max(0.0, round(self.refuse_until - now, 3)),
            "freeze": max(0.0, round(self.freeze_until - now, 3)),
            "busy_client_id": self.busy_id_s,
            "withhold": sorted(self.withheld),
            "eat_order": self.orders_to_eat,
            "delay_acks": self.ack_delay_s,
            "hold_fills": self.are_fills_held,
            "pacing": self.is_paced,
            "burst": self.burst_ticks_per_s,
        }
        return {name: value for name, value in shown.items() if value}

    def switch(self, name: str, arguments: Arguments) -> dict[str, Any]:
        """Throw one switch. Raises BadFault if there is no such verb or its arguments are wrong."""
        verb = VERBS.get(name)
        if verb is None:
            raise UnknownFault(f"unknown fault {name!r}; known: {', '.join(sorted(VERBS))}")
        try:
            return verb(self, arguments) or {}
        except (KeyError, TypeError, ValueError) as error:
            raise BadFault(f"bad arguments for {name}: {error}") from error


def vars_of(switches: FaultSwitches) -> dict[str, Any]:
    """Return the fields that hold a switch."""
    return {
        name: getattr(switches, name) for name in FaultSwitches.__slots__ if name not in ("clock", "port")
    }


def _seconds(arguments: Arguments, default: float) -> float:
    value = float(arguments.get("seconds", default))
    if value < 0:
        raise ValueError("seconds must not be negative")
    return value


def _port(switches: FaultSwitches) -> FaultPort:
    if switches.port is None:
        raise BadFault("the server is not running")
    return switches.port


def _drop(reset: bool) -> Callable[[FaultSwitches, Arguments], dict[str, Any]]:
    return lambda switches, _: {"dropped": _port(switches).drop_clients(reset=reset)}


def _refuse(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.refuse_until = switches.clock.epoch() + _seconds(arguments, 5)
    _port(switches).stop_listening()


def _freeze(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.freeze_until = switches.clock.epoch() + _seconds(arguments, 5)


def _busy_client_id(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.busy_id_s = _seconds(arguments, 5)


def _withhold(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.withheld = {int(one) for one in arguments.get("messages", MARKERS)}


def _eat_order(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.orders_to_eat = int(arguments.get("count", 1))


def _delay_acks(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.ack_delay_s = _seconds(arguments, 1)


def _hold_fills(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.are_fills_held = bool(arguments.get("on", True))


def _release_fills(switches: FaultSwitches, _: Arguments) -> None:
    switches.are_fills_held = False
    _port(switches).pulse()


def _halt(switches: FaultSwitches, arguments: Arguments) -> None:
    _port(switches).halt_symbol(
        str(arguments["symbol"]),
        is_halted=bool(arguments.get("on", True)),
        kind=str(arguments.get("kind", "general")),
    )


def _market_data(switches: FaultSwitches, arguments: Arguments) -> None:
    _port(switches).grant_market_data(str(arguments["right"]), symbol=str(arguments.get("symbol", "")))


def _emit_error(switches: FaultSwitches, arguments: Arguments) -> dict[str, Any]:
    request_id = int(arguments.get("id", -1))
    told = _port(switches).emit_error(request_id, int(arguments["code"]), str(arguments.get("text", "")))
    return {"clients": told}


def _pacing(switches: FaultSwitches, arguments: Arguments) -> None:
    switches.is_paced = bool(arguments.get("on", True))


def _burst(switches: FaultSwitches, arguments: Arguments) -> None:
    wanted = float(arguments["ticks_per_s"])
    if not 0 <= wanted <= MAX_BURST:
        raise ValueError(f"ticks_per_s must be 0 to {MAX_BURST}")
    switches.burst_ticks_per_s = wanted


VERBS: dict[str, Callable[[FaultSwitches, Arguments], dict[str, Any] | None]] = {
    "drop_fin": _drop(reset=False),
    "drop_rst": _drop(reset=True),
    "refuse": _refuse,
    "freeze": _freeze,
    "busy_client_id": _busy_client_id,
    "withhold": _withhold,
    "eat_order": _eat_order,
    "delay_acks": _delay_acks,
    "hold_fills": _hold_fills,
    "release_fills": _release_fills,
    "halt": _halt,
    "market_data": _market_data,
    "emit_error": _emit_error,
    "pacing": _pacing,
    "burst": _burst,
}


def help_lines() -> Iterator[str]:
    """Return the verbs, one a line."""
    yield "Faults"
    yield from (f"  {name}" for name in sorted(VERBS))
