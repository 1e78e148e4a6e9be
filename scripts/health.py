"""Tell a container runtime whether the process beside us is well: exit code 0, or 1 and one line why.

    scripts/health.py web        the server answers /livez
    scripts/health.py gateway    the gateway's heartbeat in the database is younger than 30 s
    scripts/health.py beat       the timetable was saved in the last 10 minutes

Small images have no curl, and a look every few seconds must not cost a start of Django.
"""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg

TIMEOUT_S = 4
BEAT_SCHEDULE = "/tmp/beat"  # noqa: S108  a tmpfs of its own in docker-compose.yml
BEAT_SAVES_EVERY_S = 600


def main() -> int:
    probes: dict[str, Callable[[], str]] = {"web": web, "gateway": gateway, "beat": beat}
    try:
        reason = probes[sys.argv[1]]()
    except (OSError, psycopg.Error) as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        print(reason)
    return int(bool(reason))


def web() -> str:
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip() or "localhost"
    request = urllib.request.Request("http://127.0.0.1:8092/livez", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310  the scheme is written above
        return ""


def gateway() -> str:
    alive = "SELECT now() - heartbeat_at < interval '30 seconds' FROM accounts_connection WHERE name = %s"
    name = os.environ.get("JAXBROKER_CONNECTION") or "main"
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=TIMEOUT_S) as connection:
        row = connection.execute(alive, [name]).fetchone()
    return "" if row and row[0] else f"no heartbeat of connection {name!r} in the last 30 s"


def beat() -> str:
    files = list(Path(BEAT_SCHEDULE).parent.glob(f"{Path(BEAT_SCHEDULE).name}*"))
    newest = max((path.stat().st_mtime for path in files), default=0.0)
    return "" if time.time() - newest < BEAT_SAVES_EVERY_S else "the timetable was not saved for 10 minutes"


if __name__ == "__main__":
    sys.exit(main())
