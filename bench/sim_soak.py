"""Whether memory stays flat over a day of the venue: clients, orders, and a day that turns."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count

from bench.figures import Report, at_most
from bench.harness import Options, Program
from bench.orders import place_order
from bench.simulator import line_symbols
from bench.tick_client import Client, contract, read_all

ABOUT = "resident memory over 24 hours of the venue's clock, with every kind of stream and orders flowing"
DAY_S = 86_400.0
CLIENTS = 4
LINES = 25
SAMPLES = 96
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
    seconds = options.pick(90.0, 2.0)
    with Program(["-m", "bench.soak_program", str(DAY_S / seconds)]) as program:
        clients = [_subscribed(int(program.first_line), client_id) for client_id in range(1, CLIENTS + 1)]
        samples, messages, orders = _play_day(program, clients, seconds=seconds)
        for client in clients:
            client.close()
    steady = samples[int(len(samples) * WARM_PART) :]
    group = f"{CLIENTS} clients with {LINES} lines, depth, bars, single ticks, PnL; a day in {seconds:.0f} s"
    report.add(group, "memory grows", [slope(steady)], unit="MB/hour", digits=3, target=at_most(1.0))
    report.add(group, "resident after the warm-up", [one.rss_mb for one in steady], unit="MB", digits=1)
    report.add(group, "messages sent", [messages])
    report.add(group, "orders filled", [orders])
    return report


def slope(samples: list[Sample]) -> float:
    """Return the growth of the line nearest to all samples, in MB per hour of the venue."""
    middle_x = sum(one.hours for one in samples) / len(samples)
    middle_y = sum(one.rss_mb for one in samples) / len(samples)
    above = sum((one.hours - middle_x) * (one.rss_mb - middle_y) for one in samples)
    return above / sum((one.hours - middle_x) ** 2 for one in samples)


def _play_day(program: Program, clients: list[Client], *, seconds: float) -> tuple[list[Sample], int, int]:
    """Return the samples, how many messages came, and how many orders were placed."""
    started = time.perf_counter()
    order_ids = count(1)
    samples: list[Sample] = []
    messages = 0
    for place in range(1, SAMPLES + 1):
        for _ in range(20):
            number = next(order_ids)
            clients[0].send(*place_order(number, "SPY", action="BUY" if number % 2 else "SELL"))
        left = started + seconds * place / SAMPLES - time.perf_counter()
        messages += read_all(clients, seconds=max(0.001, left))
        hours = (time.perf_counter() - started) / seconds * 24
        samples.append(Sample(hours, program.rss_mb()))
    return samples, messages, next(order_ids) - 1


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
