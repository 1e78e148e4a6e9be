"""Rows 27 to 29: PostgreSQL is killed, frozen, locked, and loses its answer exactly at COMMIT."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product as every

import psycopg
import pytest

from tests.reliability.history import Outcome
from tests.reliability.matrix.figures import IS_CHAOS
from tests.reliability.matrix.store_stage import (
    DEADLINE_S,
    SLACK_S,
    StoreStage,
    ask,
    assert_refused,
    halves_of_a_migration,
    in_background,
    on_postgresql,
)
from tests.reliability.postgresql import Unavailable
from tests.reliability.product import until
from tests.reliability.proxy import Moment

RECOVERED_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreStage]:
    try:
        with on_postgresql(tmp_path_factory.mktemp("store")) as stage:
            yield stage
    except Unavailable as reason:
        pytest.skip(f"no PostgreSQL here: {reason}")


@pytest.mark.row(27)
class TestServerGone:
    def test_nothing_is_promised_or_sent_and_what_was_filled_meanwhile_is_booked(self, store, count):
        store.place()
        for number in range(count):
            store.until_calm()
            resting = store.rest_one()
            frames = store.order_frames()
            store.server.kill() if number % 2 == 0 else store.server.stop()

            refused = store.post_at_once(3) + store.post_at_once(2)
            store.fill_resting()

            assert_refused(refused)
            assert store.order_frames() == frames
            store.server.start()
            seconds = store.until_trading(within_s=RECOVERED_WITHIN_S)
            assert seconds <= RECOVERED_WITHIN_S
            store.until_status(resting, "FILLED")
            assert not any(store.has_row(call.arguments["client_order_id"]) for call in refused)
        assert store.violations() == []

    def test_the_file_halts_while_no_row_can(self, store):
        store.until_calm()
        resting = store.rest_one()
        store.server.kill()
        store.halt_file.touch()
        frames = store.order_frames()

        store.server.start()

        until(lambda: store.trading_state() == "HALTED", within_s=20, what="the halt as a row")
        store.until_status(resting, "CANCELLED", within_s=30)
        assert store.order_frames() == frames
        store.halt_file.unlink()
        store.resume()
        store.until_trading(within_s=RECOVERED_WITHIN_S)

    @pytest.mark.chaos
    def test_an_outage_longer_than_the_lease(self, store):
        store.until_calm()
        store.server.kill()
        time.sleep(45)
        assert_refused(store.post_at_once(5))

        store.server.start()

        assert store.until_trading(within_s=RECOVERED_WITHIN_S) <= RECOVERED_WITHIN_S
        assert store.violations() == []

    def test_every_process_at_once_with_the_server(self, store):
        """Crash point 20: what a caller was told outlives kill -9 of all processes in one instant."""
        store.until_calm()
        calls = store.post_at_once(4)
        product = store.product
        with store.supervisor.away():
            for process in (product.gateway, product.web):
                process.kill()
            store.server.kill()
            store.server.start()
            product.start_web()
            product.start_gateway()

        store.until_trading(within_s=60)

        told = [call for call in calls if call.outcome is Outcome.OK]
        assert told
        assert all(store.has_row(call.arguments["client_order_id"]) for call in told)
        assert store.violations() == []

    def test_a_half_migrated_one_is_refused_by_name(self, store):
        """Crash point 21: a migration was killed half-way."""
        with psycopg.connect(store.server.url, autocommit=True) as server:
            server.execute("DROP DATABASE IF EXISTS half")
            server.execute("CREATE DATABASE half")

        said, missing = halves_of_a_migration(store.product, store.server.address(database="half"))

        assert all(missing in words for words in said)


@pytest.mark.row(28)
class TestServerStuck:
    def test_frozen(self, store, count):
        for _ in range(count):
            store.until_calm()
            began, frames = in_flight_at_the_end(store), store.order_frames()
            store.server.pause()
            try:
                refused = store.post_at_once(3)
                assert_refused(refused)
                assert store.order_frames() <= frames + began
            finally:
                store.server.resume()
            assert store.until_trading(within_s=RECOVERED_WITHIN_S) <= RECOVERED_WITHIN_S
        assert store.violations() == []

    def test_order_table_locked(self, store, count):
        for _ in range(1 if IS_CHAOS else count):
            store.until_calm()
            frames = store.order_frames()
            with locked_table(store):
                ends = time.monotonic() + (60 if IS_CHAOS else 4)
                while time.monotonic() < ends:
                    assert_refused(store.post_at_once(2))
            assert store.order_frames() == frames
            assert store.until_trading(within_s=RECOVERED_WITHIN_S) <= RECOVERED_WITHIN_S
        assert store.violations() == []

    def test_pool_exhausted(self, store, count):
        for _ in range(count):
            store.until_calm()
            with locked_table(store):
                refused = store.post_at_once(40)
                assert_refused(refused, within_s=2 * DEADLINE_S + 2 * SLACK_S)
            assert store.until_trading(within_s=RECOVERED_WITHIN_S) <= RECOVERED_WITHIN_S
            assert ask(store.product, "/account") == 200
        assert store.violations() == []

    def test_deadlock(self, store, count):
        for _ in range(count):
            store.until_calm()
            call = caught_in_deadlock(store)
            if call.status != 200:
                assert_refused([call])
                assert not store.has_row(call.arguments["client_order_id"])
            store.until_trading(within_s=RECOVERED_WITHIN_S)
        assert store.violations() == []

    def test_claim_confirmed_too_late_is_not_written(self, store, count):
        for _ in range(count):
            store.until_calm()
            frames = store.order_frames()
            spring = store.wire.proxy.sprung
            store.wire.do(store.wire.proxy.lose_commit, Moment.LATE, COMMITS["a claim"])

            number = store.place()

            until(lambda before=spring: store.wire.proxy.sprung > before, what="the late answer")
            store.until_status(number, "EXPIRED_UNSENT")
            assert store.order_frames() == frames
        assert store.violations() == []


def makes(status):
    """Return what tells a transaction that gives an order this status."""
    pattern = re.compile(rf"""UPDATE "orders_order" SET [^\n]*?"status" = '{status}'(?=.* WHERE )""")
    return lambda sql: pattern.search(sql) is not None


#: Whose COMMIT is meant, told by the SQL before it.
COMMITS = {
    "an acceptance": lambda sql: 'INSERT INTO "orders_order" ' in sql,
    "a claim": makes("IN_FLIGHT"),
    "a fill": lambda sql: 'INSERT INTO "orders_execution" ' in sql,
    "a cancel": makes("PENDING_CANCEL"),
}
MOMENTS = (Moment.BEFORE, Moment.DURING, Moment.AFTER)


@pytest.mark.row(29)
class TestCommitUnanswered:
    def test_what_is_said_and_done_is_what_is_stored(self, store, count):
        store.until_calm()
        store.place()
        kinds = list(every(COMMITS, MOMENTS))
        correct = sum(self._lose(store, *kinds[number * 5 % len(kinds)]) for number in range(count))

        assert correct == count
        assert store.violations() == []

    def _lose(self, store, whose, moment):
        """Lose one COMMIT; True if the caller was told the truth and the order came to its end."""
        proxy = store.wire.proxy
        resting = store.rest_one() if whose == "a cancel" else None
        before, key = proxy.sprung, store.key()
        store.wire.do(proxy.lose_commit, moment, COMMITS[whose])
        if resting is not None:
            call = store.client.cancel(resting)
            assert call.status in (200, 504), (whose, moment, call.status, call.result)
            store.client.cancel(resting)
            number, ends = resting, ("CANCELLED",)
        else:
            call = store.post(client_order_id=key)
            self._assert_true(store, call, key, whose, moment)
            number, ends = store.place(client_order_id=key), ("FILLED", "EXPIRED_UNSENT")
        until(lambda: proxy.sprung > before, what=f"{whose}: {moment}")
        store.until_status(number, *ends, within_s=30)
        return True

    def _assert_true(self, store, call, key, whose, moment):
        assert call.status in (200, 503), (whose, moment, call.status, call.result)
        assert store.has_row(key) is (call.status == 200), (whose, moment, call.status)


def in_flight_at_the_end(store):
    """Return how many frames may still follow: none, once nothing is under way."""
    return store.rows.count_in("ACCEPTED", "IN_FLIGHT")


@contextmanager
def locked_table(store):
    """Hold the order table for the block, as a careless change of the schema would."""
    with psycopg.connect(store.server.url) as other:
        other.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
        yield


def caught_in_deadlock(store):
    """Post while somebody takes the product's locks the other way round; return the answer."""
    calls = []
    with psycopg.connect(store.server.url) as other:
        other.execute("SELECT * FROM audit_chainhead FOR UPDATE")
        posting = in_background(lambda: calls.append(store.post()))
        until(lambda: waits_for_a_lock(store), within_s=5, what="somebody who waits")
        try:
            other.execute("SELECT * FROM safety_accountrisk FOR UPDATE")
        except psycopg.errors.DeadlockDetected:
            other.rollback()
        posting.join(20)
    return calls[0]


def waits_for_a_lock(store):
    found = store.rows.one(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'"
    )
    return found["n"] > 0
