"""Row 10, its other half: no new order from before the scheduled restart until READY after it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.accounts.order_gate import closed_gate
from apps.common.aio import in_db
from apps.common.db import database_now
from apps.domain.restart import RestartSchedule
from apps.gateway import connection
from apps.orders.services.intake import RestartWindow
from tests.gateway.house import until
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.matrix.stage import RESTING

pytestmark = pytest.mark.django_db(transaction=True)

LEAD_S = 2.0


@pytest.mark.row(10)
class TestRestartWindow:
    async def test_the_gate_is_closed_from_before_until_ready_again(
        self, stage, count, settings, monkeypatch
    ):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)
        working = (await stage.place_resting())[0]
        for _ in range(min(count, 10) if IS_CHAOS else 1):
            restart = await in_db(database_now) + timedelta(seconds=LEAD_S)
            settings.JAXBROKER_RESTART = RestartSchedule(
                restart.time(), ZoneInfo("UTC"), lead=timedelta(seconds=LEAD_S)
            )
            session, frames = (await stage.gateway.row()).session, stage.order_frames()
            with pytest.raises(RestartWindow):
                await stage.submit(**RESTING)
            assert "restarts" in (await self._gate(stage)).sentence
            await self._until_time(restart)
            with pytest.raises(RestartWindow):
                await stage.submit(**RESTING)

            stage.simulator.fault("gateway_restart", seconds=0.8, reset=True, busy_s=0.4)
            await stage.until_not_ready()
            with pytest.raises(RestartWindow):
                await stage.submit(**RESTING)
            assert stage.order_frames() == frames
            await stage.until_ready(after=session, within_s=60)

            assert await self._gate(stage) is None
            await stage.finish((await stage.place_resting())[0])
        await stage.finish(working)
        assert await stage.violations() == []

    async def _gate(self, stage):
        row = await stage.gateway.row()
        return await in_db(lambda: closed_gate(row, now=database_now()))

    async def _until_time(self, moment):
        async def passed():
            return await in_db(database_now) >= moment

        await until(passed, what="the restart's time")
