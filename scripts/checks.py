"""Run every check of `make check`, all of them even if one fails, and print one line for each.

Two run at a time. The output of a check is shown only if it failed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
GO_MODULE = ROOT / "tests" / "contract" / "go"

UNDER_TEST = {"DJANGO_SETTINGS_MODULE": "jaxbroker.settings_test"}
#: What a server has at least; everything else keeps the default it would have there.
DEPLOYED = {
    "DJANGO_SETTINGS_MODULE": "jaxbroker.settings",
    "JAXBROKER_ENV_FILE": os.devnull,
    "DATABASE_URL": "sqlite://:memory:",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "desk.example",
}


@dataclass(frozen=True)
class Check:
    """One line of the report; with `skip_because` it says why it does not run."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    skip_because: str = ""


@dataclass(frozen=True)
class Result:
    code: int
    output: str
    seconds: float


def main() -> int:
    failed = []
    checks = all_checks()
    with ThreadPoolExecutor(max_workers=2) as pool:
        for check, result in zip(checks, pool.map(run, checks), strict=True):
            report(check, result)
            if result.code:
                failed.append(check.name)
    print(f"check: FAILED: {', '.join(failed)}" if failed else "check: clean")
    return int(bool(failed))


def all_checks() -> list[Check]:
    return [
        Check("types (mypy)", tool("mypy")),  # the slowest first, beside the quick ones
        Check("lint (ruff)", tool("ruff", "check", ".")),
        Check("format (ruff)", tool("ruff", "format", "--check", ".")),
        Check("import contracts", tool("lint-imports", "--no-logo")),
        *template_checks(),
        Check("django check", manage("check"), UNDER_TEST),
        Check("django check --deploy", manage("check", "--deploy", "--fail-level", "WARNING"), DEPLOYED),
        Check("migrations complete", manage("makemigrations", "--check", "--dry-run"), UNDER_TEST),
        Check("go vet", ("go", "vet", "./..."), folder=GO_MODULE, skip_because=why_no_go()),
    ]


def template_checks() -> list[Check]:
    folders = [name for name in ("templates", "apps") if any((ROOT / name).rglob("*.html"))]
    reason = "" if folders else "there are no templates"
    return [
        Check("templates (djlint --lint)", tool("djlint", *folders, "--lint"), skip_because=reason),
        Check("templates (djlint --check)", tool("djlint", *folders, "--check"), skip_because=reason),
    ]


def why_no_go() -> str:
    return "" if shutil.which("go") else "Go is not installed"


def tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(BIN / name), *arguments)


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *arguments)


def run(check: Check) -> Result:
    if check.skip_because:
        return Result(0, "", 0)
    started = time.monotonic()
    ended = subprocess.run(
        check.command,
        cwd=check.folder,
        env=os.environ | check.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Result(ended.returncode, ended.stdout, time.monotonic() - started)


def report(check: Check, result: Result) -> None:
    if check.skip_because:
        print(f"{check.name:<28} skipped: {check.skip_because}", flush=True)
        return
    print(f"{check.name:<28} {'FAILED' if result.code else 'OK':<7} {result.seconds:5.1f} s", flush=True)
    if result.code:
        print(result.output.rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
