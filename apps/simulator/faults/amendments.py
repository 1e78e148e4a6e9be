"""Trades that are not final: corrected or declared void a while after they were told."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from apps.simulator.exchange.events import Event, Executed
from apps.simulator.exchange.orders import Execution
from apps.simulator.faults.board import FaultSwitches
from apps.simulator.faults.states import Amendment, spend
from apps.simulator.faults.verbs import Bounds, Count, Seconds, verbs
from apps.simulator.instruments.universe import instrument_of

_FIRST = ".01"


def correct_fills(
    faults: FaultSwitches,
    *,
    seconds: Seconds = 1,
    points: Annotated[int, Bounds(-10_000, 10_000)] = 1,
    count: Count = 1,
) -> None:
    """Correct the price of the next `count` executions by so many points, so much later: .01 becomes .02."""
    faults.reports.correct_fills = Amendment(seconds, points, count)


def bust_fills(faults: FaultSwitches, *, seconds: Seconds = 1, count: Count = 1) -> None:
    """Declare the next `count` executions void so much later (10225)."""
    faults.reports.bust_fills = Amendment(seconds, 0, count)


def _amend(faults: FaultSwitches, events: list[Event]) -> list[Event]:
    fills = [one.fill for one in events if isinstance(one, Executed) and one.fill.exec_id.endswith(_FIRST)]
    for fill in fills:
        if wanted := spend(faults.reports, "correct_fills"):
            faults.later(wanted.seconds, partial(_correct, faults, fill, wanted.points))
        if wanted := spend(faults.reports, "bust_fills"):
            faults.later(wanted.seconds, partial(faults.port.venue.exchange.back_office.bust, fill.exec_id))
    return events


def _correct(faults: FaultSwitches, fill: Execution, points: int) -> None:
    instrument = instrument_of(fill.con_id)
    price = instrument.price(max(1, instrument.points(fill.price) + points))
    faults.port.venue.exchange.back_office.correct(fill.exec_id, price=price, shares=None)


VERBS = verbs(correct_fills, bust_fills)
RETELLS = (_amend,)
