"""POST /orders until its bytes are at IB Gateway's socket, against FastAPI that calls the library itself."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

from bench.bridge import ACCOUNT, Bridge, Peer, Stack, databases, fresh_database
from bench.figures import Report, ratio_at_most
from bench.harness import Options, quantile, ratios, unpinned

ABOUT = "one order at a time, from POST /orders to its frame at IB Gateway's socket"
#: Ten orders a second are IB's; this leaves our own pacing in force and never waits for it.
PAUSE_S = 0.15
GOALS = {"sqlite": 2.5, "postgresql": 2.0}
TITLES = {"sqlite": "SQLite, WAL, synchronous FULL", "postgresql": "PostgreSQL, synchronous_commit on"}
_numbers = count()


def run(options: Options) -> Report:
    """Measure both sides on both databases, a round of each in turn."""
    report = Report("order_path", ABOUT)
    orders = int(options.pick(60, 3))
    kinds = ("sqlite",) if options.quick else ("sqlite", "postgresql")
    with unpinned(), tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with databases(kinds, folder) as places:
            for kind in kinds:
                with ExitStack() as stack:
                    peer = stack.enter_context(Peer(fresh_database(places[kind], "peer")))
                    ours = stack.enter_context(Bridge(folder / kind, fresh_database(places[kind], "ours")))
                    _tell(report, kind, _rounds([ours, peer], options.rounds, orders))
    report.notes.append("p99 of a round is its slowest order; ratios are formed inside a round")
    return report


def order(number: int) -> dict[str, Any]:
    """Return the body of a market order; a pair buys and sells the same, and no two within 5 s are equal."""
    return {
        "account": ACCOUNT,
        "symbol": "AAPL",
        "action": "SELL" if number % 2 else "BUY",
        "quantity": 1 + number // 2 % 100,
        "order_type": "MKT",
        "client_order_id": f"bench-{number:08d}",
    }


def place_some(stack: Stack, orders: int) -> list[float]:
    """Place orders one at a time and return how long each took to the wire, in milliseconds."""
    taken = []
    stack.poster = stack.poster.again()
    for _ in range(orders):
        taken.append(stack.place(order(next(_numbers))))
        time.sleep(PAUSE_S)
    return taken


def _rounds(sides: list[Stack], rounds: int, orders: int) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {side.name: [] for side in sides}
    for side in sides:
        place_some(side, max(2, orders // 4))
    for _ in range(rounds):
        for side in sides:
            found[side.name].append(place_some(side, orders))
    return found


def _tell(report: Report, kind: str, found: dict[str, list[list[float]]]) -> None:
    middles: dict[str, list[float]] = {}
    for name, rounds in found.items():
        middles[name] = [quantile(taken, 0.5) for taken in rounds]
        report.add(TITLES[kind], f"{name}, p50", middles[name], unit="ms", digits=2)
        slowest = [quantile(taken, 0.99) for taken in rounds]
        report.add(TITLES[kind], f"{name}, p99", slowest, unit="ms", digits=2)
    ours, peer = (middles[name] for name in (Bridge.name, Peer.name))
    report.add(
        TITLES[kind], "p50, ratio to FastAPI", ratios(ours, peer), digits=2, target=ratio_at_most(GOALS[kind])
    )
