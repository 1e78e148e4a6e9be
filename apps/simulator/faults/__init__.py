"""Misbehaviour on demand: the table of fault verbs and how they act.

One module a noun (connection, frames, session, data, orders, reports, amendments), each with its verbs
and the functions by which their switches change requests, messages and events. Scenarios
(apps/simulator/scenario) combine them; the control port throws them.
"""

from __future__ import annotations

from apps.simulator.agenda import Agenda
from apps.simulator.clock import Clock
from apps.simulator.faults import amendments, connection, data, frames, orders, reports, session
from apps.simulator.faults.board import FaultSwitches, Table
from apps.simulator.faults.port import Asked, FaultPort
from apps.simulator.faults.verbs import BadFault, UnknownFault, Verb

__all__ = ["TABLE", "Asked", "BadFault", "FaultPort", "FaultSwitches", "UnknownFault", "Verb", "new_switches"]

_NOUNS = (connection, frames, session, data, orders, reports, amendments)

# The order matters: a request is dropped before it is refused, and refused before it is eaten;
# copies are made of what a message has become.
TABLE = Table(
    verbs={verb.name: verb for noun in _NOUNS for verb in noun.VERBS},
    before=(*connection.BEFORE, *session.BEFORE, *data.BEFORE, *orders.BEFORE),
    after=(*orders.AFTER, *connection.AFTER),
    rewrites=(*session.REWRITES, *data.REWRITES, *reports.REWRITES, *frames.REWRITES),
    retells=(*amendments.RETELLS, *reports.RETELLS, *session.RETELLS),
    endings=session.ENDINGS,
)


def new_switches(clock: Clock, agenda: Agenda) -> FaultSwitches:
    """Return a board with every switch off."""
    return FaultSwitches(clock, agenda, TABLE)
