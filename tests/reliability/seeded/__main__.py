"""Plant each bug in a copy of the checkout and print which test catches it.

    python -m tests.reliability.seeded                        all of them
    python -m tests.reliability.seeded pause-guard-skipped    only these

Ends with 0 only if every bug was caught by a failed assertion: not by a crash, a broken import or a
wait that came to nothing. First all hunters run without a bug and must be green. On PostgreSQL with
scripts/services.py in front.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from tests.reliability.seeded.bugs import BUGS, Bug
from tests.reliability.seeded.workshop import DoesNotFit, Workshop, workshop

_NAME = max(len(bug.name) for bug in BUGS)
_FILE = max(len(bug.file) for bug in BUGS)


def main() -> int:
    """Hunt the chosen bugs one after the other and print the table."""
    parser = argparse.ArgumentParser(prog="seeded", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="bug", help=", ".join(bug.name for bug in BUGS))
    names = parser.parse_args().names
    if unknown := set(names) - {bug.name for bug in BUGS}:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    chosen = [bug for bug in BUGS if not names or bug.name in names]
    began = time.monotonic()
    with workshop() as bench:
        if not _is_healthy(bench, chosen):
            return 1
        print(f"{'bug':<{_NAME}}  {'file':<{_FILE}}  {'s':>4}  caught by", flush=True)
        caught = sum(_hunt(bench, bug) for bug in chosen)
    print(f"{caught} of {len(chosen)} bugs were caught, {time.monotonic() - began:.0f} s")
    return int(caught != len(chosen))


def _is_healthy(bench: Workshop, bugs: Sequence[Bug]) -> bool:
    """Tell whether every hunter is green as long as there is no bug."""
    hunters = list(dict.fromkeys(hunter for bug in bugs for hunter in bug.hunters))
    hunt = bench.hunt(hunters)
    if hunt.is_green and not hunt.failures:
        print(f"without a bug: {len(hunters)} groups of hunters are green, {hunt.seconds:.0f} s", flush=True)
        return True
    print(f"red without any bug, so nothing can be shown: {hunt.why_not_caught}", file=sys.stderr)
    return False


def _hunt(bench: Workshop, bug: Bug) -> bool:
    try:
        with bench.with_bug(bug):
            hunt = bench.hunt(bug.hunters)
    except DoesNotFit as error:
        print(error, file=sys.stderr)
        return False
    verdict = hunt.catch.test if hunt.catch else f"NOT CAUGHT: {hunt.why_not_caught}"
    print(f"{bug.name:<{_NAME}}  {bug.file:<{_FILE}}  {hunt.seconds:>4.0f}  {verdict}", flush=True)
    return hunt.catch is not None


if __name__ == "__main__":
    sys.exit(main())
