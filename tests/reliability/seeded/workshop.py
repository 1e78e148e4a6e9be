"""A throw-away copy of the checkout in which one bug at a time is planted, hunted and pulled out.

The checkout itself is never touched. What the figures mean is decided by whoever asks for them.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.places import ROOT
from tests.reliability.seeded.bugs import Bug
from tests.reliability.seeded.witness import REPORT, Failure, read

_LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv", ".env", "var", "staticfiles", "__pycache__", ".hypothesis", ".*_cache")
)
#: Of one hunt; generous, because a busy machine must not look like a bug that hangs.
TIME_LIMIT_S = 300.0


class DoesNotFit(Exception):
    """The text an edit replaces is not found exactly once: the product has moved on."""


@dataclass(frozen=True, slots=True)
class Hunt:
    """What one run of pytest came to; `failures` in their order, `output` its last lines."""

    failures: list[Failure]
    is_green: bool
    timed_out: bool
    seconds: float
    output: str

    @property
    def catch(self) -> Failure | None:
        """Return the failed assertion that tells of the bug, if there is one."""
        return next((one for one in self.failures if one.kind == "assertion"), None)

    @property
    def why_not_caught(self) -> str:
        """Return in one line what happened instead of a failed assertion."""
        if self.failures:
            first = self.failures[0]
            return f"{first.kind} in {first.test}: {first.words}"
        if self.timed_out:
            return f"not over in {TIME_LIMIT_S:.0f} s"
        return "every hunter stayed green" if self.is_green else f"no test ran: {self.output}"


def planted(text: str, bug: Bug) -> str:
    """Return a file's text with the bug in it. Raises DoesNotFit."""
    found = text.count(bug.old)
    if found != 1:
        raise DoesNotFit(f"{bug.name}: its text is found {found} times in {bug.file}, not once:\n{bug.old}")
    return text.replace(bug.old, bug.new)


class Workshop:
    """The copy and what is done in it."""

    def __init__(self, folder: Path) -> None:
        self._copy = folder / "checkout"
        self._report = folder / "failures"
        shutil.copytree(ROOT, self._copy, ignore=_LEFT_OUT, symlinks=True)

    @contextmanager
    def with_bug(self, bug: Bug) -> Iterator[None]:
        """Keep the bug in the copy for the block. Raises DoesNotFit."""
        file = self._copy / bug.file
        healthy = file.read_text()
        file.write_text(planted(healthy, bug))
        try:
            yield
        finally:
            file.write_text(healthy)

    def hunt(self, hunters: Sequence[str]) -> Hunt:
        """Run these tests in the copy until one fails by an assertion, or all are through."""
        self._report.unlink(missing_ok=True)
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        with subprocess.Popen(
            [*command, "-p", "tests.reliability.seeded.witness", *hunters],
            cwd=self._copy,
            env=os.environ | {REPORT: str(self._report)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            output, timed_out = _wait(process)
        return Hunt(
            failures=read(self._report),
            is_green=process.returncode == 0,
            timed_out=timed_out,
            seconds=time.monotonic() - began,
            output=" / ".join(output.strip().splitlines()[-5:]),
        )


def _wait(process: "subprocess.Popen[str]") -> tuple[str, bool]:
    """Return the output and whether the time was over; then all it had started is ended too."""
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], True
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise
    return output, False


@contextmanager
def workshop() -> Iterator[Workshop]:
    """Make the copy, and take it away in the end."""
    with tempfile.TemporaryDirectory(prefix="jaxbroker-seeded-", ignore_cleanup_errors=True) as folder:
        yield Workshop(Path(folder))
