"""How PostgreSQL answers the order path's queries when a million orders lie in the table.

As a bench it starts a PostgreSQL and itself as a program on it, because Django is set up once a
process: `python -m bench.order_queries <rows>` with DATABASE_URL migrates, fills, explains, prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import django

from bench.figures import Report, at_most, ratio_at_most
from bench.harness import ROOT, Options, unpinned
from scripts.services import Unavailable, throw_away_services

ABOUT = "EXPLAIN (ANALYZE, BUFFERS) of what services and selectors send to PostgreSQL"
ROWS = 1_000_000


def run(options: Options) -> Report:
    """Fill a table, explain every statement of the order path, and judge what was found."""
    rows = int(options.pick(ROWS, 20_000))
    report = Report("order_queries", ABOUT)
    try:
        with unpinned(), throw_away_services() as addresses, tempfile.TemporaryDirectory() as state:
            found = _explain(rows, addresses["DATABASE_URL"], state)
    except Unavailable as missing:
        report.notes.append(f"not measured: {missing}")
        return report
    group = f"{rows:,} orders, {found['not_closed']} of them not closed"
    report.add(
        group, "the claim's conditional UPDATE", [found["claim_ms"]], unit="ms", digits=2, target=at_most(5)
    )
    report.add(group, "statements explained", [float(found["statements"])])
    report.add(
        group, "of these, read a table from end to end", [float(found["scans"])], target=ratio_at_most(0)
    )
    report.notes += found["table"]
    return report


def _explain(rows: int, database_url: str, state: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.order_queries", str(rows)],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "jaxbroker.settings",
            "JAXBROKER_ENV_FILE": os.devnull,
            "JAXBROKER_STATE_DIR": state,
            "SECRET_KEY": "only-for-a-bench-" * 4,
            "DATABASE_URL": database_url,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Be the program: leave one line of JSON."""
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415  Django is set up only here

    from bench import query_plans  # noqa: PLC0415  it imports models

    call_command("migrate", verbosity=0)
    query_plans.fill(int(sys.argv[1]))
    plans = query_plans.explain_everything()
    found = {
        "claim_ms": query_plans.claim_ms(plans),
        "not_closed": sum(query_plans.NOT_CLOSED.values()),
        "statements": len(plans),
        "scans": sum(bool(plan.scanned) for plan in plans),
        "table": list(query_plans.table(plans)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
