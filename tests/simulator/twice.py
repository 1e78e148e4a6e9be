"""One scripted day of two clients on a clock moved by hand, as the bytes each of them was sent.

    python -m tests.simulator.twice --seed 7      prints a digest of every client's bytes

Nothing here looks at the time of the machine: two runs with the same seed must be equal.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
from datetime import UTC, datetime

from apps.simulator.clock import SteppedClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.server import SimulatorServer
from tests.simulator.raw_client import Frame, RawClient, contract, frame, place_order
from tests.simulator.tour import take_tour

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
FAULTS = (
    ("duplicate", {}), ("filled_before_execution", {}), ("delay_commission", {"seconds": 2}),
    ("out_of_order", {"seed": 3}), ("farm_blip", {"seconds": 3}), ("correct_fills", {}), ("two_perm_ids", {}),
    ("twin_order", {}), ("delay_acks", {"seconds": 1}), ("late_fill", {"seconds": 1}),
    ("localised_errors", {}),
    ("foreign_order", {}), ("reject_orders", {"chance": 0.5, "seed": 5}), ("halt", {"symbol": "IBM"}),
    ("link_lost", {"seconds": 4}),
)  # fmt: skip


class Witness(RawClient):
    """A client that keeps every byte it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.said = bytearray()

    async def read(self, timeout_s: float = 20.0) -> Frame:
        found = await super().read(timeout_s)
        self.said += frame(*found)
        return found


async def scripted_day(seed: int, *, scenario: str = "quiet") -> dict[str, bytes]:
    """Return what each client was sent, by a name for it."""
    clock = SteppedClock(START)
    config = SimulatorConfig(port=0, seed=seed, clock=clock, scenario=scenario, limits="none", hours="nyse")
    server = SimulatorServer(config)
    await server.start()
    try:
        return await _spend_day(server)
    finally:
        await server.stop()


async def _spend_day(server: SimulatorServer) -> dict[str, bytes]:
    first = await Witness.open(server.port, version=178, client_id=1)
    second = await Witness.open(server.port, version=163, client_id=2)

    async def step(seconds: float) -> None:
        await server.pacemaker.advance(seconds, step_s=max(0.25, seconds / 40))
        await second.settle()

    await take_tour(first, step=step)
    await take_tour(second, step=step)
    await _pipeline(first)
    await _trade_against_each_other(first, second)
    for place, (name, arguments) in enumerate(FAULTS):
        server.venue.faults.switch(name, dict(arguments))
        for client, order_id in ((first, 500), (second, 600)):
            client.send(*place_order(client.version, order_id + place, "IBM", quantity=10))
            await client.settle()
        await step(6)
        await first.settle()
        server.venue.faults.clear()
    await step(3600)
    await first.settle()
    said = {"first": bytes(first.said), "second": bytes(second.said)}
    for client in (first, second):
        await client.close()
    return said


async def _pipeline(client: Witness) -> None:
    """Ask for much at once: answers that take their time must still come in one order."""
    burst = b"".join(
        frame(20, 9500 + place, *contract(symbol), 0, "", bar, "5 D", 1, "TRADES", 1, 0, "")
        for place, (symbol, bar) in enumerate(
            (("AAPL", "1 min"), ("MSFT", "1 day"), ("IBM", "5 mins"), ("F", "1 hour"))
        )
    )
    client.write_bytes(burst + frame(61, 1) + frame(88, 9510, *contract("IBM"), 0, 1, "1 day"))
    for _ in range(4):
        await client.until(17)
    if not any(one[0] == "89" for one in client.frames):
        await client.until(89)


async def _trade_against_each_other(first: Witness, second: Witness) -> None:
    for place in range(5):
        for client, action in ((first, "BUY"), (second, "SELL")):
            number = 300 + place
            client.send(
                *place_order(client.version, number, "F", action=action, kind="LMT", limit=10 + place)
            )
            await client.settle()
    first.send(58, 1)
    await first.settle()
    await second.settle()


def main() -> int:
    parser = argparse.ArgumentParser(description="Print digests of what clients are sent on a scripted day.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scenario", default="quiet")
    asked = parser.parse_args()
    said = asyncio.run(scripted_day(asked.seed, scenario=asked.scenario))
    for name, data in sorted(said.items()):
        sys.stdout.write(f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
