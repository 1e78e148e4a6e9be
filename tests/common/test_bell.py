"""The bell: from any thread to any thread or loop, and never an error."""

import asyncio
import os
import subprocess
import sys
from threading import Thread

import pytest
from django.db import transaction

from apps.common import bell
from apps.common.bell import listen, listening, ring, ring_on_commit
from apps.common.clock import boottime


@pytest.fixture
def fresh_link(monkeypatch):
    """Threads to other processes that know nothing of an earlier test's Redis."""
    monkeypatch.setattr(bell, "_link", bell._Link())


class TestInOneProcess:
    async def test_wakes_a_loop_from_another_thread(self):
        async with listen("orders") as listener:
            Thread(target=ring, args=("orders",)).start()

            assert await listener.wait(5)

    async def test_wakes_a_loop_from_itself(self):
        async with listen("orders") as listener:
            ring("orders")

            assert await listener.wait(5)

    def test_wakes_a_thread(self):
        with listening("candles", "lookups") as listener:
            Thread(target=ring, args=("lookups",)).start()

            assert listener.wait(5)

    async def test_keeps_a_ring_between_two_waits_but_only_one(self):
        async with listen("orders") as listener:
            ring("orders")
            ring("orders")
            await asyncio.sleep(0)

            assert await listener.wait(5)
            assert not await listener.wait(0.01)

    async def test_says_when_nothing_rang(self):
        async with listen("orders") as listener:
            ring("candles")

            assert not await listener.wait(0.01)

    async def test_forgets_who_went_away(self):
        async with listen("orders") as listener:
            pass

        ring("orders")

        assert not await listener.wait(0.01)

    def test_survives_a_listener_whose_loop_ended(self):
        async def enter():
            await listen("orders").__aenter__()

        asyncio.run(enter())

        ring("orders")


@pytest.mark.django_db(transaction=True)
class TestOnCommit:
    def test_rings_after_the_commit(self):
        with listening("orders") as listener:
            with transaction.atomic():
                ring_on_commit("orders")
                rang_inside = listener.wait(0)

            assert not rang_inside
            assert listener.wait(0)

    def test_does_not_ring_for_what_was_rolled_back(self):
        with listening("orders") as listener:
            with transaction.atomic():
                ring_on_commit("orders")
                transaction.set_rollback(True)

            assert not listener.wait(0)

    def test_rings_at_once_outside_a_transaction(self):
        with listening("orders") as listener:
            ring_on_commit("orders")

            assert listener.wait(0)


class TestDeadRedis:
    def test_costs_the_caller_nothing(self, settings, fresh_link):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        begun = boottime()

        with listening("orders") as listener:
            for _ in range(2_000):
                ring("orders")

            assert listener.wait(1)
        assert boottime() - begun < 1


@pytest.mark.redis
class TestBetweenProcesses:
    def test_a_ring_reaches_another_process(self, settings, fresh_link):
        settings.REDIS_URL = os.environ["REDIS_URL"]
        ring_there = (
            "import django; django.setup();"
            "from apps.common.bell import ring, _link;"
            "ring('orders');"
            "from threading import Event;"
            "Event().wait(2)"
        )

        with listening("orders") as listener:
            listener.wait(1)
            other = subprocess.Popen(
                [sys.executable, "-c", ring_there],
                env=os.environ | {"DJANGO_SETTINGS_MODULE": "jaxbroker.settings_test"},
            )
            rang = listener.wait(20)
        other.wait(20)

        assert rang
