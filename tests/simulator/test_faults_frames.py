"""Frames that no client should have to read, and clients that read on."""

from __future__ import annotations

import asyncio
import logging
import struct

import pytest
from ib_insync import MarketOrder, Stock

from tests.simulator.raw_client import PATIENCE_S


async def bytes_of(raw, count, timeout_s=PATIENCE_S):
    async with asyncio.timeout(timeout_s):
        return await raw._reader.readexactly(count)


class TestBrokenFrames:
    async def test_garbage_has_the_right_length_and_is_the_same_for_a_seed(self, throw, raw):
        found = []
        for seed in (5, 5, 6):
            assert await throw("garbage_frame", length=100, seed=seed) == {"clients": 1}
            found.append(await bytes_of(raw, 104))

        assert [struct.unpack(">I", one[:4])[0] for one in found] == [100] * 3
        assert found[0] == found[1] != found[2]

    async def test_an_oversize_frame_is_announced_and_never_comes(self, throw, raw):
        await throw("oversize_frame")

        assert (await bytes_of(raw, 8))[:4] == b"\xff\xff\xff\xff"

    async def test_an_empty_frame_is_nothing_but_a_length(self, throw, raw):
        await throw("empty_frame")
        raw.send(49, 1)

        assert await bytes_of(raw, 4) == b"\0\0\0\0"
        assert (await raw.until(49))[0] == "49"

    async def test_a_truncated_frame_ends_with_its_socket(self, throw, raw):
        await throw("truncated_frame")

        with pytest.raises(asyncio.IncompleteReadError) as error:
            await raw.read()
        assert len(error.value.partial) > 0

    async def test_an_unended_frame_lacks_its_last_nul(self, throw, raw):
        await throw("unended_frame")
        (length,) = struct.unpack(">I", await bytes_of(raw, 4))

        assert (await bytes_of(raw, length)).endswith(b"\x00") is False


class TestStrangeMessages:
    @pytest.mark.parametrize("message", ["999", "abc", "-1", ""])
    async def test_an_unknown_message_does_not_disturb_ib_insync(self, throw, ib, message, caplog):
        with caplog.at_level(logging.CRITICAL):
            await throw("unknown_message", message=message)
            answered = await ib.reqCurrentTimeAsync()

        assert answered.year >= 2026

    async def test_any_frame_can_be_sent(self, throw, ib):
        seen = []
        ib.errorEvent += lambda *found: seen.append(found[:3])
        await throw("emit_frame", fields=["4", "2", "-1", "2104", "all is well", ""])
        await ib.reqCurrentTimeAsync()

        assert (-1, 2104, "all is well") in seen


class TestFieldCounts:
    async def test_an_extra_field_comes_once(self, throw, raw):
        await throw("extra_field", message=49)
        first = await raw.ask(49, 49, 1)
        second = await raw.ask(49, 49, 1)

        assert (len(first), first[-1]) == (4, "surplus")
        assert len(second) == 3

    async def test_a_missing_field_comes_as_often_as_told(self, throw, raw):
        await throw("missing_field", message=49, count=2)

        assert [len(await raw.ask(49, 49, 1)) for _ in range(3)] == [2, 2, 3]

    async def test_a_fill_with_a_field_too_many_is_lost_to_ib_insync(self, throw, ib, caplog):
        await throw("extra_field", message=11)
        with caplog.at_level(logging.CRITICAL):
            trade = ib.placeOrder(Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 1))
            async with asyncio.timeout(PATIENCE_S):
                while not trade.isDone():
                    await trade.statusEvent

        assert trade.orderStatus.filled == 1
        assert ib.fills() == []
