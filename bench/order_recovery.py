"""How long the books need to agree with the broker after a cut in which every order filled."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

from apps.simulator.control.client import ControlClient
from bench.bridge import ACCOUNT, Bridge, databases, fresh_database, until
from bench.figures import Report, at_most
from bench.harness import Options, unpinned
from bench.order_rate import TITLES

ABOUT = "resting orders all fill while the line to IB Gateway is cut; from its return until READY"
PRICE, LIMIT, CRASH = 100.0, 90.0, 80.0


def run(options: Options) -> Report:
    """Measure on both databases, a new bridge for each round."""
    report = Report("order_recovery", ABOUT)
    orders = int(options.pick(500, 10))
    kinds = ("sqlite",) if options.quick else ("sqlite", "postgresql")
    with unpinned(), tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with databases(kinds, folder) as places:
            for kind in kinds:
                taken = []
                for number in range(min(options.rounds, 3)):
                    database = fresh_database(places[kind], f"recovery{number}")
                    place = folder / f"{kind}{number}"
                    with Bridge(place, database, settings="bench.settings") as bridge:
                        taken.append(_round(bridge, orders))
                group = f"{orders} orders, {TITLES[kind]}"
                report.add(
                    group, "from the line's return until READY", taken, unit="s", digits=2, target=at_most(10)
                )
    report.notes.append("the time includes the gateway's pause before it connects again, 0.5 to 0.7 s")
    return report


def _round(bridge: Bridge, orders: int) -> float:
    _price(bridge, PRICE)
    for number in range(orders):
        bridge.place(_resting(number))
    bridge.clock.command("refuse")
    until(lambda: not bridge.get("/health")["connected"], "the cut")
    _price(bridge, CRASH)
    until(lambda: _all_have_filled(bridge), "the fills")
    bridge.clock.command("accept")
    began = time.monotonic()
    bridge.until_ready()
    taken = time.monotonic() - began
    statuses = Counter(row["status"] for row in bridge.get("/orders")["orders"])
    if set(statuses) != {"Filled"}:
        raise RuntimeError(f"not reconciled: {statuses}")
    return taken


def _all_have_filled(bridge: Bridge) -> bool:
    with ControlClient(bridge.simulator.control_port) as control:
        book = control.ask("book")
    return all(order["status"] == "Filled" for order in book["orders"])


def _price(bridge: Bridge, price: float) -> None:
    with ControlClient(bridge.simulator.control_port) as control:
        control.ask("set_price", symbol="AAPL", price=price, hold=True)
    time.sleep(1.5)  # the gateway stores a price a second


def _resting(number: int) -> dict[str, object]:
    return {
        "account": ACCOUNT,
        "symbol": "AAPL",
        "action": "BUY",
        "quantity": 1 + number % 150,
        "order_type": "LMT",
        "limit_price": LIMIT,
        "client_order_id": f"recovery-{number:06d}",
    }
