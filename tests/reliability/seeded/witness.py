"""A pytest plugin that writes down how tests fail, and stops at the first failed assertion.

A bug counts as caught when a test says what is wrong. A crash, a broken import or a wait that came to
nothing are red as well, but would be red for many reasons; they are written down as what they are.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

#: Where the lines go.
REPORT = "SEEDED_REPORT"

#: What tests.gateway.house.until says when its time is over.
_TIME_OUT = "did not come true in"


@dataclass(frozen=True, slots=True)
class Failure:
    """One red test: its node id, `assertion`, `time-out` or `error`, and the first line of why."""

    test: str
    kind: str
    words: str


def kind_of(error: BaseException) -> str:
    """Tell a failed assertion from what is red for some other reason."""
    if not isinstance(error, AssertionError | pytest.fail.Exception):
        return "error"
    return "time-out" if _TIME_OUT in str(error) else "assertion"


def pytest_exception_interact(node: Any, call: Any, report: Any) -> None:
    """Append one failure; called by pytest for tests, fixtures and modules alike."""
    kind = kind_of(call.excinfo.value) if report.when == "call" else "error"
    words = (str(call.excinfo.value).strip() or call.excinfo.typename).splitlines()[0]
    with Path(os.environ[REPORT]).open("a") as lines:
        lines.write(json.dumps(asdict(Failure(node.nodeid, kind, words[:200]))) + "\n")
    if kind == "assertion":
        node.session.shouldstop = "the bug is caught"


def read(report: Path) -> list[Failure]:
    """Return the failures in the order in which they happened."""
    if not report.exists():
        return []
    return [Failure(**json.loads(line)) for line in report.read_text().splitlines()]
