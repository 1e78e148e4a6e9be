"""The parts of one simulator put together, and the only thing sessions hold of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.simulator.clock import Clock
from apps.simulator.config import SimulatorConfig
from apps.simulator.events import Event
from apps.simulator.exchange import Exchange
from apps.simulator.faults import FaultSwitches
from apps.simulator.hours import HOURS, eastern_date, midnight
from apps.simulator.journal import Journal
from apps.simulator.ledger import Ledger
from apps.simulator.quotes import Market
from apps.simulator.universe import Instrument
from apps.simulator.venue_state import VenueState


@dataclass(frozen=True, slots=True)
class Venue:
    """Market, exchange and switches of one simulator."""

    config: SimulatorConfig
    clock: Clock
    market: Market
    state: VenueState
    exchange: Exchange
    faults: FaultSwitches
    journal: Journal

    def set_price(self, instrument: Instrument, points: int, *, hold: bool) -> None:
        """Move a price by hand; it survives a restart like everything else."""
        self.market.set_price(instrument, points, at=self.clock.epoch(), hold=hold)
        self.state.save_adjustment(instrument.symbol, self.market.adjustments[instrument.symbol][-1])
        self.exchange.pulse()


def open_venue(config: SimulatorConfig, *, publish: Callable[[list[Event]], None]) -> Venue:
    """Return a venue, with what its state file holds if there is one."""
    clock = config.clock
    market = Market(seed=config.seed, hours=HOURS[config.hours])
    journal = Journal(config.state)
    state = VenueState(
        market=market, ledger=Ledger(cash=config.cash), journal=journal, clock=clock, publish=publish
    )
    state.restore(keep_since=midnight(eastern_date(clock.epoch())))
    faults = FaultSwitches(clock)
    exchange = Exchange(
        state,
        clock=clock,
        account=config.account,
        switch=faults,
        cross_client_cancel=config.cross_client_cancel,
    )
    return Venue(config, clock, market, state, exchange, faults, journal)
