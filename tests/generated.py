"""How much of the generated tests runs, from which seed, and the line that says what was tried.

GENERATED=nightly takes the full counts with a fresh seed (`make generated-test`), else a fixed seed
and as much as takes seconds. GENERATED_SEED repeats a run, GENERATED_<WHAT> sets one count.
"""

import gc
import logging
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

IS_NIGHTLY = os.environ.get("GENERATED") == "nightly"
SEED = int(os.environ.get("GENERATED_SEED", random.randrange(10**6) if IS_NIGHTLY else 4))


def count_of(what: str, *, full: int, small: int) -> int:
    """Return how many of something this run takes."""
    return int(os.environ.get(f"GENERATED_{what}", full if IS_NIGHTLY else small))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Log nothing, and let nothing that was there before be looked at by the garbage collector."""
    logging.disable(logging.CRITICAL)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        logging.disable(logging.NOTSET)


class Figures:
    """What one generated test has tried since it began."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began, self._began_cpu = time.monotonic(), time.process_time()

    def say(self, tried: str, *, steps: int, how_it_stands: str) -> None:
        """Print one line: what was tried, how fast its steps were, and whether a promise was broken."""
        took, worked = time.monotonic() - self._began, time.process_time() - self._began_cpu
        sys.stdout.write(
            f"{self._name}: {connection.vendor}, seed {SEED}, {tried} in {took:.0f} s, {steps / took:.0f}/s,"
            f" {steps / worked:.0f} per second of CPU, {how_it_stands}\n"
        )
        sys.stdout.flush()
