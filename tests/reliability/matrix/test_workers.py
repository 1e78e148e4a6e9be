"""Rows 34 and 35: whoever keeps the clock dies, lives twice or repeats itself; the web dies at work."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from tests.places import ROOT
from tests.reliability.history import Outcome, number_of
from tests.reliability.matrix.desk import RESTING
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.product import until
from tests.reliability.rows import instant

pytestmark = pytest.mark.xdist_group("desk")  # one product for all of them

REDIS_URL = os.environ.get("REDIS_URL", "")
PERIOD_S = 4.0 if IS_CHAOS else 3.0
_CELERY = (sys.executable, "-m", "celery", "--app", "tests.reliability.quick_clock")
TICKS = "SELECT at_db FROM audit_auditevent WHERE kind = 'tests.tick' ORDER BY seq"


class Clockwork:
    """Workers and beats on a timetable of seconds; ended with the test, by their id."""

    def __init__(self, desk, folder):
        self._desk, self._folder = desk, folder
        self.processes = []

    def start(self, kind):
        """Start a `worker` or a `beat` and return its process."""
        number = len(self.processes)
        options = {
            "worker": ["--concurrency", "1", "--pool", "prefork", "--without-gossip", "--without-mingle"],
            "beat": ["--schedule", str(self._folder / f"beat-{number}"), "--pidfile="],
        }[kind]
        name = ["-n", f"w{number}@desk"] if kind == "worker" else []
        with (self._folder / f"{kind}.log").open("ab") as log:
            process = subprocess.Popen(
                [*_CELERY, kind, *name, *options, "--loglevel", "INFO"],
                cwd=ROOT,
                env=self._desk.product.environment | {"QUICK_PERIOD_S": str(PERIOD_S)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def kill(self, process):
        """End a process and what it forked with SIGKILL."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def end(self):
        for process in self.processes:
            self.kill(process)

    def turns(self):
        """Return in which period each effect came, by the clock of the database."""
        return [int(instant(row["at_db"]).timestamp() // PERIOD_S) for row in self._desk.rows.all(TICKS)]

    def until_ticks(self, count):
        """Wait for so many effects more than there are."""
        within_s = 40 + 1.5 * count * PERIOD_S
        wanted = len(self.turns()) + count
        until(
            lambda: len(self.turns()) >= wanted, within_s=within_s, what=f"{count} ticks; {self.last_words()}"
        )

    def last_words(self):
        return [log.read_text(errors="replace")[-600:] for log in sorted(self._folder.glob("*.log"))]


@pytest.fixture
def clockwork(desk, tmp_path):
    keeper = Clockwork(desk, tmp_path)
    yield keeper
    keeper.end()


@pytest.mark.row(34)
@pytest.mark.skipif(not REDIS_URL, reason="Celery's processes meet in Redis; set REDIS_URL")
class TestClockWork:
    def test_is_done_once_a_period_whatever_happens_to_those_who_do_it(self, desk, clockwork, count):
        beats = [clockwork.start("beat"), clockwork.start("beat")]
        workers = [clockwork.start("worker"), clockwork.start("worker")]
        clockwork.until_ticks(1)
        first = clockwork.turns()[0]
        clockwork.until_ticks(count)

        clockwork.kill(beats.pop())
        clockwork.kill(workers.pop())
        clockwork.until_ticks(1)
        clockwork.kill(workers.pop())
        order = desk.place_resting(1)
        clockwork.start("worker")
        clockwork.until_ticks(2)
        clockwork.kill(beats.pop())
        clockwork.start("beat")
        clockwork.until_ticks(1)

        turns = clockwork.turns()
        assert {turn: times for turn, times in Counter(turns).items() if times > 1} == {}
        calm = turns[: count + 1]
        assert calm == list(range(first, first + count + 1))
        desk.finish(order)
        assert desk.violations() == []


@pytest.mark.row(35)
class TestWebKilled:
    PACE_S = 0.02
    CALLERS = 5

    def test_callers_who_retry_with_their_keys_get_each_order_once(self, desk, count):
        asked, numbers = [], {}
        over = threading.Event()
        callers = [
            threading.Thread(target=self._call, args=(desk, over, asked, numbers))
            for _ in range(self.CALLERS)
        ]
        for caller in callers:
            caller.start()
        for _ in range(count):
            time.sleep(1.0)
            desk.product.web.kill()
            desk.product.start_web()
            until(desk.client.ready, within_s=60, what="the web")
            time.sleep(0.5)
        over.set()
        for caller in callers:
            caller.join(120)

        rows = {
            row["client_order_id"]: row["id"]
            for row in desk.rows.all("SELECT id, client_order_id FROM orders_order")
        }
        assert set(numbers) == set(asked)
        assert {key: rows.get(key) for key in asked} == numbers
        self._end(desk, list(numbers.values()))
        assert desk.violations() == []

    def _call(self, desk, over, asked, numbers):
        """Place an order every 100 ms, five callers together 50 a second, and insist on an answer."""
        client = desk.product.client()
        due = time.monotonic()
        while not over.is_set():
            due += self.PACE_S * self.CALLERS
            time.sleep(max(0.0, due - time.monotonic()))
            order = desk.order(**RESTING if len(asked) % 2 else {}, quantity=1)
            asked.append(order["client_order_id"])
            call = client.place_insisting(tries=400, pause_s=0.2, **order)
            known = call.outcome is Outcome.OK or "order_id" in (call.result or {})
            if known:
                numbers[order["client_order_id"]] = number_of(call)

    def _end(self, desk, numbers):
        desk.rest()
        desk.finish([one for one in numbers if desk.status(one) in ("WORKING", "PARTIALLY_FILLED")])
