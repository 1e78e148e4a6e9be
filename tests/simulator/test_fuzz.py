"""A short run of the fuzzer; the long one is `make sim-fuzz`."""

from __future__ import annotations

from tests.simulator.fuzz import HANG_S, fuzz
from tests.simulator.mutation import Mutator


class TestFuzz:
    async def test_finds_nothing_in_five_thousand_frames(self):
        found = await fuzz(5000, seed=20, frames_over_tcp=200)

        assert dict(found.failures) == {}, found.examples
        assert found.slowest_s < HANG_S, found.slowest
        assert (found.frames, found.over_tcp) == (5000, 200)

    def test_spoils_the_same_frames_again(self):
        one, other, different = Mutator(3), Mutator(3), Mutator(4)

        frames = [[mutator.frame(176) for _ in range(200)] for mutator in (one, other, different)]
        assert frames[0] == frames[1] != frames[2]
