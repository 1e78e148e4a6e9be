"""A simulator whose clock runs fast: `python -m bench.soak_program SPEED`.

The program itself has `--speed`, but tells its time in quarters of a second; here a pulse
is a quarter of a minute, so that a day of the venue fits into a bench.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from apps.simulator.clock import AcceleratedClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.server import SimulatorServer

#: Late in a New York evening, so that a day turns early in the run.
START = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
PULSE_S = 15.0


async def main(speed: float) -> None:
    """Serve until ended, and say on which ports."""
    clock = AcceleratedClock(START, speed=speed)
    server = SimulatorServer(
        SimulatorConfig(port=0, control_port=0, clock=clock, pulse_s=PULSE_S, limits="none")
    )
    await server.start()
    print(f"{server.port} {server.control_port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
