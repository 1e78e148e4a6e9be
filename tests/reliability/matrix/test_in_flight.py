"""Rows 3, 4, 5, 15 and 22: what happens to orders that are on their way when something stops."""

import asyncio
import random
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from apps.common.aio import in_db
from apps.domain.errors import DomainError
from apps.domain.orders import CLOSED, IN_DOUBT, OPEN
from apps.gateway import connection, heartbeat
from apps.orders.models import Order
from apps.orders.services.changes import NewTerms, request_change
from apps.safety.models import Incident
from tests.gateway.house import as_web, until
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.matrix.stage import RESTING
from tests.reliability.tap import PLACE_ORDER, Way

pytestmark = pytest.mark.django_db(transaction=True)

HEARTBEAT = "49"


@pytest.mark.row(3)
class TestStoppedBroker:
    async def test_nothing_is_lost_or_doubled_and_what_comes_late_is_seen(self, stage, count, monkeypatch):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)
        await stage.place()
        rng, orders = random.Random(3), []
        for number in range(count):
            pause_s = 120 if number % 40 == 39 else 20 if number % 20 == 19 else 2
            trading = asyncio.create_task(self._trade(stage, rng, seconds=1.5))
            await asyncio.sleep(0.4)
            stage.simulator.freeze()
            orders += await trading
            await asyncio.sleep(pause_s)
            stage.simulator.thaw()

            await stage.until_ready(within_s=90)
            await self._until_clear(stage)
            for order in orders:
                await stage.finish(order, within_s=60)
            orders.clear()
        assert await stage.violations() == []

    async def _trade(self, stage, rng, *, seconds):
        """Submit twenty orders a second; what is refused while nobody answers is refused."""
        placed, began = [], time.monotonic()
        for number in range(int(seconds * 20)):
            await asyncio.sleep(max(0.0, began + number / 20 - time.monotonic()))
            terms = {"quantity": Decimal(rng.randint(1, 9)), "expires_in_s": 2}
            try:
                placed.append(await stage.place(**terms | (RESTING if number % 2 else {})))
            except DomainError:
                continue
        return placed

    async def _until_clear(self, stage):
        async def clear():
            doubts = await in_db(lambda: Order.objects.filter(status__in=[*IN_DOUBT, "ACCEPTED"]).count())
            return doubts == 0

        await until(clear, within_s=120, what="no order in doubt")


@pytest.mark.row(4)
class TestEaten:
    async def test_is_called_not_placed_after_a_minute_of_looks_and_never_sent_again(self, stage, count):
        await stage.until_status(await stage.place(), "FILLED")
        stage.tap.eat(PLACE_ORDER, way=Way.OUT, count=count)
        orders = [await stage.place() for _ in range(count)]
        for order in orders:
            await stage.until_status(order, "UNKNOWN", within_s=60)

        if not IS_CHAOS:
            for _ in range(3):
                await self._age(orders, seconds=31)
                await self._look(stage, orders)

        for order in orders:
            gone = await stage.until_status(order, "NOT_PLACED", within_s=150)
            assert gone.looks >= 3
        assert stage.order_frames() == count + 1
        assert await stage.violations() == []

    async def _age(self, orders, *, seconds):
        """Move the rows into the past instead of waiting."""
        rows = Order.objects.filter(pk__in=[order.pk for order in orders])
        back = timedelta(seconds=seconds)
        await in_db(
            rows.update, in_flight_at=F("in_flight_at") - back, first_look_at=F("first_look_at") - back
        )

    async def _look(self, stage, orders):
        """Cause a full look at the broker's lists and wait for its end."""
        before = [(await stage.row(order)).looks for order in orders]
        stage.tap.inject(4, 2, -1, 1102, "Connectivity restored", "")

        async def looked():
            return all(
                [(await stage.row(order)).looks > looks for order, looks in zip(orders, before, strict=True)]
            )

        await until(looked, what="a look")


@pytest.mark.row(5)
class TestCutAfterDelivery:
    async def test_is_found_working_within_10_s_of_the_return(self, stage, count, monkeypatch):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)
        await stage.place()
        for _ in range(count):
            session = (await stage.gateway.row()).session
            stage.tap.once(PLACE_ORDER, lambda: stage.tap.hold(Way.IN))
            order = await stage.place(**RESTING)
            await self._until_delivered(stage, order)
            stage.tap.cut()
            await stage.until_not_ready()
            stage.tap.release(Way.IN)
            await stage.until_ready(after=session)

            await stage.until_status(order, "WORKING", within_s=10)

            assert len(stage.at_broker(order)) == 1
        assert await stage.violations() == []

    async def _until_delivered(self, stage, order):
        """Wait until IB Gateway has read the order: bytes it has not read may die with the line."""

        async def read():
            return stage.at_broker(order)

        await until(read, what="the order at the broker")


@pytest.mark.row(15)
class TestTwoPermIds:
    async def test_a_second_perm_id_is_an_incident(self, stage, count):
        stage.resumes = True
        for _ in range(count):
            stage.simulator.fault("two_perm_ids")
            order = (await stage.place_resting())[0]
            await as_web(request_change, order.pk, NewTerms(limit_price=Decimal("204.50")), by="key:tara0001")

            async def seen_both(order=order):
                return len((await stage.row(order)).ib_perm_ids) == 2

            await until(seen_both, what="both perm ids")
            await stage.until_status(order, "CANCELLED")
        assert await stage.violations() == []

    async def test_two_orders_of_one_name_are_both_ended(self, stage, count):
        stage.resumes = True
        for _ in range(count):
            stage.simulator.fault("twin_order")
            order = (await stage.place_resting())[0]
            await as_web(request_change, order.pk, NewTerms(limit_price=Decimal("204.50")), by="key:tara0001")

            async def both_ended(order=order):
                held = stage.at_broker(order)
                return len(held) == 2 and {one["status"] for one in held} == {"Cancelled"}

            await until(both_ended, within_s=30, what="the end of both")
            await stage.until_status(order, *CLOSED)
            session = (await stage.gateway.row()).session
            stage.tap.cut()  # the twin's id is its broker's choice; a new session learns of it
            await stage.until_ready(after=session)
        kinds = await in_db(lambda: set(Incident.objects.values_list("kind", flat=True)))
        assert "two_perm_ids" in kinds


@pytest.mark.row(22)
class TestOwnStall:
    async def test_is_not_blamed_on_the_broker(self, stage, count, monkeypatch):
        monkeypatch.setattr(heartbeat, "EVERY_S", heartbeat.EVERY_S if IS_CHAOS else 2.0)
        await stage.place()
        working = (await stage.place_resting())[0]
        for _ in range(count):
            session = (await stage.gateway.row()).session
            blocked = asyncio.Event()

            def block(blocked=blocked):
                time.sleep(10 if IS_CHAOS else 5.5)
                blocked.set()

            stage.tap.once(HEARTBEAT, block)
            stage.tap.cut()
            await asyncio.wait_for(blocked.wait(), 20)

            beats = len(stage.tap.sent(HEARTBEAT))
            await until(lambda beats=beats: self._beat(stage, beats), what="the next heartbeat")
            assert (await stage.until_ready(after=session)).session == session + 1
        assert (await stage.row(working)).status in OPEN
        await stage.until_status(await stage.place(), "FILLED")
        assert await stage.violations() == []

    async def _beat(self, stage, beats):
        return len(stage.tap.sent(HEARTBEAT)) > beats
