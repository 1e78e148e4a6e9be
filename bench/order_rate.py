"""How many orders a second reach the wire with pacing off, eight callers posting at once."""

from __future__ import annotations

import tempfile
import time
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

from bench.bridge import ACCOUNT, Bridge, Poster, databases, fresh_database
from bench.figures import Report, at_least
from bench.harness import Options, unpinned

ABOUT = "orders a second at IB Gateway's socket, pacing off (bench/settings.py), eight callers"
CALLERS = 8
SYMBOLS = ("AAPL", "MSFT", "INTC", "PFE", "BAC", "KO", "F", "T", "CSCO", "GM", "VZ", "WFC")
TITLES = {"sqlite": "SQLite, WAL, synchronous FULL", "postgresql": "PostgreSQL, synchronous_commit on"}


def run(options: Options) -> Report:
    """Post for some seconds in each round and count the frames that arrived meanwhile."""
    report = Report("order_rate", ABOUT)
    kinds = ("sqlite",) if options.quick else ("sqlite", "postgresql")
    with unpinned(), tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with databases(kinds, folder) as places:
            for kind in kinds:
                database = fresh_database(places[kind], "rate")
                with Bridge(folder / kind, database, settings="bench.settings") as bridge:
                    _tell(report, TITLES[kind], bridge, options)
    return report


def _tell(report: Report, group: str, bridge: Bridge, options: Options) -> None:
    numbers = count()
    for number in range(len(SYMBOLS)):  # each symbol is looked up and gets its line once
        bridge.place(_order(number * 2, numbers))
    rounds = [_round(bridge, numbers, seconds=options.pick(5.0, 0.5)) for _ in range(options.rounds)]
    wire = [one["frames"] / one["seconds"] for one in rounds]
    report.add(group, "on the wire", wire, unit="orders/s", target=at_least(500))
    report.add(group, "accepted", [one["accepted"] / one["seconds"] for one in rounds], unit="orders/s")
    report.add(group, "refused or lost", [float(one["refused"]) for one in rounds], unit="orders")


def _round(bridge: Bridge, numbers: Any, *, seconds: float) -> dict[str, float]:
    stop, tally = Event(), {"accepted": 0, "refused": 0}
    callers = [Thread(target=_post, args=(bridge, numbers, stop, tally)) for _ in range(CALLERS)]
    bridge.clock.forget()
    began = time.monotonic()
    for caller in callers:
        caller.start()
    time.sleep(seconds)
    stop.set()
    for caller in callers:
        caller.join()
    accepted_after = time.monotonic() - began
    frames = bridge.clock.count(tally["accepted"], within_s=30.0)
    lasted = max(accepted_after, bridge.clock.last_s() - began)
    return tally | {"frames": frames, "seconds": lasted}


def _post(bridge: Bridge, numbers: Any, stop: Event, tally: dict[str, int]) -> None:
    poster = Poster(bridge.web_port, bridge.key)
    while not stop.is_set():
        number = next(numbers)
        poster.post(_order(number, numbers))
        try:
            poster.answer()
            tally["accepted"] += 1
        except RuntimeError:
            tally["refused"] += 1
    poster.close()


def _order(number: int, numbers: Any) -> dict[str, Any]:
    """Return a market order that no other of the last five seconds equals."""
    return {
        "account": ACCOUNT,
        "symbol": SYMBOLS[number // 2 % len(SYMBOLS)],
        "action": "SELL" if number % 2 else "BUY",
        "quantity": 1 + number // (2 * len(SYMBOLS)) % 200,
        "order_type": "MKT",
        "client_order_id": f"rate-{time.monotonic_ns()}-{number}",
    }
