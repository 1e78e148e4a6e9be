"""Rows 1, 2, 6, 17, 18: the line to IB Gateway breaks, falls silent, drags, drops and lies."""

import asyncio
import random
import statistics
import time

import pytest

from apps.domain.mode import Mode
from apps.gateway import connection, heartbeat
from apps.gateway.connection import back_off_s
from apps.orders.services.intake import BrokerNotReady
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.matrix.stage import RESTING, staged
from tests.reliability.tap import Line, Way

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def short_waits(monkeypatch):
    """Let a refused gateway try again at once: how waits grow is not what the test is about."""
    monkeypatch.setattr(connection, "STABLE_S", 0.0)
    monkeypatch.setattr(connection, "LONGEST_WAIT_S", 0.2)
    monkeypatch.setattr(connection, "SHORTEST_WAIT_S", 0.1)


@pytest.mark.row(1)
class TestCut:
    async def test_every_cut_is_seen_at_once_and_healed(
        self, transactional_db, simulator, tmp_path, count, monkeypatch
    ):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)  # each cut is the first one after a calm time
        rng = random.Random(1)
        async with staged(simulator, tmp_path, reconnect_delay_s=1.0) as stage:
            for number in range(count):
                session = (await stage.gateway.row()).session
                stage.tap.line.is_refusing = True
                stage.tap.cut(rst=number % 2 == 0)
                await stage.until_not_ready(within_s=1.5)
                await asyncio.sleep(rng.uniform(0, 3) if count > 10 else 0)
                stage.tap.line.is_refusing = False
                back = time.monotonic()

                await stage.until_ready(after=session)

                assert time.monotonic() - back <= 5.5, f"cut {number}"
            assert _most_a_minute(stage.tap.attempts) <= 60
            assert await stage.violations() == []

    def test_waits_scatter(self):
        waits = [back_off_s(0, base_s=1.0, rng=random.Random(n)) for n in range(50)]

        assert statistics.stdev(waits) > 0.1


@pytest.mark.row(2)
class TestHalfOpen:
    async def test_is_found_within_25_s_and_stops_orders_at_the_first_missed_beat(
        self, transactional_db, simulator, tmp_path, count, monkeypatch
    ):
        pace = 1 if IS_CHAOS else 5  # a fifth of every time in the run of each change
        monkeypatch.setattr(heartbeat, "EVERY_S", heartbeat.EVERY_S / pace)
        monkeypatch.setattr(heartbeat, "DEADLINE_S", heartbeat.DEADLINE_S / pace)
        async with staged(simulator, tmp_path) as stage:
            await self._fall_silent(stage, count, within_s=25 / pace + 1)

    async def _fall_silent(self, stage, count, *, within_s):
        for _ in range(count):
            session = (await stage.gateway.row()).session
            stage.tap.line.is_black_hole = True
            fell_silent = time.monotonic()
            await stage.gateway.until_phase("RECONCILING", within_s=within_s)
            frames = stage.order_frames()
            with pytest.raises(BrokerNotReady):
                await stage.submit(**RESTING)

            row = await stage.gateway.until_phase("DISCONNECTED", within_s=within_s)

            assert time.monotonic() - fell_silent <= within_s
            assert "heartbeat" in row.reasons[0]
            assert stage.order_frames() == frames
            stage.tap.line.is_black_hole = False
            stage.tap.cut(rst=True)
            await stage.until_ready(after=session, within_s=30)
        assert await stage.violations() == []


LINES = {
    "delayed": {"latency_s": 0.3},
    "jittery": {"latency_s": 0.025, "jitter_s": 2.3 if IS_CHAOS else 0.4},
    "chopped": {"slice_bytes": 1},
    "narrow": {"bytes_per_s": 1_000.0 if IS_CHAOS else 5_000.0},
}


@pytest.mark.row(6)
class TestSlowLine:
    @pytest.mark.parametrize("name", LINES)
    async def test_orders_are_only_later(self, transactional_db, simulator, tmp_path, count, name):
        async with staged(simulator, tmp_path, patience_s=10.0) as stage:
            await self._trade(stage, count, name)

    async def _trade(self, stage, count, name):
        # At 1 kB/s IB Gateway cannot even list what a thousand orders left behind.
        count = min(count, 60) if name == "narrow" else count
        await stage.place()  # the watch is there and the price fresh
        stage.tap.line = Line(**LINES[name])
        for begin in range(0, count, 20):  # no more at once than a minute can carry
            orders = [
                await stage.place(**RESTING) if n % 3 else await stage.place()
                for n in range(min(20, count - begin))
            ]

            for n, order in enumerate(orders):
                await stage.until_status(order, "WORKING" if n % 3 else "FILLED", within_s=90)
            for order in orders:
                await stage.finish(order, within_s=90)
        stage.tap.line = Line()
        assert await stage.violations() == []


END_MARKERS = ("53", "55", "62", "102")


@pytest.mark.row(17)
class TestEndMarker:
    async def test_without_it_nothing_is_ready(
        self, transactional_db, simulator, tmp_path, count, short_waits
    ):
        async with staged(simulator, tmp_path, patience_s=1.0) as stage:
            for marker in END_MARKERS * count:
                session = (await stage.gateway.row()).session
                off = stage.tap.eat(marker, way=Way.IN, count=10**9)
                stage.tap.cut()
                await stage.gateway.until_phase("RECONCILING")

                row = await stage.gateway.until_phase("DISCONNECTED")

                assert "did not answer in time" in row.reasons[0]
                off()
                await stage.until_ready(after=session + 1)


LIES = ("U1234567", "DU1234567,U1234567", "", "DU7654321")


@pytest.mark.row(18)
class TestAccounts:
    async def test_another_login_gets_no_order(self, stage, count, short_waits):
        await stage.place_resting()
        for said in LIES * count:
            session = (await stage.gateway.row()).session
            frames = stage.order_frames()
            off = stage.tap.rewrite("15", 2, said)
            stage.tap.cut()

            await stage.until_reason("anaged accounts" if said else "handshake")

            with pytest.raises(BrokerNotReady):
                await stage.submit(**RESTING)
            assert stage.order_frames() == frames
            off()
            await stage.until_ready(after=session)
        assert await stage.violations() == []

    async def test_a_paper_account_in_live_mode_gets_no_frame(self, transactional_db, simulator, tmp_path):
        async with staged(simulator, tmp_path, is_ready=False, mode=Mode.LIVE, simulator=False) as stage:
            await stage.until_reason("anaged accounts")

            assert (await stage.gateway.row()).mode_proof == "contradicted"
            assert stage.order_frames() == 0


def _most_a_minute(attempts):
    """Return the largest number of attempts in any minute."""
    return max(sum(one <= other < one + 60 for other in attempts) for one in attempts)
