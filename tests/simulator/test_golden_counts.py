"""The field counts of every message, by server version: one field off and a strict client drops it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.simulator.clock import ManualClock
from tests.simulator.golden_counts import CONTRACT_DATA, ORDERS, SYMBOL_SAMPLE, VERSIONS, expected_count
from tests.simulator.raw_client import RawClient, contract, place_order
from tests.simulator.tour import Step, take_tour

#: What a visit must have been told, so that nothing is left uncounted: every answer the simulator gives.
TOLD = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21, 45, 46, 49, 50, 52, 53, 54, 55, 57,
    58, 59, 61, 62, 63, 64, 67, 68, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 85, 86, 87, 88, 89,
    90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 101, 102,
}  # fmt: skip
SINCE = {106: 165, 107: 167}


async def ask_what_the_tour_leaves_out(client: RawClient, *, step: Step) -> None:
    """Ask for bars kept up to date, a direct book, what is no stock, and the text of an article."""
    client.send(20, 9100, *contract("AAPL"), 0, "", "1 min", "60 S", 1, "TRADES", 2, 1, "")
    await client.until(17)
    await step(6)
    await client.until(90)
    nyse = ["0", "IBM", "STK", "", "0.0", "", "", "NYSE", "", "USD", "", ""]
    await client.ask(12, 10, 5, 9101, *nyse, 3, 0, "")
    issuer = [""] if client.version >= 176 else []
    bond = ["0", "US-T", "BOND", "", "0.0", "", "", "SMART", "", "USD", "", ""]
    await client.ask(18, 9, 8, 9104, *bond, 0, "", "", *issuer)
    chain = await client.ask(75, 78, 9105, "AAPL", "", "STK", 265598)
    strikes = chain[8 + int(chain[6]) :]
    option = ["0", "AAPL", "OPT", chain[7], strikes[len(strikes) // 2], "C", "", "SMART", "", "USD", "", ""]
    await client.ask(21, 55, 3, 9106, *option, 0.3, 228, 0, "")
    difference = ["0", "IBM", "CFD", "", "0.0", "", "", "SMART", "", "USD", "", ""]
    await client.ask(91, 1, 11, 9107, *difference, 0, "", 0, 0, "")
    await client.ask(92, 10, 5, 9108, *difference, 3, 1, "")
    headline = await client.ask(86, 86, 9102, 265598, "BRFG+BRFUPDN+DJNL", "", "", 1, "")
    await client.ask(83, 84, 9103, headline[3], headline[4], "")


class TestEveryMessage:
    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 18, 15, 0, tzinfo=UTC))

    @pytest.mark.parametrize("version", VERSIONS)
    async def test_has_as_many_fields_as_the_protocol_says(self, simulator, connect, clock, version):
        client = await connect(version=version)

        async def step(seconds: float) -> None:
            clock.advance(seconds)
            simulator.pulse()

        await take_tour(client, step=step)
        await ask_what_the_tour_leaves_out(client, step=step)
        wrong = [one for one in client.frames if len(one) != expected_count(one, version)]
        told = {int(one[0]) for one in client.frames}

        assert wrong == []
        assert TOLD | {kind for kind, since in SINCE.items() if version >= since} <= told
        assert told.isdisjoint({kind for kind, since in SINCE.items() if version < since})


@pytest.mark.parametrize("version", VERSIONS)
class TestFieldCounts:
    async def test_of_an_order_that_fills(self, connect, version):
        request, opened, completed, executed = ORDERS[version]
        client = await connect(version=version)
        fields = place_order(version, 1, ref="count")

        client.send(*fields)
        fill = await client.until(11)
        first = next(one for one in client.frames if one[0] == "5")
        done = await client.ask(101, 99, 0)
        repeated = await client.ask(11, 7, 3, 50, 0, "", "", "", "", "", "")

        assert len(fields) == request
        assert (len(first), len(done), len(fill), len(repeated)) == (opened, completed, executed, executed)

    async def test_of_contract_details_and_search(self, connect, version):
        client = await connect(version=version)
        issuer = [""] if version >= 176 else []

        data = await client.ask(10, 9, 8, 50, *contract("AAPL"), 0, "", "", *issuer)
        hits = await client.ask(79, 81, 51, "TSLA")

        assert len(data) == CONTRACT_DATA[version] + 2
        assert len(hits) == 3 + SYMBOL_SAMPLE[version] + int(hits[8])
