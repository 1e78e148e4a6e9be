"""in_db: one thread and one connection per lane, in order, with a deadline."""

import asyncio
import threading
from threading import Event

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from apps.common.aio import DatabaseTimeout, in_db, shutdown_lanes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_lanes():
    shutdown_lanes()
    yield
    shutdown_lanes()


class TestInDb:
    async def test_sees_what_others_committed_and_commits_itself(self):
        await in_db(Group.objects.create, name="floor")

        assert await in_db(Group.objects.filter(name="floor").exists, lane="facts")

    async def test_keeps_the_order_of_a_lane(self):
        seen: list[int] = []

        await asyncio.gather(*(in_db(seen.append, n, lane="facts") for n in range(200)))

        assert seen == list(range(200))

    async def test_gives_each_lane_a_thread_of_its_own(self):
        names = [
            await in_db(lambda: threading.current_thread().name, lane=lane)
            for lane in ("orders", "facts", "rest")
        ]

        assert names == ["db-orders_0", "db-facts_0", "db-rest_0"]

    async def test_keeps_the_connection_of_a_lane(self):
        def which() -> int:
            connection.ensure_connection()
            return id(connection.connection)

        assert await in_db(which) == await in_db(which)

    async def test_raises_what_the_function_raises(self):
        with pytest.raises(Group.DoesNotExist):
            await in_db(Group.objects.get, name="nobody")

    async def test_works_again_after_a_broken_connection(self):
        def break_it() -> None:
            connection.ensure_connection()
            connection.connection.close()

        def ask() -> bool:
            return Group.objects.exists()

        await in_db(break_it)
        with pytest.raises(Exception, match="closed"):
            await in_db(ask)

        assert await in_db(ask)

    async def test_gives_up_at_its_deadline(self):
        gate = Event()

        with pytest.raises(DatabaseTimeout) as refusal:
            await in_db(gate.wait, 5, lane="rest", deadline_s=0.05)

        gate.set()
        assert refusal.value.code == "STORE_UNAVAILABLE"

    async def test_a_call_that_came_too_late_never_begins(self):
        gate, seen = Event(), []
        blocker = asyncio.create_task(in_db(gate.wait, 5, deadline_s=5))
        await asyncio.sleep(0)

        with pytest.raises(DatabaseTimeout):
            await in_db(seen.append, 1, deadline_s=0.05)
        gate.set()
        await blocker
        await in_db(seen.append, 2)

        assert seen == [2]

    async def test_another_lane_does_not_wait(self):
        gate = Event()
        blocker = asyncio.create_task(in_db(gate.wait, 5, lane="rest", deadline_s=5))

        assert await in_db(lambda: "here", lane="orders", deadline_s=1) == "here"

        gate.set()
        await blocker

    async def test_lanes_open_again_after_they_were_shut_down(self):
        await in_db(Group.objects.exists)
        shutdown_lanes()

        assert await in_db(Group.objects.exists)
