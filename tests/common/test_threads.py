"""Threads take turns often enough that a busy loop does not hold up a database lane."""

import sys
from collections.abc import Iterator

import pytest

from apps.common.threads import INTERVAL_S, share_fairly


@pytest.fixture
def _as_before() -> Iterator[None]:
    kept = sys.getswitchinterval()
    yield
    sys.setswitchinterval(kept)


@pytest.mark.usefixtures("_as_before")
class TestShareFairly:
    def test_lets_waiting_threads_ask_ten_times_as_soon(self) -> None:
        share_fairly()

        assert sys.getswitchinterval() == pytest.approx(INTERVAL_S, rel=0.01)
