"""Run the benches and print what they found: `python -m bench`, or `make bench`.

Ends with 1 if a ratio missed its target; a figure that depends on the machine never fails.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench import (
    order_path,
    order_queries,
    order_rate,
    order_recovery,
    order_ticks,
    sim_acks,
    sim_orders,
    sim_soak,
    sim_start,
    sim_ticks,
)
from bench.figures import RESULTS, machine
from bench.harness import Options, has_two_cores, pin_load

BENCHES = {
    "order_path": order_path.run,
    "order_rate": order_rate.run,
    "order_ticks": order_ticks.run,
    "order_recovery": order_recovery.run,
    "order_queries": order_queries.run,
    "sim_ticks": sim_ticks.run,
    "sim_acks": sim_acks.run,
    "sim_orders": sim_orders.run,
    "sim_start": sim_start.run,
    "sim_soak": sim_soak.run,
}


def main() -> int:
    """Run what was asked for and return the exit code."""
    asked = parse_arguments(sys.argv[1:])
    options = Options(quick=asked.quick, rounds=1 if asked.quick else asked.rounds)
    describe_machine()
    has_failed = has_missed = False
    for name in asked.only or BENCHES:
        started = time.monotonic()
        report = BENCHES[name](options)
        path = report.save(folder=asked.results)
        print(f"\n{report.text()}\n  {time.monotonic() - started:.0f} s, kept in {path.name}", flush=True)
        has_failed |= any(one.has_failed for one in report.figures())
        has_missed |= any(not one.is_met for one in report.figures())
    if options.quick:
        return 0
    print(f"\nbench: {verdict(has_failed=has_failed, has_missed=has_missed)}")
    return int(has_failed)


def verdict(*, has_failed: bool, has_missed: bool) -> str:
    """Return the last line: a figure of this machine that misses is said, though it fails nothing."""
    if has_failed:
        return "a ratio missed its target"
    if has_missed:
        return "every ratio meets its target, a figure of this machine does not"
    return "every target is met"


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure JaxBroker against bare peers.")
    parser.add_argument("--only", nargs="*", choices=sorted(BENCHES), help="these benches, not all of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke test: seconds, and nothing is judged")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    return parser.parse_args(arguments)


def describe_machine() -> None:
    facts = machine()
    print(f"bench: Python {facts['python']}, {facts['cores']} cores, load average {facts['load_average']}")
    if has_two_cores():
        pin_load()
    else:
        print("bench: fewer than two cores, so nothing is pinned and the load disturbs what it measures")


if __name__ == "__main__":
    sys.exit(main())
