"""Run the test suites one after the other and say what ran, what did not, and why.

    scripts/suites.py             all of them (`make test`)
    scripts/suites.py browser     only the named ones

A suite whose system pieces are missing gets them through scripts/system-deps where that is allowed;
else it is skipped, and the summary says so. A skipped suite is no failure, an empty one is.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
GO_MODULE = ROOT / "tests" / "contract" / "go"
TIME_LIMIT_S = 600

PYTEST = (sys.executable, "-m", "pytest", "-q", "--color=yes" if sys.stdout.isatty() else "--color=no")
#: Three workers even on two cores: some tests wait more than they work. One by one, so that each
#: keeps the order of pytest-django: tests that empty the tables come last.
PARALLEL = ("-n", "3", "--dist", "load")
SIMULATOR = ("tests/simulator", "tests/bench")
#: Too long for every change: `make chaos` runs it, `matrix` a part.
LONG = ("tests/reliability/matrix",)
APART = tuple(f"--ignore={path}" for path in (*SIMULATOR, *LONG))
WITH_SERVICES = (sys.executable, "scripts/services.py", "--")
#: What no database and no Redis can change; the second round leaves it out. The standalone
#: process and the contract tests that drive it bring SQLite themselves.
PURE = tuple(
    f"--ignore=tests/{name}"
    for name in (
        *("architecture", "bench", "broker", "browser", "console", "contract", "domain", "jaxbroker"),
        *("simulator", "reliability"),
        *("bridge/test_bad_input.py", "bridge/test_description.py", "bridge/test_words.py"),
        *("common/test_strict_fields.py", "common/test_strict_json.py"),
        *("gateway/test_connection.py", "gateway/test_lines.py", "journeys/test_standalone.py"),
    )
)


@dataclass(frozen=True)
class Suite:
    """One row of the summary: what runs, and which system pieces it cannot do without."""

    name: str
    about: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()


SUITES = (
    Suite(
        "simulator",
        "the simulator and its clients, which know no database of ours",
        (*PYTEST, *PARALLEL, *SIMULATOR),
    ),
    Suite(
        "sqlite",
        "everything else but pages and Go, on SQLite and in-process hints",
        (*PYTEST, *PARALLEL, "tests", *APART, "-m", "not browser and not go"),
    ),
    Suite(
        "postgres",
        "all that touches rows or hints again, on PostgreSQL and Redis",
        (*WITH_SERVICES, *PYTEST, *PARALLEL, "tests", *PURE, "-m", "not browser and not go"),
        needs=("postgresql", "redis"),
    ),
    Suite(
        "matrix",
        "the rows of the fault matrix that each change must pass, with the smallest counts",
        (sys.executable, "-m", "tests.reliability.matrix", "--change", "--workers", "3"),
    ),
    Suite(
        "ib_async",
        "the guards around the broker library again, on its successor",
        (sys.executable, "scripts/with_ib_async.py", "--", *PYTEST, "tests/broker"),
    ),
    Suite(
        "browser",
        "the pages, in a real Chromium",
        (*PYTEST, *PARALLEL, "tests/browser", "-m", "browser"),
        needs=("chromium",),
    ),
    Suite(
        "go",
        "every frozen answer of a running bridge, decoded by Go structs",
        (*PYTEST, "tests/contract", "-m", "go"),
        needs=("go",),
    ),
)


@dataclass(frozen=True)
class Outcome:
    suite: Suite
    result: str
    detail: str
    seconds: float = 0

    @property
    def failed(self) -> bool:
        return self.result == "FAILED"


def main() -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    names = sys.argv[1:] or [suite.name for suite in SUITES]
    if unknown := set(names) - {suite.name for suite in SUITES}:
        print(f"no such suite: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    chosen = [suite for suite in SUITES if suite.name in names]
    fetch_system_pieces(chosen)
    outcomes = [run(suite) for suite in chosen]
    print_summary(outcomes)
    return int(any(outcome.failed for outcome in outcomes))


def fetch_system_pieces(suites: list[Suite]) -> None:
    """Let one call install all that is missing; what stays missing is reported suite by suite."""
    pieces = sorted({piece for suite in suites for piece in suite.needs if piece != "go"})
    if pieces:
        subprocess.run(["scripts/system-deps", *pieces], cwd=ROOT, stdin=subprocess.DEVNULL)


def run(suite: Suite) -> Outcome:
    print(f"\n==> {suite.name}: {suite.about}", flush=True)
    if reason := why_not(suite):
        print(f"    SKIPPED: {reason}", flush=True)
        return Outcome(suite, "skipped", reason)
    started = time.monotonic()
    code, output = stream(suite)
    result = "FAILED" if code else "passed"
    return Outcome(suite, result, counts(output) or f"exit code {code}", time.monotonic() - started)


def why_not(suite: Suite) -> str:
    """Return why the suite cannot run here; empty if it can."""
    if "go" in suite.needs:
        return why_no_go()
    if not suite.needs:
        return ""
    looked = subprocess.run(
        ["scripts/system-deps", "--check", *suite.needs], cwd=ROOT, capture_output=True, text=True
    )
    return (looked.stdout + looked.stderr).strip() if looked.returncode else ""


def why_no_go() -> str:
    """Return why Go cannot build our module: not installed, or too old for it."""
    try:
        asked = subprocess.run(
            ["go", "list", "-m"],
            cwd=GO_MODULE,
            env=os.environ | {"GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return "Go is not installed"
    return asked.stderr.strip() if asked.returncode else ""


def stream(suite: Suite) -> tuple[int, str]:
    """Run the suite, show its output as it comes, and return exit code and output.

    In a process group of its own, so that a suite over its time ends with all it started.
    """
    with subprocess.Popen(
        suite.command,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        limit = threading.Timer(TIME_LIMIT_S, end_group, [process, f"over {TIME_LIMIT_S} s"])
        limit.start()
        try:
            output = show(process.stdout)
        except BaseException:
            end_group(process, "told to end")
            raise
        finally:
            limit.cancel()
        return process.wait(), output


def show(pipe: IO[bytes] | None) -> str:
    """Write to our output what comes through the pipe, as it comes, and return all of it."""
    output = bytearray()
    while pipe and (chunk := os.read(pipe.fileno(), 65536)):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        output += chunk
    return output.decode(errors="replace")


def environment() -> dict[str, str]:
    """Return our environment without the databases of whoever called; a suite brings its own."""
    return {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}


def end_group(process: subprocess.Popen[bytes], reason: str) -> None:
    print(f"\n    ended: {reason}", flush=True)
    os.killpg(process.pid, signal.SIGTERM)


def counts(output: str) -> str:
    """Return the counts of pytest's closing line, nothing if there is none."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    found = re.findall(r"^=* ?(.*\d+ \w+.*) in [\d.]+s\b", plain, re.MULTILINE)
    return str(found[-1]) if found else ""


def print_summary(outcomes: list[Outcome]) -> None:
    print("\n==> summary")
    for outcome in outcomes:
        print(f"    {outcome.suite.name:<12} {outcome.result:<8} {outcome.seconds:5.0f} s  {outcome.detail}")
    total = sum(outcome.seconds for outcome in outcomes)
    print(
        f"    {'all':<12} {'FAILED' if any(o.failed for o in outcomes) else 'passed':<8} {total:5.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
