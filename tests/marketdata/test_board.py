"""The newest quotes of a process, read by threads and loops."""

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import orjson
import pytest
import redis

from apps.common.clock import boottime
from apps.marketdata import board
from apps.marketdata.codec import to_json
from tests.marketdata.conftest import quote

pytestmark = pytest.mark.usefixtures("empty_board")

DEADLINE_S = 10


def line_of(follower, con_id):
    """Return the next line of the follower about an instrument, None if it ended."""
    return next((line for line in follower.stdout if line.startswith(f"{con_id} ")), None)


class TestKeeping:
    def test_there_is_nothing_before_the_first(self):
        assert board.get(1) is None

    def test_the_newest_wins(self):
        newest = quote(1)

        board.put([quote(1), newest])

        assert board.get(1) is newest
        assert board.picture() == {1: newest}

    def test_threads_may_write_and_read_at_once(self):
        barrier = Barrier(8)

        def work(number):
            barrier.wait(timeout=DEADLINE_S)
            for turn in range(200):
                board.put([quote(number * 1000 + turn)])
                board.picture()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))

        assert len(board.picture()) == 1600


class TestWaiting:
    def test_returns_at_once_what_is_new_enough(self):
        board.put([quote(1)])

        assert board.wait(1, boottime() - 5, timeout=0) == board.get(1)

    def test_hears_of_a_quote_put_by_another_thread(self):
        asked = boottime()
        board.put([quote(1, age_s=60)])
        writer = Thread(target=board.put, args=([quote(1)],))

        writer.start()
        found = board.wait(1, asked, timeout=DEADLINE_S)
        writer.join()

        assert found is not None
        assert found.received_boottime > asked

    @pytest.mark.django_db
    def test_gives_up_on_what_does_not_come(self):
        board.put([quote(1, age_s=60)])

        assert board.wait(1, boottime() - 30, timeout=0.1) is None


class TestChanges:
    async def test_many_changes_are_one_wake_up(self):
        async with board.changes() as heard:
            board.put([quote(1)])
            board.put([quote(2)])
            board.put([quote(1)])

            assert await asyncio.wait_for(heard.next(), DEADLINE_S) == {1, 2}

    async def test_wait_for_the_next_one_from_a_thread(self):
        async with board.changes() as heard:
            waiting = asyncio.create_task(heard.next())
            await asyncio.to_thread(board.put, [quote(7)])

            assert await asyncio.wait_for(waiting, DEADLINE_S) == {7}

    async def test_before_listening_are_not_heard(self):
        board.put([quote(1)])

        async with board.changes() as heard:
            board.put([quote(2)])

            assert await asyncio.wait_for(heard.next(), DEADLINE_S) == {2}

    async def test_no_change_is_lost_between_two_waits(self):
        seen = set()
        async with board.changes() as heard:
            writer = Thread(target=lambda: [board.put([quote(number)]) for number in range(500)])
            writer.start()
            while len(seen) < 500:
                seen |= await asyncio.wait_for(heard.next(), DEADLINE_S)
            writer.join()

        assert seen == set(range(500))

    def test_a_listener_whose_loop_ended_does_no_harm(self):
        async def listen():
            return await board.changes().__aenter__()

        asyncio.run(listen())

        board.put([quote(1)])

        assert board.get(1) is not None


class TestPublishingAlone:
    def test_reaches_this_process(self, settings):
        settings.REDIS_URL = ""

        board.publish([quote(1)])
        board.start_follower()

        assert board.get(1) is not None

    def test_never_fails_though_redis_is_gone(self, settings, monkeypatch):
        monkeypatch.setattr(board, "_publisher", board._Publisher())  # this one keeps its dead address
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            settings.REDIS_URL = f"redis://127.0.0.1:{free.getsockname()[1]}/0"

        board.publish([quote(999)])

        assert board.get(999) is not None


@pytest.mark.redis
@pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="needs REDIS_URL")
class TestBetweenProcesses:
    """A second process follows this one through a real Redis."""

    @pytest.fixture
    def client(self):
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
            client.delete(board.PICTURE)
            yield client
            client.delete(board.PICTURE)

    @pytest.fixture
    def follower(self):
        """A process that follows, and prints each change of its board as one line."""
        code = """
import asyncio, django
django.setup()
from apps.common.clock import boottime
from apps.marketdata import board
async def main():
    async with board.changes() as heard:
        board.start_follower(); board.start_follower()
        while True:
            for con_id in await heard.next():
                quote = board.get(con_id)
                print(con_id, quote.bid, round(quote.age_s(boottime())), flush=True)
asyncio.run(main())
"""
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        yield process
        process.kill()
        process.communicate()

    def test_a_latecomer_reads_the_picture_with_its_true_age(self, client, request):
        entry = to_json(quote(1), boottime=boottime()) | {"sent_at": client.time()[0] - 40}
        client.hset(board.PICTURE, "1", orjson.dumps(entry))

        follower = request.getfixturevalue("follower")

        bid, age_s = line_of(follower, 1).split()[1:]
        assert bid == "227.42"
        assert 40 <= int(age_s) < 100

    def test_a_published_quote_arrives_and_stays_in_the_picture(self, client, request, settings):
        settings.REDIS_URL = os.environ["REDIS_URL"]
        client.hset(board.PICTURE, "1", orjson.dumps(to_json(quote(1), boottime=boottime()) | {"sent_at": 1}))
        follower = request.getfixturevalue("follower")
        assert line_of(follower, 1)

        board.publish([quote(2, age_s=5)])

        bid, age_s = line_of(follower, 2).split()[1:]
        assert bid == "227.42"
        assert 5 <= int(age_s) < 30
        assert client.hexists(board.PICTURE, "2")

    def test_an_unreadable_frame_is_passed_over(self, client, request, settings):
        settings.REDIS_URL = os.environ["REDIS_URL"]
        client.hset(board.PICTURE, "1", b"{}")
        client.hset(board.PICTURE, "2", orjson.dumps(to_json(quote(2), boottime=boottime()) | {"sent_at": 1}))
        follower = request.getfixturevalue("follower")
        assert line_of(follower, 2)

        client.publish(board.CHANNEL, b"\xff not json")
        client.publish(board.CHANNEL, b'{"from": "x", "quotes": [{}]}')
        board.publish([quote(3)])

        assert line_of(follower, 3)
