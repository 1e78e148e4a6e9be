"""The board of fault switches: how the simulator misbehaves when somebody asks it to.

Holds the state of every switch and the table of verbs that throw them. Server, sessions and
exchange ask it; what a switch does to a request, a message or an event is a function in the
module of its noun, and the board only runs those functions in the order of the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from apps.simulator.agenda import Agenda
from apps.simulator.clock import Clock
from apps.simulator.faults.port import Asked, FaultPort
from apps.simulator.faults.states import (
    ConnectionFaults,
    DataFaults,
    OrderFaults,
    ReportFaults,
    SessionFaults,
    Until,
    lift,
    spend,
    switches_on,
)
from apps.simulator.faults.verbs import Answer, Arguments, BadFault, UnknownFault, Verb
from apps.simulator.market.limits import DEPTH, LINES, TICK_BY_TICK
from apps.simulator.protocol.messages import Message

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession
    from apps.simulator.exchange.events import Event

MARKET_STREAMS = frozenset({LINES, DEPTH, TICK_BY_TICK})
_POLL_S = 0.05
#: Switches that leave single messages alone.
_NOT_ABOUT_MESSAGES = frozenset({"burst"})


@dataclass(frozen=True, slots=True)
class Table:
    """The verbs, and the functions by which their switches act."""

    verbs: dict[str, Verb]
    before: tuple[Callable[[FaultSwitches, ClientSession, Asked], bool], ...] = ()
    after: tuple[Callable[[FaultSwitches, ClientSession, Asked], None], ...] = ()
    rewrites: tuple[Callable[[FaultSwitches, ClientSession, Message], list[Message]], ...] = ()
    retells: tuple[Callable[[FaultSwitches, list[Event]], list[Event]], ...] = ()
    endings: Mapping[str, Callable[[FaultSwitches], None]] = field(default_factory=dict)

    def help_lines(self) -> Iterator[str]:
        """Return the verbs for people, each with its arguments."""
        yield "Faults"
        for name, verb in sorted(self.verbs.items()):
            yield f"  {name}({', '.join(one.text() for one in verb.arguments)})"
            yield f"      {verb.help}"

    def verb(self, name: str) -> Verb:
        """Return a verb. Raises UnknownFault."""
        if name not in self.verbs:
            raise UnknownFault(f"unknown fault {name!r}; known: {', '.join(sorted(self.verbs))}")
        return self.verbs[name]


class FaultSwitches:
    """All switches; times are epoch seconds of the simulator's clock."""

    def __init__(self, clock: Clock, agenda: Agenda, table: Table) -> None:
        self.clock = clock
        self.agenda = agenda
        self.port_or_none: FaultPort | None = None
        self.connection = ConnectionFaults()
        self.session = SessionFaults()
        self.data = DataFaults()
        self.orders = OrderFaults()
        self.reports = ReportFaults()
        #: What switches remember from message to message, by verb; gone when they are lifted.
        self.memory: dict[str, dict[Any, Any]] = {}
        #: Whether no switch has to look at single messages: the fast road.
        self.is_quiet = True
        self._busy_ids: dict[int, float] = {}
        self._table = table

    @property
    def port(self) -> FaultPort:
        """Return the server. Raises BadFault before there is one."""
        if self.port_or_none is None:
            raise BadFault("the server is not running")
        return self.port_or_none

    # --- throwing --------------------------------------------------------------------------

    @property
    def verbs(self) -> dict[str, Verb]:
        return self._table.verbs

    def switch(self, name: str, arguments: Arguments) -> Answer:
        """Throw one switch. Raises BadFault if there is no such verb or its arguments are wrong."""
        verb = self._table.verb(name)
        values = verb.read(arguments)
        # What the verb sends itself goes through the switches too, its own included.
        self.is_quiet = False
        try:
            return verb.throw(self, **values) or {}
        except BadFault as error:
            raise BadFault(f"{name}: {error}", argument=error.argument) from error
        finally:
            self._look_around()

    def clear(self) -> None:
        """Lift every switch."""
        for name in list(self.state()):
            self.lift(name)
        self._busy_ids.clear()
        self.memory.clear()

    def lift(self, name: str) -> None:
        """Lift one switch; one that is off stays off. Raises UnknownFault, BadFault."""
        self._table.verb(name)
        state = next((one for one in self._nouns() if hasattr(one, name)), None)
        if state is None:
            raise BadFault(f"{name} happens at once and leaves nothing to lift")
        if name in self._table.endings:
            self._table.endings[name](self)
        lift(state, name)
        self.memory.pop(name, None)
        self._look_around()

    def state(self) -> dict[str, Any]:
        """Return the switches that are on, by name."""
        now = self.clock.epoch()
        return {name: value for noun in self._nouns() for name, value in switches_on(noun, now).items()}

    def _nouns(self) -> tuple[Any, ...]:
        return self.connection, self.session, self.data, self.orders, self.reports

    def _look_around(self) -> None:
        self.is_quiet = not (self.state().keys() - _NOT_ABOUT_MESSAGES)

    # --- acting ----------------------------------------------------------------------------

    def intercepts(self, session: ClientSession, asked: Asked) -> bool:
        """Return whether a switch has dealt with a request, so that nobody else must."""
        return any(act(self, session, asked) for act in self._table.before)

    def follow(self, session: ClientSession, asked: Asked) -> None:
        """Do what switches want done once a request was answered."""
        for act in self._table.after:
            act(self, session, asked)

    def rewrite(self, session: ClientSession, message: Message) -> list[Message]:
        """Return what is sent instead of a message: nothing, it, or others."""
        found = [message]
        for act in self._table.rewrites:
            found = [new for one in found for new in act(self, session, one)]
        return found

    def retell(self, events: list[Event]) -> list[Event]:
        """Return the events as they are told, in the order in which they are told."""
        for act in self._table.retells:
            events = act(self, events)
        return events

    def later(self, seconds: float, deed: Callable[[], None]) -> None:
        """Do something at a later time of the venue."""
        self.agenda.after(seconds, deed)

    def until(self, seconds: float) -> Until:
        return Until(self.clock.epoch() + seconds)

    def is_on(self, until: Until | None) -> bool:
        return until is not None and self.clock.epoch() < until.at

    # --- asked by name ---------------------------------------------------------------------

    @property
    def is_refusing(self) -> bool:
        return self.is_on(self.connection.refuse)

    @property
    def is_frozen(self) -> bool:
        return self.is_on(self.connection.freeze)

    @property
    def is_paced(self) -> bool:
        return self.session.pacing

    @property
    def are_fills_held(self) -> bool:
        return self.orders.hold_fills

    def pauses(self, kind: str) -> bool:
        """Return whether streams of a kind say nothing for now and go on later."""
        if self.session.link_lost is not None:
            return True
        return kind in MARKET_STREAMS and self.is_on(self.data.competing_session)

    @property
    def withheld(self) -> set[int]:
        return self.session.withhold

    @property
    def burst_ticks_per_s(self) -> float:
        return self.data.burst

    async def thawed(self) -> None:
        """Wait until the freeze is over."""
        while self.is_frozen:  # noqa: ASYNC110  the end is a time of the simulator's clock, not an event
            await asyncio.sleep(_POLL_S)

    async def reception_opens(self) -> None:
        """Wait until new connections are answered."""
        while self.is_frozen or self.is_on(self.connection.no_handshake):  # noqa: ASYNC110  as above
            await asyncio.sleep(_POLL_S)

    def is_busy(self, client_id: int) -> bool:
        """Return whether an id still counts as connected after its socket is gone."""
        return self.clock.epoch() < self._busy_ids.get(client_id, 0.0)

    def client_gone(self, client_id: int) -> None:
        if self.connection.busy_client_id:
            self._busy_ids[client_id] = self.clock.epoch() + self.connection.busy_client_id

    def takes_disclaimer(self) -> bool:
        """Return whether a new client is told to accept the disclaimer of paper trading first."""
        return bool(spend(self.connection, "disclaimer"))
