"""The import contracts hold, and each of them can fail: one violation is planted for every contract."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

#: What breaks each contract: files and the line that is added to them. Files that do not exist are made.
VIOLATIONS = {
    "The project package composes; nobody imports it": {"apps/common/planted.py": "import jaxbroker"},
    "Parts depend downwards only, and every part has a place": {
        "apps/audit/planted.py": "import apps.orders"
    },
    "Inside a part: interface, services, selectors, models": {
        "apps/audit/models.py": "import apps.audit.services",
    },
    "Inside the gateway: tasks meet in rows, not in calls": {
        "apps/gateway/lease.py": "import apps.gateway.worker",
    },
    "Surfaces and gateway tasks call services and selectors, never models": {
        "apps/bridge/planted.py": "import apps.orders.models",
    },
    "The core knows no framework": {"apps/domain/planted.py": "import django"},
    "The domain does no I/O and owns no clock": {"apps/domain/planted.py": "import time"},
    "Only the gateway speaks to a broker": {"apps/orders/planted.py": "import apps.broker.port"},
    "Only start-up chooses the Interactive Brokers adapter": {
        "apps/gateway/planted.py": "import apps.broker.ib",
    },
    "One module imports the broker library": {"apps/broker/ib/planted.py": "import ib_insync"},
    "No web or Celery process loads the broker, by any road": {
        "apps/gateway/selectors.py": "import apps.gateway.planted",
        "apps/gateway/planted.py": "import apps.broker.port",
    },
    "Business code is synchronous": {"apps/orders/models.py": "import asyncio"},
    "Async code and the ORM meet in common": {"apps/bridge/planted.py": "import asgiref.sync"},
    "Inside the simulator: told, traded, priced, described": {
        "apps/simulator/market/planted.py": "import apps.simulator.exchange.orders",
    },
    "The simulator is an independent witness": {"apps/simulator/planted.py": "import apps.common"},
}


def contract_names() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def lint(folder: Path) -> str:
    """Return what lint-imports says about the tree in `folder`."""
    command = [LINT_IMPORTS, "--no-logo", "--cache-dir", folder / "cache"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    return ended.stdout + ended.stderr


def broken(report: str) -> set[str]:
    # A long name fills its line, and the verdict stands on the next one.
    text = " ".join(report.split())
    return {name for name in contract_names() if f"{name} BROKEN" in text}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of our packages that tests may spoil."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("apps", "jaxbroker"):
        ignored = shutil.ignore_patterns("__pycache__", "static", "templates")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def plant(tree: Path) -> Iterator[object]:
    """A function that adds lines to files of the copy; what it did is undone afterwards."""
    before: dict[Path, str | None] = {}

    def add(lines: dict[str, str]) -> Path:
        for name, line in lines.items():
            path = tree / name
            before[path] = path.read_text() if path.exists() else None
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{before[path] or ''}\n{line}\n")
        return tree

    yield add

    for path, text in before.items():
        if text is not None:
            path.write_text(text)
            continue
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


class TestContracts:
    def test_are_kept_by_the_tree_as_it_is(self, tree):
        report = lint(tree)

        assert f"Contracts: {len(contract_names())} kept, 0 broken." in report, report

    @pytest.mark.parametrize("name", contract_names())
    def test_go_red_when_violated(self, plant, name):
        spoilt = plant(VIOLATIONS[name])

        report = lint(spoilt)

        assert name in broken(report), report

    def test_refuse_a_part_that_has_no_place(self, plant):
        spoilt = plant({"apps/newcomer/__init__.py": ""})

        report = lint(spoilt)

        assert "newcomer" in report
        assert "0 broken" not in report
