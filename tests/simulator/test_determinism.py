"""The same seed and the same requests give the same bytes, in every run and in every process."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.simulator.twice import scripted_day

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def day():
    """Return what clients are sent on a day with seed 7."""
    return asyncio.run(scripted_day(7))


class TestScriptedDay:
    def test_is_sent_byte_for_byte_twice(self, day):
        again = asyncio.run(scripted_day(7))

        assert day == again
        assert all(len(one) > 100_000 for one in day.values())

    def test_differs_with_the_seed(self, day):
        other = asyncio.run(scripted_day(8))

        assert day["first"] != other["first"]
        assert day["second"] != other["second"]

    @pytest.mark.processes
    async def test_is_the_same_in_processes_that_hash_differently(self):
        digests = await asyncio.gather(*(digest_with(hash_seed) for hash_seed in ("0", "4711")))

        assert digests[0] == digests[1]
        assert digests[0].startswith("first ")


async def digest_with(hash_seed):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.simulator.twice",
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return output.decode()
