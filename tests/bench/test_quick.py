"""Every bench still runs. How fast anything is, is for `make bench` to say, not for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHES

ROOT = Path(__file__).parents[2]


@pytest.mark.processes
@pytest.mark.parametrize("name", BENCHES)
class TestQuickRun:
    def test_prints_its_table_and_keeps_its_figures(self, name, tmp_path):
        ran = subprocess.run(
            [sys.executable, "-m", "bench", "--quick", "--only", name, "--results", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
        )
        sys.stdout.write(ran.stdout)

        assert ran.returncode == 0, ran.stderr
        assert f"\n{name}: " in ran.stdout
        kept = json.loads((tmp_path / f"{name}.json").read_text())
        assert all(one["rounds"] for figures in kept["groups"].values() for one in figures)
        assert ran.stderr == ""
