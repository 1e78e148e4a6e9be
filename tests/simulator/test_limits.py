"""How much may be open at once and how fast it may be asked for, as a real login is limited."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.simulator.clock import ManualClock
from tests.simulator.conftest import until
from tests.simulator.raw_client import contract

START = datetime(2026, 11, 18, 15, 0, 2, tzinfo=UTC)
PACING = "pacing violation"


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def simulator_options():
    return {"limits": "real"}


def history(request_id, *, symbol="AAPL", bar="5 secs", duration="60 S", kind="TRADES", end=""):
    return [20, request_id, *contract(symbol), 0, end, bar, duration, 1, kind, 1, 0, ""]


def line(request_id, symbol="AAPL"):
    return [1, 11, request_id, *contract(symbol), 0, "", 0, 0, ""]


def tick_by_tick(request_id, symbol="AAPL", kind="Last"):
    return [97, request_id, *contract(symbol), kind, 0, 0]


async def refused(client, code):
    """Return the ids refused with a code, oldest first."""
    return [int(one[2]) for one in await client.settle() if one[0] == "4" and one[3] == str(code)]


class TestLines:
    async def test_are_a_hundred_over_all_clients(self, connect):
        first, second = await connect(client_id=1), await connect(client_id=2)
        for request_id in range(60):
            first.send(*line(request_id))
        await first.settle()
        for request_id in range(41):
            second.send(*line(request_id))

        assert await refused(second, 101) == [40]

    async def test_are_free_again_when_their_client_is_gone(self, connect, simulator):
        first = await connect(client_id=1)
        for request_id in range(100):
            first.send(*line(request_id))
        await first.settle()
        simulator.drop_clients(reset=False)
        await until(lambda: not simulator.sessions)
        second = await connect(client_id=2)
        second.send(*line(1))

        assert await refused(second, 101) == []

    async def test_are_freed_by_a_cancel(self, raw):
        for request_id in range(100):
            raw.send(*line(request_id))
        raw.send(2, 2, 50)
        raw.send(*line(100))

        assert await refused(raw, 101) == []


class TestTickByTick:
    SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA")

    async def test_is_a_twentieth_of_the_lines(self, raw):
        for request_id, symbol in enumerate(self.SYMBOLS):
            raw.send(*tick_by_tick(request_id, symbol))

        assert await refused(raw, 10190) == [5]

    async def test_of_one_instrument_is_asked_for_every_15_seconds(self, raw, clock):
        raw.send(*tick_by_tick(1))
        raw.send(*tick_by_tick(2, kind="BidAsk"))
        early = await refused(raw, 10190)
        clock.advance(15)
        raw.send(*tick_by_tick(3, kind="BidAsk"))

        assert early == [2]
        assert await refused(raw, 10190) == []


class TestDepth:
    async def test_is_three(self, raw):
        for request_id in range(4):
            raw.send(10, 5, request_id, *contract("AAPL"), 5, 1, "")

        assert await refused(raw, 309) == [3]


class TestPacing:
    async def test_refuses_the_same_question_within_15_seconds(self, raw, clock):
        raw.send(*history(1))
        raw.send(*history(2))
        early = [one for one in await raw.settle() if one[0] == "4"]
        clock.advance(15)
        raw.send(*history(3))

        assert [(one[2], one[3]) for one in early] == [("2", "162")]
        assert early[0][4].endswith(PACING)
        assert await refused(raw, 162) == []

    async def test_refuses_the_sixth_question_about_one_contract_in_two_seconds(self, raw):
        for request_id in range(6):
            raw.send(*history(request_id, duration=f"{60 + request_id * 5} S"))
        raw.send(*history(7, symbol="MSFT"))

        assert await refused(raw, 162) == [5]

    async def test_counts_a_question_for_both_sides_twice(self, raw):
        for request_id in range(3):
            raw.send(*history(request_id, kind="BID_ASK", duration=f"{60 + request_id * 5} S"))

        assert await refused(raw, 162) == [2]

    async def test_refuses_the_61st_in_ten_minutes(self, raw, clock):
        for request_id in range(61):
            raw.send(*history(request_id, duration=f"{60 + request_id * 5} S"))
            assert await refused(raw, 162) == ([60] if request_id == 60 else [])
            clock.advance(3)
        clock.advance(600)
        raw.send(*history(61))

        assert await refused(raw, 162) == []

    async def test_leaves_longer_bars_alone(self, raw):
        for request_id in range(10):
            raw.send(*history(request_id, bar="1 min", duration="600 S"))

        assert await refused(raw, 162) == []

    async def test_counts_live_bars_of_five_seconds(self, raw):
        for request_id in range(2):
            raw.send(50, 3, request_id, *contract("AAPL"), 5, "TRADES", 0, "")

        assert await refused(raw, 420) == [1]


class TestHistory:
    async def test_has_fifty_questions_open(self, raw):
        for request_id in range(51):
            raw.send(20, request_id, *contract("AAPL"), 0, "", "1 min", "60 S", 1, "TRADES", 1, 1, "")

        assert await refused(raw, 322) == [50]


class TestNone:
    @pytest.fixture
    def simulator_options(self):
        return {"limits": "none"}

    async def test_counts_nothing(self, raw):
        for request_id in range(101):
            raw.send(*line(request_id))
        for request_id in range(7):
            raw.send(*tick_by_tick(request_id))
            raw.send(10, 5, request_id, *contract("AAPL"), 5, 1, "")
            raw.send(*history(request_id))

        assert [one for one in await raw.settle() if one[0] == "4"] == []
