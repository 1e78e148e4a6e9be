"""How one simulator is set up; refuses what a paper-trading program must never be."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apps.simulator.clock import Clock, WallClock
from apps.simulator.exchange.policies import REJECT_ORDERS
from apps.simulator.instruments.hours import HOURS
from apps.simulator.market.entitlements import Right
from apps.simulator.market.limits import LIMITS
from apps.simulator.market.price_sources import NOW, OWN_TIMES
from apps.simulator.market.tapes import parse_time
from apps.simulator.protocol.messages import NEWEST_VERSION, OLDEST_VERSION


class BadConfig(Exception):
    """The simulator must not start like this."""


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything a simulator is told at its start. Port 0 takes a free one; None means no switchboard."""

    host: str = "127.0.0.1"
    port: int = 4002
    control_port: int | None = None
    seed: int = 7
    scenario: str = "quiet"
    state: Path | None = None
    account: str = "DU1234567"
    hours: str = "always"
    max_server_version: int = NEWEST_VERSION
    cash: float = 1_000_000.0
    pulse_s: float = 0.25
    cross_client_cancel: bool = True
    master_client_id: int | None = None
    roll_back_next_id: bool = False
    reject_order: str = REJECT_ORDERS[0]
    frame_log: Path | None = None
    handshake_limit_s: float = 30.0
    market_data: str = "live"
    limits: str = "real"
    tapes: tuple[Path, ...] = ()
    tape_start: str = OWN_TIMES
    calendar: Path | None = None
    clock: Clock = field(default_factory=WallClock)

    @property
    def state_file(self) -> Path | None:
        """The file that keeps orders and positions; a directory is given one of its own."""
        if self.state is not None and self.state.is_dir():
            return self.state / "simulator.db"
        return self.state

    def check(self, environment: Mapping[str, str]) -> None:
        """Raise BadConfig unless this is a paper account, served to this machine only."""
        if environment.get("PAPER_TRADING", "true").strip().lower() in ("false", "0", "no"):
            raise BadConfig("PAPER_TRADING=false: the simulator only ever plays a paper account")
        if not self.account.startswith("DU"):
            raise BadConfig(f"account {self.account!r} is not a paper account: it must start with DU")
        if environment.get("JAXBROKER_SIMULATOR_ALLOW_BIND") != "1" and not _is_loopback(self.host):
            raise BadConfig(f"host {self.host!r} is not a loopback address")
        if self.hours not in HOURS:
            raise BadConfig(f"unknown hours {self.hours!r}")
        if self.reject_order not in REJECT_ORDERS:
            raise BadConfig(f"reject order must be one of: {', '.join(REJECT_ORDERS)}")
        if self.market_data not in set(Right):
            raise BadConfig(f"unknown market data {self.market_data!r}; known: {', '.join(Right)}")
        if self.tape_start not in (OWN_TIMES, NOW) and parse_time(self.tape_start) is None:
            raise BadConfig(f"tape start {self.tape_start!r} is not a time, and neither own nor now")
        if self.limits not in LIMITS:
            raise BadConfig(f"unknown limits {self.limits!r}; known: {', '.join(LIMITS)}")
        if not OLDEST_VERSION <= self.max_server_version <= NEWEST_VERSION:
            raise BadConfig(f"max server version must be {OLDEST_VERSION} to {NEWEST_VERSION}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
