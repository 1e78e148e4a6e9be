"""Whether memory stays flat over a day of the venue: clients, orders, and a day that turns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from apps.simulator.control.client import ControlClient
from bench.figures import Report, at_most
from bench.harness import Options, Program
from bench.orders import place_order
from bench.simulator import line_symbols
from bench.tick_client import Client, contract, read_all

ABOUT = "resident memory over 24 hours of the venue's clock, with every kind of stream and orders flowing"
HOUR_S = 3600.0
CLIENTS = 4
LINES = 10
SAMPLES = 96
ORDERS_PER_HOUR = 120
#: The first hours fill what is kept of the past; after them nothing may grow.
WARM_PART = 0.3


@dataclass(frozen=True, slots=True)
class Sample:
    """Hours of the venue since the start, and the memory then."""

    hours: float
    rss_mb: float


def run(options: Options) -> Report:
    """Play one day and fit a line through the memory after the warm-up."""
    report = Report("sim_soak", ABOUT)
    seconds = options.pick(60.0, 2.0)
    day = _Day(hours=options.pick(24.0, 0.5))
    speed = day.hours * HOUR_S / seconds
    with Program(["-m", "bench.soak_program", str(speed)]) as program:
        port, control_port = (int(one) for one in program.first_line.split())
        clients = [_subscribed(port, client_id) for client_id in range(1, CLIENTS + 1)]
        with ControlClient(control_port) as control:
            day.play(program, control, clients, pause_s=seconds / SAMPLES)
        for client in clients:
            client.close()
    _tell(report, day)
    return report


def _tell(report: Report, day: _Day) -> None:
    steady = [one for one in day.samples if one.hours >= day.hours * WARM_PART]
    group = f"{day.hours:g} hours, {CLIENTS} clients with {LINES} lines and other streams"
    report.add(group, "memory grows", [slope(steady)], unit="MB/hour", digits=3, target=at_most(1.0))
    report.add(group, "resident after the warm-up", [one.rss_mb for one in steady], unit="MB", digits=1)
    report.add(group, "messages read", [day.messages])
    report.add(group, "orders placed", [day.orders_placed])


class _Day:
    """A day of the venue as its clients live it."""

    def __init__(self, *, hours: float) -> None:
        self.hours = hours
        self.samples: list[Sample] = []
        self.messages = 0
        self.orders_placed = 0

    def play(
        self, program: Program, control: ControlClient, clients: list[Client], *, pause_s: float
    ) -> None:
        """Read, trade and take samples until the day is over; a slow machine takes longer."""
        begin = _epoch(control)
        while (hours := (_epoch(control) - begin) / HOUR_S) < self.hours:
            self.samples.append(Sample(hours, program.rss_mb()))
            self._trade(clients[0], hours)
            self.messages += read_all(clients, seconds=pause_s)

    def _trade(self, client: Client, hours: float) -> None:
        while self.orders_placed < hours * ORDERS_PER_HOUR:
            self.orders_placed += 1
            action = "BUY" if self.orders_placed % 2 else "SELL"
            client.send(*place_order(self.orders_placed, "SPY", action=action))


def _epoch(control: ControlClient) -> float:
    return float(control.ask("status")["epoch"])


def slope(samples: list[Sample]) -> float:
    """Return the growth of the line nearest to all samples, in MB per hour of the venue."""
    middle_x = sum(one.hours for one in samples) / len(samples)
    middle_y = sum(one.rss_mb for one in samples) / len(samples)
    above = sum((one.hours - middle_x) * (one.rss_mb - middle_y) for one in samples)
    return above / sum((one.hours - middle_x) ** 2 for one in samples)


def _subscribed(port: int, client_id: int) -> Client:
    """Return a client with every kind of stream open."""
    client = Client(port)
    client.start(client_id)
    symbols = line_symbols(LINES)
    client.subscribe(symbols)
    ids = count(1000)
    client.send(10, 5, next(ids), *contract(symbols[0]), 5, 1, "")
    for kind in ("Last", "BidAsk"):
        client.send(97, next(ids), *contract(symbols[1]), kind, 0, 0)
    client.send(50, 3, next(ids), *contract(symbols[2]), 5, "TRADES", 0, "")
    history = ("1 min", "7200 S", 0, "TRADES", 1, 1, "")
    client.send(20, next(ids), *contract(symbols[3]), 0, "", *history)
    client.send(6, 2, 1, "")
    client.send(61, 1)
    client.send(92, next(ids), "DU1234567", "")
    client.send(49, 1)
    client.until(b"49\0")
    return client
