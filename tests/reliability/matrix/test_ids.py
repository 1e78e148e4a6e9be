"""Rows 10 and 11: IB Gateway restarts with its ids rolled back, or stays away for half a day."""

import time

import pytest

from apps.gateway import connection
from tests.gateway.house import until
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.tap import PLACE_ORDER

pytestmark = pytest.mark.django_db(transaction=True)

NEXT_ID = "9"
CALM_TRIES_A_MINUTE = 2.0  # waits of 0.5 to 60.5 s with full jitter


@pytest.mark.row(10)
class TestNightlyRestart:
    async def test_no_id_is_used_twice_and_the_client_id_stays(self, stage, count, monkeypatch):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)
        orders = await stage.place_resting(2)
        for number in range(count):
            session = (await stage.gateway.row()).session
            closed_s, busy_s = (90, 20) if IS_CHAOS and number == 0 else (0.8, 0.8)
            stage.simulator.fault("gateway_restart", seconds=closed_s, reset=True, busy_s=busy_s, next_id=1)
            await stage.until_not_ready()

            await stage.until_ready(after=session, within_s=closed_s + busy_s + 70)

            orders += await stage.place_resting(1)
        ids = [(await stage.row(order)).ib_order_id for order in orders]
        assert len(set(ids)) == len(ids) == count + 2
        assert ids == sorted(ids)
        assert {one.client_id for one in stage.tap.connections} - {None} == {1}
        assert await stage.violations() == []

    async def test_a_false_next_id_gives_no_order_a_used_one(self, stage):
        for said in ("1", "-1", "2147483648", "rubbish"):
            await self._say(stage, said)
        assert await stage.violations() == []

    async def _say(self, stage, said):
        first = (await stage.place_resting())[0]
        used = (await stage.row(first)).ib_order_id
        session = (await stage.gateway.row()).session
        told = len([frame for frame in stage.tap.frames if frame.number == NEXT_ID])
        off = stage.tap.rewrite(NEXT_ID, 2, said)
        stage.tap.cut()

        async def said_it():
            return len([frame for frame in stage.tap.frames if frame.number == NEXT_ID]) > told

        await until(said_it, what="the false id")
        off()

        await stage.until_ready(after=session)
        second = (await stage.place_resting())[0]

        assert (await stage.row(second)).ib_order_id > used
        frames = [frame.fields[1] for frame in stage.tap.sent(PLACE_ORDER)]
        assert len(set(frames)) == len(frames)


@pytest.mark.row(11)
class TestWeeklyLogin:
    async def test_half_a_day_of_refusals_costs_little_and_says_little(
        self, stage, count, monkeypatch, caplog
    ):
        monkeypatch.setattr(connection, "SHORTEST_WAIT_S", 0.02)
        monkeypatch.setattr(connection, "LONGEST_WAIT_S", 0.02)
        session = (await stage.gateway.row()).session
        stage.tap.line.is_refusing = True
        stage.tap.cut(rst=True)
        await stage.until_not_ready()
        tries, lines, cpu = len(stage.tap.attempts), len(caplog.records), time.process_time()

        async def tried():
            return len(stage.tap.attempts) - tries >= count

        await until(tried, within_s=300, what="so many tries")

        made = len(stage.tap.attempts) - tries
        assert (time.process_time() - cpu) / made * CALM_TRIES_A_MINUTE / 60 < 0.02
        assert (len(caplog.records) - lines) / made * CALM_TRIES_A_MINUTE <= 1
        await stage.until_reason("cannot be reached")
        stage.tap.line.is_refusing = False
        await stage.until_ready(after=session)
        assert await stage.violations() == []
