"""How long a client waits for the first orderStatus of its order while ticks flood the simulator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.figures import Report
from bench.harness import Options, Program, quantile
from bench.orders import place_order
from bench.simulator import MAX_LINES, Simulator, line_symbols
from bench.tick_client import Client

ABOUT = "milliseconds from placeOrder to its first orderStatus, one order at a time"
TICKS_PER_S = 50_000
READER_ID = 9


def run(options: Options) -> Report:
    """Measure acks at rest, beside a flood, and behind the flood's own connection."""
    report = Report("sim_acks", ABOUT)
    count = int(options.pick(200, 20))
    with Simulator() as simulator:
        _round(simulator, count=count, lines=0)
        for name, ticks_per_s, lines in (
            ("nothing else to do", 0, 0),
            (f"{TICKS_PER_S:,} ticks/s to another client", TICKS_PER_S, 0),
            (f"{TICKS_PER_S:,} ticks/s on the same connection", TICKS_PER_S, MAX_LINES),
        ):
            with _flooded(simulator, ticks_per_s, is_other=not lines):
                found = [_round(simulator, count=count, lines=lines) for _ in range(options.rounds)]
            for part, label in ((0.5, "p50"), (0.99, "p99")):
                waits = [quantile(one, part) * 1000 for one in found]
                report.add(name, label, waits, unit="ms", digits=2)
    return report


@contextmanager
def _flooded(simulator: Simulator, ticks_per_s: int, *, is_other: bool) -> Iterator[None]:
    """Flood the simulator's lines; with another client there is one that reads them, in its own process."""
    simulator.switch("burst", ticks_per_s=ticks_per_s)
    try:
        if ticks_per_s and is_other:
            with Program(["-m", "bench.tick_reader", str(simulator.port), str(READER_ID)], is_pinned=False):
                yield
        else:
            yield
    finally:
        simulator.switch("burst", ticks_per_s=0)


def _round(simulator: Simulator, *, count: int, lines: int) -> list[float]:
    """Return the seconds each of `count` orders waited for its acknowledgement."""
    client = Client(simulator.port)
    order_id = client.start(1)
    if lines:
        client.subscribe(line_symbols(lines))
    waits = []
    for number in range(order_id, order_id + count):
        action = "BUY" if number % 2 else "SELL"
        started = time.perf_counter()
        client.send(*place_order(number, "SPY", action=action))
        client.until(f"3\0{number}\0".encode())
        waits.append(time.perf_counter() - started)
        client.until(b"59\0")
    client.close()
    return waits
