"""Every test here says which row it shows; its count comes from the table of figures."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.house import SimulatorProcess
from tests.reliability.matrix.figures import FIGURES, IS_CHAOS
from tests.reliability.matrix.stage import Stage, staged


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is too slow for every change, and write down which row a test shows."""
    for item in items:
        for mark in item.iter_markers("row"):
            item.user_properties.append(("row", mark.args[0]))
        if item.get_closest_marker("chaos") and not IS_CHAOS:
            item.add_marker(pytest.mark.skip(reason="minutes long; runs in make chaos"))


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    """How often the test provokes its fault."""
    mark = request.node.get_closest_marker("row")
    return FIGURES[mark.args[0]].count


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    process = SimulatorProcess(tmp_path / "simulator.state")
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def stage(transactional_db: None, simulator: SimulatorProcess, tmp_path: Path) -> AsyncIterator[Stage]:
    """A gateway that is READY behind a tap, with limits wide enough for any test."""
    async with staged(simulator, tmp_path) as ready:
        yield ready
