"""The parts of one simulator put together, and the only thing sessions hold of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from apps.simulator.agenda import Agenda
from apps.simulator.clock import Clock
from apps.simulator.config import SimulatorConfig
from apps.simulator.exchange.events import Event
from apps.simulator.exchange.exchange import Exchange
from apps.simulator.exchange.journal import Journal
from apps.simulator.exchange.ledger import Ledger
from apps.simulator.exchange.policies import Policies
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.faults import FaultSwitches, new_switches
from apps.simulator.instruments.hours import HOURS, eastern_date, midnight
from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.entitlements import Entitlements, Right
from apps.simulator.market.figures import Figures
from apps.simulator.market.limits import LIMITS, DataMeter, PacedRequest
from apps.simulator.market.quotes import Market
from apps.simulator.opening import open_sources


@dataclass(frozen=True, slots=True)
class Venue:
    """Market, exchange and switches of one simulator."""

    config: SimulatorConfig
    clock: Clock
    agenda: Agenda
    market: Market
    state: VenueState
    exchange: Exchange
    faults: FaultSwitches
    journal: Journal
    entitlements: Entitlements
    meter: DataMeter
    policies: Policies
    figures: Figures

    def set_price(self, instrument: Instrument, points: int, *, hold: bool) -> None:
        """Move a price by hand; it survives a restart like everything else."""
        self.market.set_price(instrument, points, at=self.clock.epoch(), hold=hold)
        self.state.save_adjustment(instrument.con_id, self.market.adjustments[instrument.con_id][-1])
        self.exchange.pulse()

    def admits_history(self, whole: Hashable, *, source: Hashable, kind: str) -> bool:
        """Return whether the pace of requests for short bars allows one more."""
        if not (self.meter.limits.is_paced or self.faults.is_paced):
            return True
        weight = 2 if kind == "BID_ASK" else 1
        return self.meter.admits_history(PacedRequest(self.clock.epoch(), whole, source, weight))

    def admits_tick_by_tick(self, instrument: Instrument) -> bool:
        """Return whether an instrument's single ticks may be asked for again already."""
        if not (self.meter.limits.is_paced or self.faults.is_paced):
            return True
        return self.meter.admits_tick_by_tick(instrument.con_id, now=self.clock.epoch())


def open_venue(config: SimulatorConfig, *, publish: Callable[[list[Event]], None]) -> Venue:
    """Return a venue, with what its state file holds if there is one."""
    clock = config.clock
    market = Market(seed=config.seed, hours=HOURS[config.hours], sources=open_sources(config))
    journal = Journal(config.state_file)
    state = VenueState(
        market=market, ledger=Ledger(cash=config.cash), journal=journal, clock=clock, publish=publish
    )
    state.restore(keep_since=midnight(eastern_date(clock.epoch())))
    agenda = Agenda(clock)
    faults = new_switches(clock, agenda)
    policies = Policies(cross_client_cancel=config.cross_client_cancel, reject_order=config.reject_order)
    exchange = Exchange(
        state,
        clock=clock,
        account=config.account,
        switch=faults,
        policies=policies,
    )
    if config.roll_back_next_id:
        exchange.begin_order_ids_anew()
    return Venue(
        config=config,
        clock=clock,
        agenda=agenda,
        market=market,
        state=state,
        exchange=exchange,
        faults=faults,
        journal=journal,
        entitlements=Entitlements(Right(config.market_data)),
        meter=DataMeter(LIMITS[config.limits]),
        policies=policies,
        figures=Figures(market),
    )
