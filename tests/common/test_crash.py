"""Crash points: alive only under test settings, at the pass that was asked for."""

import os
import signal
import subprocess
import sys

import pytest

RUN = """
import django; django.setup()
from apps.common.crash import point
for n in range(3):
    print(n, flush=True)
    point("gw.claim.before_commit")
print("end", flush=True)
"""


def run(crash_at, settings_module="jaxbroker.settings_test", **more):
    return subprocess.run(
        [sys.executable, "-c", RUN],
        env=os.environ | {"JAXBROKER_CRASH_AT": crash_at, "DJANGO_SETTINGS_MODULE": settings_module} | more,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.processes
class TestPoint:
    @pytest.mark.parametrize(
        ("crash_at", "printed"),
        [("gw.claim.before_commit", "0\n"), ("gw.claim.before_commit:2", "0\n1\n")],
    )
    def test_kills_at_the_pass_that_was_asked_for(self, crash_at, printed):
        done = run(crash_at)

        assert (done.returncode, done.stdout) == (-signal.SIGKILL, printed)

    def test_is_deaf_to_other_names(self):
        assert run("gw.claim.after_commit").stdout.endswith("end\n")

    def test_is_dead_outside_tests(self, tmp_path):
        done = run(
            "gw.claim.before_commit",
            settings_module="jaxbroker.settings",
            SECRET_KEY="x" * 60,
            JAXBROKER_STATE_DIR=str(tmp_path),
        )

        assert done.stdout.endswith("end\n")
