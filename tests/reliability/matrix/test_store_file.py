"""Row 30: the SQLite file is locked, its log is huge, it is read-only, it is damaged, its process dies."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.reliability.history import Outcome
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.matrix.store_stage import (
    StoreStage,
    assert_refused,
    halves_of_a_migration,
    locked_file,
    on_sqlite,
    refuses_to_start,
    took_s,
)

RECOVERED_WITHIN_S = 10.0
PAGE = 4096
MB = 1024 * 1024

#: Copies the log into the file for ever, and says before and after each time that it does.
CHECKPOINTER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
while True:
    sys.stdout.write("(")
    sys.stdout.flush()
    other.execute("PRAGMA wal_checkpoint(FULL)")
    sys.stdout.write(")")
    sys.stdout.flush()
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreStage]:
    with on_sqlite(tmp_path_factory.mktemp("store")) as stage:
        yield stage


@pytest.mark.row(30)
class TestLocked:
    def test_is_waited_for_with_a_limit(self, store):
        store.place()
        store.until_calm()
        frames = store.order_frames()
        with locked_file(store.file):
            ends = time.monotonic() + (10 if IS_CHAOS else 3)
            while time.monotonic() < ends:
                assert_refused(store.post_at_once(2))

        assert store.order_frames() == frames
        store.until_trading(within_s=RECOVERED_WITHIN_S)
        assert store.violations() == []


@pytest.mark.row(30)
class TestHugeLog:
    def test_slows_nobody_down_and_shrinks_again(self, store):
        store.until_calm()
        log = store.file.with_name(store.file.name + "-wal")
        with closing(sqlite3.connect(store.file, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM orders_order").fetchone()
            write_much(store.file, megabytes=512 if IS_CHAOS else 96)
            assert log.stat().st_size > 64 * MB
            calls = [store.post() for _ in range(5)]
            assert [call.status for call in calls] == [200] * 5
            assert max(map(took_s, calls)) < 2.0

        with closing(sqlite3.connect(store.file, timeout=20, isolation_level=None)) as other:
            other.execute("DROP TABLE junk")
        deadline = time.monotonic() + 30
        while log.stat().st_size > 64 * MB and time.monotonic() < deadline:
            store.place()
        assert log.stat().st_size <= 64 * MB
        assert store.violations() == []


@pytest.mark.row(30)
class TestReadOnly:
    def test_is_refused_with_a_code_and_goes_on_when_it_may(self, store):
        store.until_calm()
        with read_only(store.file):
            assert_refused(store.post_at_once(3))

        store.until_trading(within_s=RECOVERED_WITHIN_S)
        assert store.violations() == []


@pytest.mark.row(30)
class TestCheckpoint:
    def test_a_death_inside_one_loses_nothing_that_was_told(self, store, count):
        """Crash point 20, on SQLite."""
        rng = random.Random(20)
        for _ in range(10 if IS_CHAOS else count):
            store.until_calm()
            was_inside = self._die(store, rng)
            assert was_inside
            store.until_trading(within_s=60)
            with closing(sqlite3.connect(store.file)) as other:
                assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        told = [call for call in store.product.history.of("place") if call.outcome is Outcome.OK]
        assert all(store.has_row(call.arguments["client_order_id"]) for call in told)
        assert store.violations() == []

    def _die(self, store, rng):
        """Kill web, gateway and who copies the log in one instant; tell whether it was copying."""
        product = store.product
        command = [sys.executable, "-c", CHECKPOINTER, str(store.file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as copier, store.supervisor.away():
            store.post_at_once(4)
            time.sleep(rng.random() * 0.2)
            for pid in (copier.pid, product.gateway.pid, product.web.pid):
                os.kill(pid, signal.SIGKILL)
            said = copier.stdout.read()
            product.start_web()
            product.start_gateway()
        return said.endswith(b"(")


@pytest.mark.row(30)
class TestDamaged:
    def test_is_found_at_start_and_while_it_runs_no_order_is_promised(self, store):
        store.until_calm()
        product = store.product
        with store.supervisor.away():
            kept = end_and_keep(store)
            try:
                damage(store.file)

                for command in ("run_gateway", "run_web"):
                    assert "damaged" in refuses_to_start(product, command)
            finally:
                put_back(store, kept)
            product.start_web()
            product.start_gateway()
        store.until_trading(within_s=60)
        assert store.violations() == []

    def test_a_half_migrated_one_is_refused_by_name(self, tmp_path, store):
        """Crash point 21, on SQLite."""
        address = f"sqlite:///{tmp_path / 'half.sqlite3'}"

        said, missing = halves_of_a_migration(store.product, address)

        assert all(missing in words for words in said)


def write_much(path, *, megabytes):
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as other:
        other.execute("CREATE TABLE IF NOT EXISTS junk (filling BLOB)")
        for _ in range(megabytes):
            other.execute("INSERT INTO junk VALUES (randomblob(1048576))")


@contextmanager
def read_only(path):
    """Let nobody write the file for the block, also who has it open, also root."""
    names = [str(one) for one in path.parent.glob(f"{path.name}*")]
    if subprocess.run(["chattr", "+i", *names], capture_output=True, check=False).returncode:
        pytest.skip("chattr +i is not possible here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *names], check=True)


def end_and_keep(store):
    """End web and gateway and return a copy of the file, with all of its log in it."""
    for process in (store.product.gateway, store.product.web):
        process.kill()
    with closing(sqlite3.connect(store.file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = store.file.with_name("kept.sqlite3")
    shutil.copy(store.file, kept)
    return kept


def put_back(store, kept):
    for name in ("", "-wal", "-shm"):
        store.file.with_name(store.file.name + name).unlink(missing_ok=True)
    kept.rename(store.file)


def damage(path):
    """Write rubbish over pages in the middle of the file."""
    rng = random.Random(30)
    with path.open("r+b") as file:
        pages = path.stat().st_size // PAGE
        for page in rng.sample(range(2, pages), pages // 8):
            file.seek(page * PAGE)
            file.write(rng.randbytes(PAGE))
