"""A simulator over real TCP and gateways that end with their test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.house import Gateway, SimulatorProcess, config_for, running_gateway


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    process = SimulatorProcess(tmp_path / "simulator.state")
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def gateway(
    transactional_db: None, simulator: SimulatorProcess, tmp_path: Path
) -> AsyncIterator[Gateway]:
    """A gateway that is READY."""
    async with running_gateway(config_for(simulator.port, tmp_path)) as running:
        await running.until_phase("READY")
        yield running
