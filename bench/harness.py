"""What every bench needs: options, processes on a core of their own, CPU seconds, rounds.

The metric is work per CPU second of the measured process tree: it survives a neighbour
that takes half of the core, which work per second of the wall does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 60.0
END_LIMIT_S = 10.0
MEASURED_CORE = 0
LOAD_CORE = 1


@dataclass(frozen=True, slots=True)
class Options:
    """How much to measure; `quick` only shows that everything works."""

    quick: bool = False
    rounds: int = 5

    def pick(self, usual: float, quick: float) -> float:
        """Return a length or a count, the small one in a quick run."""
        return quick if self.quick else usual


class Program:
    """A process that serves until it is stopped, pinned to the measured core.

    Raises RuntimeError if it ends before it has said its first line.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        is_pinned: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            # As it runs anywhere else: compiled code is kept from the first start on.
            env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
            | dict(environment or {}),
            stdout=subprocess.PIPE,
            text=True,
        )
        if is_pinned and has_two_cores():
            os.sched_setaffinity(self._process.pid, {MEASURED_CORE})
        if self._process.stdout is None:
            raise RuntimeError("no pipe to read from")
        self.first_line = self._process.stdout.readline().strip()
        self.start_s = time.perf_counter() - self.started_at
        if not self.first_line:
            raise RuntimeError(f"{arguments} ended before it listened")
        self._tree = psutil.Process(self._process.pid)

    def cpu_seconds(self) -> float:
        """Return user and system time of the process and all its children."""
        total = 0.0
        for one in [self._tree, *self._tree.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system
        return total

    def rss_mb(self) -> float:
        """Return the resident memory of the process, in MB of 2**20 bytes."""
        return float(self._tree.memory_info().rss) / 2**20

    def stop(self) -> None:
        """End it, by force if it does not end by itself."""
        self._process.terminate()
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_LIMIT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def has_two_cores() -> bool:
    """Return whether load and measured program can have a core each."""
    return hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > max(MEASURED_CORE, LOAD_CORE)


def pin_load() -> None:
    """Keep this process, which makes and reads the load, off the measured core."""
    if has_two_cores():
        os.sched_setaffinity(0, {LOAD_CORE})


@contextmanager
def unpinned() -> Iterator[None]:
    """Let everything run on every core: for a path that crosses more processes than there are cores."""
    if not has_two_cores():
        yield
        return
    kept = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, kept)


@dataclass(frozen=True, slots=True)
class Window:
    """What was done in a stretch of time, and what it cost the measured process."""

    count: int
    wall_s: float
    cpu_s: float

    @property
    def per_second(self) -> float:
        return self.count / self.wall_s

    @property
    def per_cpu_second(self) -> float:
        # CPU time comes in hundredths of a second; a quick run may use less than one.
        return self.count / max(self.cpu_s, 0.01)

    @property
    def cores(self) -> float:
        return self.cpu_s / self.wall_s


def measure(program: Program, work: Callable[[], int]) -> Window:
    """Do the work, which returns how much it was, and return what it cost `program`."""
    cpu, wall = program.cpu_seconds(), time.perf_counter()
    count = work()
    return Window(count, time.perf_counter() - wall, program.cpu_seconds() - cpu)


def interleaved(cases: Mapping[str, Callable[[], Window]], *, rounds: int) -> dict[str, list[Window]]:
    """Run every case once a round, so that a change of the machine's mood meets all of them."""
    found: dict[str, list[Window]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            found[name].append(case())
    return found


def ratios(ours: Sequence[float], peer: Sequence[float]) -> list[float]:
    """Return ours to the peer's, round by round."""
    return [one / other for one, other in zip(ours, peer, strict=True)]


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which `part` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
