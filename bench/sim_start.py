"""From exec to listening, and the memory of a simulator that knows its symbols."""

from __future__ import annotations

import subprocess
import sys
import time

from bench.figures import Report, at_most
from bench.harness import Options
from bench.simulator import MAX_LINES, Simulator, line_symbols
from bench.tick_client import Client

ABOUT = "from exec to a port that listens, and resident memory"
CLIENTS = 4


def run(options: Options) -> Report:
    """Measure starts one after the other; the first of all, with a cold disk, is no round."""
    report = Report("sim_start", ABOUT)
    with Simulator() as simulator:
        symbols = simulator.symbols
    starts, cpu, memory, bare = [], [], [], []
    for _ in range(options.rounds):
        bare.append(_bare_start_s())
        with Simulator() as simulator:
            starts.append(simulator.start_s)
            cpu.append(simulator.cpu_seconds())
            memory.append(simulator.rss_mb())
    group = f"simulator with {symbols:,} symbols"
    report.add(group, "exec to listening", starts, unit="s", digits=2, target=at_most(1.0))
    report.add(group, "CPU time until then", cpu, unit="s", digits=2, target=at_most(1.0))
    report.add(group, "of the first, Python and asyncio alone", bare, unit="s", digits=2)
    report.add(group, "resident after the start", memory, unit="MB", digits=1, target=at_most(120))
    used = _rss_in_use_mb(options)
    name = f"with {CLIENTS} clients of {MAX_LINES} lines"
    report.add(group, name, [used], unit="MB", digits=1, target=at_most(120))
    return report


def _bare_start_s() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio"], check=True)
    return time.perf_counter() - started


def _rss_in_use_mb(options: Options) -> float:
    with Simulator() as simulator:
        clients = [Client(simulator.port) for _ in range(CLIENTS)]
        for client_id, client in enumerate(clients, 1):
            client.start(client_id)
            client.subscribe(line_symbols(int(options.pick(MAX_LINES, 5))))
        used = simulator.rss_mb()
        for client in clients:
            client.close()
    return used
