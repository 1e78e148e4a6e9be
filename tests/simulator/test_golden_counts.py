"""The field counts of the long messages, by server version: one field off and a strict client drops it."""

from __future__ import annotations

import pytest

from tests.simulator.raw_client import contract, place_order

COUNTS = {
    # version: placeOrder, openOrder, completedOrder, execDetails, contractData, symbolSamples
    157: (110, 128, 96, 31, 41, 11),
    161: (112, 130, 96, 31, 41, 11),
    176: (115, 136, 101, 31, 42, 13),
    178: (114, 135, 100, 32, 42, 13),
}


@pytest.mark.parametrize("version", COUNTS)
class TestFieldCounts:
    async def test_of_an_order_that_fills(self, connect, version):
        request, opened, completed, executed, _, _ = COUNTS[version]
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
        *_, details, samples = COUNTS[version]
        issuer = [""] if version >= 176 else []

        data = await client.ask(10, 9, 8, 50, *contract("AAPL"), 0, "", "", *issuer)
        hits = await client.ask(79, 81, 51, "TSLA")

        assert (len(data), len(hits)) == (details, samples)

    async def test_of_an_error(self, connect, version):
        client = await connect(version=version)
        issuer = [""] if version >= 176 else []
        client.send(9, 8, 50, *contract("NOSUCH"), 0, "", "", *issuer)

        assert len(await client.error(200)) == (6 if version >= 166 else 5)


class TestShortMessages:
    async def test_have_the_counts_of_the_protocol(self, raw):
        raw.send(*place_order(176, 1))
        await raw.until(59)
        raw.send(6, 2, 1, "DU1234567")
        await raw.until(54)
        raw.send(61, 1)
        await raw.until(62)
        raw.send(76, 1, 60, "DU1234567", "", 1)
        raw.send(62, 1, 61, "All", "NetLiquidation")
        raw.send(1, 11, 62, *contract("MSFT"), 0, "", 0, 0, "")
        raw.send(92, 63, "DU1234567", "")
        raw.send(94, 64, "DU1234567", "", 265598)
        await raw.until(95)
        counts = {(one[0], len(one)) for one in raw.frames}

        expected = {
            "3": 12,
            "59": 8,
            "6": 6,
            "7": 20,
            "8": 3,
            "54": 3,
            "61": 16,
            "62": 2,
            "63": 7,
            "64": 3,
            "73": 8,
            "74": 3,
        }
        expected |= {"1": 7, "2": 5, "45": 5, "46": 5, "58": 4, "81": 5, "94": 5, "95": 7}
        assert {kind: count for kind, count in counts if kind in expected} == expected
