"""The order path while the simulator pours ticks over the same connection, against the path at rest."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.bridge import Bridge, databases, fresh_database
from bench.figures import Report, ratio_at_most
from bench.harness import Options, quantile, ratios, unpinned
from bench.order_path import place_some

ABOUT = "POST /orders to the wire at rest and under 50,000 ticks a second, in turns"
TICKS_PER_S = 50_000
WARM_S = 1.0


def run(options: Options) -> Report:
    """Measure both in each round, on SQLite: the ticks do not touch the database."""
    report = Report("order_ticks", ABOUT)
    orders = int(options.pick(60, 3))
    found: dict[str, list[list[float]]] = {"at rest": [], "under ticks": []}
    with unpinned(), tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with (
            databases(("sqlite",), folder) as places,
            Bridge(folder / "ticks", fresh_database(places["sqlite"], "ticks")) as bridge,
        ):
            place_some(bridge, 5)
            for _ in range(options.rounds):
                found["at rest"].append(place_some(bridge, orders))
                bridge.simulator.switch("burst", ticks_per_s=TICKS_PER_S)
                time.sleep(WARM_S)
                found["under ticks"].append(place_some(bridge, orders))
                bridge.simulator.switch("burst", ticks_per_s=0)
                time.sleep(WARM_S)
    for name, rounds in found.items():
        for part, word in ((0.5, "p50"), (0.99, "p99")):
            taken = [quantile(one, part) for one in rounds]
            report.add(f"{TICKS_PER_S:,} ticks/s", f"{word} {name}", taken, unit="ms", digits=2)
    slow, calm = ([quantile(one, 0.99) for one in found[name]] for name in ("under ticks", "at rest"))
    report.add(
        f"{TICKS_PER_S:,} ticks/s",
        "p99, ratio to rest",
        ratios(slow, calm),
        digits=2,
        target=ratio_at_most(2),
    )
    return report
