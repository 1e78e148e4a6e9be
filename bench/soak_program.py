"""A simulator whose clock runs fast: `python -m bench.soak_program SPEED`.

The venue's clock is moved by hand, so that a day of the venue passes in a minute.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.server import SimulatorServer

#: Late in a New York evening, so that a day turns early in the run.
START = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
STEP_S = 0.05


async def main(speed: float) -> None:
    """Serve until ended."""
    clock = ManualClock(START)
    server = SimulatorServer(SimulatorConfig(port=0, clock=clock))
    await server.start()
    print(server.port, flush=True)
    seen = time.monotonic()
    while True:
        await asyncio.sleep(STEP_S)
        now = time.monotonic()
        clock.advance((now - seen) * speed)
        seen = now


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
