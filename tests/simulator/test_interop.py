"""The acceptance script of `make sim-interop` with the library of the development environment.

One client at one version, so that the script cannot rot; all clients at all versions run apart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SESSION_LIMIT_S = 60


async def outcomes_of(port: int) -> dict[str, tuple[str, str]]:
    """Return mark and detail of every step of a session of ib_insync."""
    command = ["-m", "tests.interop.drive", "ib_insync", "--port", str(port), "--version", "176"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SESSION_LIMIT_S):
            output, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, complaints.decode()) == (0, "")
    return {name: (mark, detail) for name, mark, detail, _ in json.loads(output)["steps"]}


class TestTheAcceptanceScript:
    @pytest.mark.slow
    async def test_passes_with_ib_insync(self, simulator, caplog):
        simulator.grant_market_data("delayed", symbol="CRM")
        simulator.grant_market_data("none", symbol="ADBE")
        with caplog.at_level(logging.INFO, logger="apps.simulator"):
            outcomes = await outcomes_of(simulator.port)

        assert len(outcomes) > 100
        assert [f"{name}: {why:.300}" for name, (mark, why) in outcomes.items() if mark != "✓"] == []
        assert [one.getMessage() for one in caplog.records if "left over" in one.getMessage()] == []
        assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == []

    async def test_fails_without_a_simulator(self, unused_tcp_port):
        outcomes = await outcomes_of(unused_tcp_port)

        assert {mark for mark, _ in outcomes.values()} == {"✗"}
