"""Every test here says which row it shows; its count comes from the table of figures."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.house import SimulatorProcess
from tests.reliability.matrix.desk import Desk
from tests.reliability.matrix.figures import FIGURES, IS_CHAOS
from tests.reliability.matrix.stage import Stage, staged
from tests.reliability.product import Product, fresh_database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is too slow for every change, and write down which row a test shows."""
    if wanted := os.environ.get("MATRIX_ROWS"):
        items[:] = [item for item in items if _rows_of(item) & set(wanted.split(","))]
    for item in items:
        for mark in item.iter_markers("row"):
            item.user_properties.append(("row", mark.args[0]))
        if item.get_closest_marker("chaos") and not IS_CHAOS:
            item.add_marker(pytest.mark.skip(reason="minutes long; runs in make chaos"))


def _rows_of(item: pytest.Item) -> set[str]:
    return {str(mark.args[0]) for mark in item.iter_markers("row")}


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


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Web, gateway and simulator as processes, on PostgreSQL if DATABASE_URL names one."""
    folder = tmp_path_factory.mktemp("product")
    server = os.environ.get("DATABASE_URL", "")
    server = server if server.startswith("postgres") else ""
    redis_url = os.environ.get("REDIS_URL", "")
    with fresh_database(server, folder) as url, Product(folder, url, redis_url=redis_url) as running:
        yield running


@pytest.fixture(scope="session")
def whole_desk(product: Product) -> Desk:
    return Desk(product)


@pytest.fixture
def desk(whole_desk: Desk) -> Desk:
    """Tara at a product that is READY."""
    whole_desk.be_ready()
    return whole_desk


@pytest.fixture
async def stage(transactional_db: None, simulator: SimulatorProcess, tmp_path: Path) -> AsyncIterator[Stage]:
    """A gateway that is READY behind a tap, with limits wide enough for any test."""
    async with staged(simulator, tmp_path) as ready:
        yield ready
