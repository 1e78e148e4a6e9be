"""Run unmodified clients of other makers through one acceptance script and print the table.

    scripts/interop.py                              all of them (`make sim-interop`)
    scripts/interop.py ib_async-2.1.0 --version 178   one client, one server version

Each client has an environment of its own in var/interop, kept until its pins change, and each run
a simulator of its own. The table also goes to var/interop/table.txt, every detail to runs.json beside
it. A step that fails, a line on a client's stderr, a warning of the simulator: each makes the exit
code 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "interop" / "requirements"
NODE = ROOT / "tests" / "interop" / "node"
FOLDER = ROOT / "var" / "interop"
#: The symbols of tests/interop/steps_market.py that are late or not paid for.
RIGHTS = {"CRM": "delayed", "ADBE": "none"}
VERSIONS = (157, 163, 166, 169, 173, 176, 177, 178)
RUN_LIMIT_S = 180
START_LIMIT_S = 30
#: Node brings certificates of its own and asks for the system's only if it is told.
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
DONE, FAILED, LEFT_OUT = "✓", "✗", "–"
#: A simulator that says one of these found the client's bytes, or itself, wanting.
_UNWANTED = re.compile(r" (WARNING|ERROR|CRITICAL) |left over|Traceback")


@dataclass(frozen=True)
class Client:
    """One release of one client. `newest`: the highest server version it speaks."""

    name: str
    library: str
    newest: int

    @property
    def is_for_node(self) -> bool:
        return self.library == "stoqey"


CLIENTS = (
    Client("ib_insync-0.9.86", "ib_insync", 176),
    Client("ib_async-2.1.0", "ib_async", 178),
    Client("ibapi-9.81.1", "ibapi", 157),
    Client("ibapi-10.19.4", "ibapi", 176),
    Client("ibapi-10.37.2", "ibapi", 178),
    Client("ibapi-10.46.1", "ibapi", 178),
    Client("stoqey-1.6.10", "stoqey", 178),
)


@dataclass(frozen=True)
class Cell:
    """What became of one step of one run."""

    step: str
    mark: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class Run:
    """One client against one simulator."""

    client: Client
    version: int
    cells: tuple[Cell, ...]
    seconds: float

    @property
    def failures(self) -> list[Cell]:
        return [one for one in self.cells if one.mark == FAILED]


def main() -> int:
    options = _options()
    clients = [one for one in CLIENTS if one.name in options.clients]
    clients = [one for one in clients if prepare(one)]
    started = time.monotonic()
    pairs = [(client, version) for version in options.version for client in clients]
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(lambda pair: tell(run(*pair, seed=options.seed)), pairs))
    text = table(runs) + f"\n{len(runs)} runs in {time.monotonic() - started:.0f} s\n"
    (FOLDER / "table.txt").write_text(text)
    (FOLDER / "runs.json").write_text(json.dumps([asdict(one) for one in runs], indent=1, ensure_ascii=False))
    print(f"\n{text}", end="", flush=True)
    return int(any(one.failures for one in runs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run other makers' clients against the simulator.")
    names = [one.name for one in CLIENTS]
    parser.add_argument("clients", nargs="*", default=names, metavar="CLIENT", help=", ".join(names))
    parser.add_argument("--version", type=int, action="append", choices=VERSIONS, help="server version")
    parser.add_argument("--jobs", type=int, default=4, help="runs side by side; they mostly wait")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    options.version = options.version or list(VERSIONS)
    if unknown := set(options.clients) - set(names):
        parser.error(f"no such client: {', '.join(sorted(unknown))}")
    return options


# --- environments -------------------------------------------------------------------------


def environment_of(client: Client) -> Path:
    return FOLDER / client.name


def prepare(client: Client) -> bool:
    """Bring a client's environment to its pins, if it is not there; return whether it is there now."""
    folder, pins = environment_of(client), pins_of(client)
    if client.is_for_node and not (shutil.which("node") and shutil.which("npm")):
        print(f"==> no {client.name}: Node is not installed", flush=True)
        return False
    stamp = folder / "installed.txt"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest() + sys.version
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"==> installing {client.name} (pinned, hashes checked)", flush=True)
        install = install_node if client.is_for_node else install_python
        install(folder, pins)
        stamp.write_text(digest)
    return True


def pins_of(client: Client) -> Path:
    return NODE / "package-lock.json" if client.is_for_node else PINS / f"{client.name}.txt"


def install_python(folder: Path, pins: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    uv, python = Path(sys.executable).parent / "uv", folder / "bin" / "python"
    wanted: list[str | Path] = ["--quiet", "--require-hashes", "-r", pins]
    if uv.exists():
        # The certificates of the system, as pip trusts them; where uv cannot fetch, pip follows.
        fast: list[str | Path] = [uv, "pip", "install", "--no-config", "--python", python, *wanted]
        if (
            subprocess.run(fast, env=os.environ | {"UV_SYSTEM_CERTS": "true"}, capture_output=True).returncode
            == 0
        ):
            return
    pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, *wanted], check=True)


def install_node(folder: Path, pins: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (pins, pins.with_name("package.json")):
        shutil.copy(name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = dict(os.environ)
    if SYSTEM_CERTIFICATES.exists():
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(SYSTEM_CERTIFICATES))
    subprocess.run(["npm", "ci", *options], cwd=folder, env=environment, check=True)


# --- one run --------------------------------------------------------------------------------


@contextmanager
def simulator(version: int, *, seed: int) -> Iterator[tuple[int, IO[str]]]:
    """Yield the port and the log of a simulator that speaks up to a version."""
    options = [
        "--port",
        "0",
        "--control-port",
        "0",
        "--hours",
        "always",
        "--seed",
        str(seed),
        "--log-level",
        "INFO",
    ]
    command = [sys.executable, "-m", "apps.simulator", *options, "--max-server-version", str(version)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r"listens on [^ ]*:(\d+), control ([^ ]*:\d+),", line)
            if found is None:
                raise RuntimeError(f"the simulator did not start: {line}")
            limit_rights(found[2])
            yield int(found[1]), log
        finally:
            process.terminate()
            process.wait(START_LIMIT_S)


def limit_rights(control: str) -> None:
    """Take away the data that the steps about delayed and missing data ask for."""
    for symbol, right in RIGHTS.items():
        connection = HTTPConnection(control, timeout=START_LIMIT_S)
        body = json.dumps({"symbol": symbol, "right": right})
        connection.request("POST", "/faults/market_data", body, {"Content-Type": "application/json"})
        if (answer := connection.getresponse()).status != 200:
            raise RuntimeError(f"the simulator refused: {answer.read().decode()}")
        connection.close()


def run(client: Client, version: int, *, seed: int) -> Run:
    """Drive a client through the script and return what became of each step."""
    started = time.monotonic()
    with simulator(version, seed=seed) as (port, log):
        cells = [*drive(client, version, port=port)]
        log.seek(0)
        lines = [line.strip() for line in log if _UNWANTED.search(line)]
    cells.append(_verdict("simulator log", lines))
    return Run(client, version, tuple(cells), time.monotonic() - started)


def drive(client: Client, version: int, *, port: int) -> list[Cell]:
    spoken = min(version, client.newest)
    folder = environment_of(client)
    # The library of Node is driven by the Python at hand: it needs none of its own.
    python = sys.executable if client.is_for_node else folder / "bin" / "python"
    command: list[str | Path] = [python, "-m", "tests.interop.drive", client.library, "--folder", folder]
    command += ["--port", str(port), "--version", str(spoken)]
    if spoken < version:
        command += ["--only-connect", f"it speaks at most {client.newest}: see there"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=RUN_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return [Cell("connect", FAILED, f"not done after {RUN_LIMIT_S} s", RUN_LIMIT_S)]
    complaints = _verdict("stderr", done.stderr.strip().splitlines()[-5:])
    if done.returncode:
        return [Cell("connect", FAILED, f"exit code {done.returncode}", 0.0), complaints]
    return [*(Cell(*one) for one in json.loads(done.stdout)["steps"]), complaints]


def _verdict(step: str, lines: list[str]) -> Cell:
    return Cell(step, FAILED if lines else DONE, " · ".join(lines)[:600], 0.0)


def tell(run: Run) -> Run:
    """Say in one line how a run went, and return it."""
    marks = [one.mark for one in run.cells]
    counts = ", ".join(f"{marks.count(mark)} {mark}" for mark in (DONE, FAILED, LEFT_OUT))
    print(f"    {run.client.name:<18} {run.version}  {counts}  {run.seconds:5.1f} s", flush=True)
    return run


# --- the table --------------------------------------------------------------------------------


def table(runs: list[Run]) -> str:
    """Return client × version × step, then why cells are not a tick."""
    clients = list(dict.fromkeys(one.client for one in runs))
    versions = sorted({one.version for one in runs})
    marks = {(one.client, one.version, cell.step): cell.mark for one in runs for cell in one.cells}
    steps = max((list(dict.fromkeys(cell.step for cell in one.cells)) for one in runs), key=len)
    width = max(2 * len(versions) + 1, 18)
    lines = [" " * 20 + "".join(f"{one.name:<{width}}" for one in clients)]
    for digit in range(3):
        digits = " ".join(str(one)[digit] for one in versions)
        lines.append(" " * 20 + f"{digits:<{width}}" * len(clients))
    for step in steps:
        rows = (" ".join(marks.get((client, one, step), " ") for one in versions) for client in clients)
        lines.append(f"{step:<20}" + "".join(f"{one:<{width}}" for one in rows).rstrip())
    return "\n".join([*lines, "", *_reasons(runs, LEFT_OUT), *_reasons(runs, FAILED)]) + "\n"


def _reasons(runs: Iterable[Run], mark: str) -> list[str]:
    """Return for each step what the first run said of it, and the runs; equal ones share a line."""
    first: dict[str, str] = {}
    who: dict[tuple[str, str], list[str]] = {}
    for one in runs:
        for cell in one.cells:
            if cell.mark == mark:
                detail = cell.detail if mark == LEFT_OUT else first.setdefault(cell.step, cell.detail)
                who.setdefault((cell.step, detail), []).append(f"{one.client.name} at {one.version}")
    lines: dict[tuple[str, str], list[str]] = {}
    for (step, detail), names in who.items():
        lines.setdefault((detail, _some(names)), []).append(step)
    return [
        f"{mark} {', '.join(steps) if len(steps) <= 3 else f'{len(steps)} steps'}: {detail} ({names})"
        for (detail, names), steps in lines.items()
    ]


def _some(names: list[str]) -> str:
    return "; ".join(names[:3]) + (f"; {len(names) - 3} more" if len(names) > 3 else "")


if __name__ == "__main__":
    sys.exit(main())
