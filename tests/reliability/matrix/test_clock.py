"""Row 33: our wall clock is wrong, or jumps; the database's and the monotonic one are not."""

import asyncio
import datetime as dt
import sys
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.common.aio import in_db
from apps.gateway import connection
from apps.orders.models import Order
from apps.safety.selectors import states
from tests.gateway.house import until
from tests.reliability.matrix.stage import RESTING
from tests.reliability.tap import PLACE_ORDER, Way

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = {"an hour ahead": 3600, "an hour behind": -3600, "a day behind": -86_400, "a leap second": 1}


@pytest.fixture
def wall_clock(monkeypatch):
    """Move the wall clock that our own code reads, and nothing else."""
    shift = [dt.timedelta(0)]
    true = dt.datetime

    class Moved(true):
        @classmethod
        def now(cls, tz=None):
            return true.now(tz) + shift[0]

        @staticmethod
        def fromisoformat(text):
            return true.fromisoformat(text)  # what the database says is no time of ours

    for name, module in list(sys.modules.items()):
        reads_a_clock = name.startswith("apps.") and name != "apps.common.prepared"
        if reads_a_clock and getattr(module, "datetime", None) is true:
            monkeypatch.setattr(module, "datetime", Moved)
    monkeypatch.setattr(timezone, "now", lambda: Moved.now(dt.UTC))

    def move(seconds):
        shift[0] = dt.timedelta(seconds=seconds)

    return move


@pytest.mark.row(33)
class TestWallClock:
    async def test_no_order_expires_or_lives_on_because_of_it(self, stage, count, wall_clock, monkeypatch):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)
        await stage.until_status(await stage.place(), "FILLED")
        for seconds in STEPS.values():
            wall_clock(seconds)
            await self._until_fresh(stage)
            for _ in range(0, count, 25):
                orders = [
                    await stage.place(**RESTING | {"quantity": Decimal(n + 1), "expires_in_s": 20})
                    for n in range(min(25, count))
                ]
                for order in orders:
                    await stage.until_status(order, "WORKING")
                for order in orders:
                    await stage.finish(order)
        expired = await in_db(Order.objects.filter(status="EXPIRED_UNSENT").count)
        assert expired == 0
        assert await stage.violations() == []

    async def test_what_expired_stays_expired(self, stage, wall_clock):
        await stage.until_status(await stage.place(), "FILLED")
        (stage.config.state_dir / "HALT").touch()  # holds the order lane, whatever the rows say
        await self._until_halted(stage)
        await stage.resume()
        order = await stage.submit(**RESTING | {"expires_in_s": 1})
        await stage.until_status(order, "EXPIRED_UNSENT")

        wall_clock(-3600)
        (stage.config.state_dir / "HALT").unlink()
        await self._until_fresh(stage)
        await stage.finish((await stage.place_resting())[0])

        assert (await stage.row(order)).status == "EXPIRED_UNSENT"
        assert await stage.violations() == []

    async def test_doubt_is_counted_by_the_databases_clock(self, stage, wall_clock):
        await stage.until_status(await stage.place(), "FILLED")
        wall_clock(-3600)
        await self._until_fresh(stage)
        stage.tap.eat(PLACE_ORDER, way=Way.OUT)

        order = await stage.place()

        await stage.until_status(order, "UNKNOWN", within_s=12)

    async def _until_fresh(self, stage):
        """Wait for a price that was stamped by the clock as it is now."""
        stage.forget_prices()
        await stage.until_priced()
        await asyncio.sleep(1.2)  # rows of prices are written once a second

    async def _until_halted(self, stage):
        async def halted():
            return (await in_db(states, ["*"]))[0].state == "HALTED"

        await until(halted)
