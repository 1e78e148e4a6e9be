"""How long 10,000 orders take to be accepted, acknowledged and filled, and what resting ones cost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Report, at_most
from bench.harness import Options, Window, interleaved, measure
from bench.orders import place_order
from bench.simulator import Simulator
from bench.tick_client import Client

ABOUT = "market orders of one client: placed, acknowledged, filled, commission told"
SYMBOLS = ("F", "T", "INTC", "PFE", "BAC")
#: How many orders are on their way at a time; a client that waits for each measures the wire.
UNDERWAY = 200
TOO_LOW = 1


def run(options: Options) -> Report:
    """Measure with the books in memory and in a file, and the pulse over resting orders."""
    report = Report("sim_orders", ABOUT)
    count = int(options.pick(10_000, 200))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        files = iter(range(1000))
        cases: dict[str, Callable[[], Window]] = {
            "memory": lambda: _fill(count),
            "file": lambda: _fill(count, "--state", str(Path(folder) / f"state-{next(files)}")),
        }
        found = interleaved(cases, rounds=options.rounds)
    for name, group in (("memory", f"{count:,} orders, books in memory"), ("file", f"{count:,}, in a file")):
        windows = found[name]
        report.add(
            group, "all filled after", [one.wall_s for one in windows], unit="s", digits=2, target=at_most(10)
        )
        report.add(
            group,
            "CPU time of the simulator",
            [one.cpu_s for one in windows],
            unit="s",
            digits=2,
            target=at_most(10),
        )
        report.add(group, "orders", [one.per_cpu_second for one in windows], unit="per CPU-s")
    _tell_resting(report, options)
    return report


def _fill(count: int, *arguments: str) -> Window:
    with Simulator(*arguments) as simulator:
        client = Client(simulator.port)
        first = client.start(1)
        return measure(simulator, lambda: _place_and_await(client, first, count))


def _place_and_await(client: Client, first: int, count: int) -> int:
    """Place orders and read until each is filled and has its commission."""
    placed = filled = charged = 0
    while charged < count or filled < count:
        while placed < count and placed - charged < UNDERWAY:
            symbol, action = SYMBOLS[placed // 2 % len(SYMBOLS)], "SELL" if placed % 2 else "BUY"
            client.send(*place_order(first + placed, symbol, action=action))
            placed += 1
        for payload in client.read():
            filled += payload.startswith(b"3\0") and payload.split(b"\0", 3)[2] == b"Filled"
            charged += payload.startswith(b"59\0")
    return count


def _tell_resting(report: Report, options: Options) -> None:
    """Let orders rest far from the market, and see what their presence costs."""
    count = int(options.pick(5_000, 50))
    group = f"{count:,} limit orders that rest"
    found: dict[str, list[float]] = {"accept": [], "idle": [], "cancel": []}
    for _ in range(options.rounds):
        with Simulator() as simulator:
            for name, value in _round_of_resting(simulator, options, count).items():
                found[name].append(value)
    report.add(group, "all acknowledged after", found["accept"], unit="s", digits=2)
    report.add(group, "their pulse, four times a second", found["idle"], unit="% of core", digits=1)
    report.add(group, "all cancelled after", found["cancel"], unit="s", digits=2)


def _round_of_resting(simulator: Simulator, options: Options, count: int) -> dict[str, float]:
    client = Client(simulator.port)
    first = client.start(1)
    accept = measure(simulator, lambda: _rest(client, first, count))
    idle = measure(simulator, lambda: _do_nothing(options.pick(3.0, 0.3)))
    cancel = measure(simulator, lambda: _cancel_all(client, count))
    return {"accept": accept.wall_s, "idle": idle.cores * 100, "cancel": cancel.wall_s}


def _rest(client: Client, first: int, count: int) -> int:
    placed = working = 0
    while working < count:
        while placed < count and placed - working < UNDERWAY:
            client.send(*place_order(first + placed, SYMBOLS[placed % 5], kind="LMT", limit=TOO_LOW))
            placed += 1
        for payload in client.read():
            working += payload.startswith(b"3\0") and payload.split(b"\0", 3)[2] == b"Submitted"
    return count


def _do_nothing(seconds: float) -> int:
    time.sleep(seconds)
    return 0


def _cancel_all(client: Client, count: int) -> int:
    client.send(58, 1)
    cancelled = 0
    while cancelled < count:
        for payload in client.read():
            cancelled += payload.startswith(b"3\0") and payload.split(b"\0", 3)[2] == b"Cancelled"
    return count
