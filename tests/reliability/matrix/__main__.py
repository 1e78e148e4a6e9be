"""Play the fault matrix and print row × result × count.

    python -m tests.reliability.matrix            full counts
    python -m tests.reliability.matrix --quick    the counts of every change
    python -m tests.reliability.matrix --change   the rows of every change, small counts
    python -m tests.reliability.matrix 5 12 29    only these rows

Rows that need PostgreSQL are skipped with that reason where there is none: scripts/services.py
brings one. A row without a test here would be listed as missing, never left out.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


class Results:
    """Hears of every test and keeps what became of the row it shows."""

    def __init__(self) -> None:
        self.outcomes: dict[int, list[str]] = defaultdict(list)
        self.reasons: dict[int, list[str]] = defaultdict(list)
        self.seconds: dict[int, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take a pytest report; a test counts when it was called, or ended before that."""
        rows = [value for name, value in report.user_properties if name == "row"]
        for row in rows:
            self.seconds[row] += report.duration
            if report.when == "call" or report.outcome != "passed":
                self.outcomes[row].append(report.outcome)
            if report.skipped:
                self.reasons[row].append(report.longrepr[2].removeprefix("Skipped: "))
            elif report.failed:
                self.reasons[row].append(str(report.longreprtext).strip().splitlines()[-1][:90])

    def verdict(self, row: int) -> str:
        """Return what became of a row as one word."""
        outcomes = set(self.outcomes[row])
        if "failed" in outcomes:
            return "FAILED"
        if not outcomes:
            return "MISSING"
        return "passed" if "passed" in outcomes else "skipped"


def main() -> int:
    """Play and print; 0 only if every chosen row passed or says why it was skipped."""
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__)
    parser.add_argument("rows", nargs="*", type=int)
    parser.add_argument("--quick", action="store_true", help="the small counts of every change")
    parser.add_argument("--change", action="store_true", help="only the rows of every change, quick")
    parser.add_argument("--workers", type=int, default=0, help="play so many tests side by side")
    options = parser.parse_args()
    if not (options.quick or options.change):
        os.environ["MATRIX"] = "chaos"
    from tests.reliability.matrix.figures import EVERY_CHANGE, FIGURES

    rows = options.rows or (list(EVERY_CHANGE) if options.change else sorted(FIGURES))
    results = Results()
    began = time.monotonic()
    os.environ["MATRIX_ROWS"] = ",".join(map(str, rows))
    side_by_side = ["-n", str(options.workers), "--dist", "loadgroup"] if options.workers else []
    pytest.main(["-q", "-p", "no:cacheprovider", *side_by_side, str(FOLDER)], plugins=[results])
    print(f"\n{'row':>3}  {'fault':<52}{'result':<9}{'count':>7} {'of':<14}{'s':>6}  remarks")
    for row in rows:
        figure = FIGURES[row]
        remarks = "; ".join(dict.fromkeys([*results.reasons[row], figure.open_end])).strip("; ")
        print(
            f"{row:>3}  {figure.fault:<52}{results.verdict(row):<9}{figure.count:>7} {figure.unit:<14}"
            f"{results.seconds[row]:>6.0f}  {remarks}"
        )
    verdicts = [results.verdict(row) for row in rows]
    print(f"{verdicts.count('passed')} of {len(rows)} rows passed, {time.monotonic() - began:.0f} s")
    return int(any(verdict in {"FAILED", "MISSING"} for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
