"""Our message budget: nothing over it, and the urgent first."""

import asyncio

import pytest

from apps.broker.ib.pacing import REQUESTS_PER_S, Pacer, Urgency, Window
from apps.broker.port import BrokerUnavailable


class TestWindow:
    def test_says_how_long_to_wait(self) -> None:
        window = Window(2)
        window.take()
        window.take()

        assert 0 < window.wait_s() <= 1
        assert window.wait_s(2) >= window.wait_s()

    def test_is_free_at_first(self) -> None:
        assert Window(3).wait_s(3) == 0


class TestPacer:
    async def test_lets_the_urgent_go_first(self) -> None:
        pacer, order = Pacer(), []
        for _ in range(REQUESTS_PER_S):
            await pacer.turn(Urgency.LOOKUP)

        async def ask(urgency: Urgency) -> None:
            await pacer.turn(urgency)
            order.append(urgency)

        await asyncio.gather(*map(ask, [Urgency.HISTORY, Urgency.MARKET_DATA, Urgency.HEARTBEAT]))

        assert order == [Urgency.HEARTBEAT, Urgency.MARKET_DATA, Urgency.HISTORY]

    async def test_one_who_gave_up_takes_no_turn(self) -> None:
        pacer = Pacer()
        for _ in range(REQUESTS_PER_S):
            await pacer.turn(Urgency.LOOKUP)
        waiting = asyncio.create_task(pacer.turn(Urgency.HEARTBEAT))
        await asyncio.sleep(0)

        waiting.cancel()

        async with asyncio.timeout(2):
            await pacer.turn(Urgency.HISTORY)

    async def test_sends_everybody_away_when_the_session_ends(self) -> None:
        pacer = Pacer()
        for _ in range(REQUESTS_PER_S):
            await pacer.turn(Urgency.LOOKUP)
        waiting = asyncio.create_task(pacer.turn(Urgency.HISTORY))
        await asyncio.sleep(0)

        pacer.close()

        with pytest.raises(BrokerUnavailable):
            await waiting
        with pytest.raises(BrokerUnavailable):
            await pacer.turn(Urgency.HEARTBEAT)
