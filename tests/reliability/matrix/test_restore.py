"""Row 44: the database of yesterday comes back, and the broker remembers today."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from tests.places import CODE
from tests.reliability.matrix.store_stage import RESTING, StoreStage, code_of, on_postgresql, on_sqlite
from tests.reliability.postgresql import NAME, Unavailable
from tests.reliability.tap import PLACE_ORDER

Restore = Callable[[], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreStage]:
    opening = on_sqlite if request.param == "sqlite" else on_postgresql
    try:
        with opening(tmp_path_factory.mktemp("store")) as stage:
            yield stage
    except Unavailable as reason:
        pytest.skip(f"no PostgreSQL here: {reason}")


@pytest.mark.row(44)
class TestRestored:
    def test_what_the_books_forgot_is_shown_and_nothing_goes_on_until_a_person_says_so(self, store, count):
        for _ in range(count):
            self._forget_a_day(store)

    def _forget_a_day(self, store):
        store.place()
        store.until_calm()
        with ended(store):
            restore = keep(store)
        store.product.until_gateway_ready()
        lost_key = store.key()
        lost = [store.place(client_order_id=lost_key), store.place(), store.rest_one()]
        store.until_calm()
        refs = {ref_of(store, number) for number in lost}
        used = ids_on_the_wire(store)
        assert all(refs)

        with ended(store):
            restore()
        store.product.until_gateway_ready()

        assert refs <= orphans(store)
        assert store.trading_state(f"account:{CODE}") == "REDUCING"
        frames = store.order_frames()
        denied = [store.post(), store.post(**RESTING)]
        assert [code_of(call) for call in denied] == ["TRADING_REDUCING"] * 2
        assert store.order_frames() == frames
        store.resume()
        again = store.post(client_order_id=lost_key)
        assert code_of(again) == "IDEMPOTENCY_KEY_CONFLICT"
        fresh = store.place()
        store.until_status(fresh, "FILLED")
        assert max(ids_on_the_wire(store)) > max(used)
        assert len(ids_on_the_wire(store)) == len(used) + 1 == store.order_frames()


@contextmanager
def ended(store: StoreStage) -> Iterator[None]:
    """Have web and gateway away for the block."""
    product = store.product
    with store.supervisor.away():
        for process in (product.gateway, product.web):
            process.kill()
        yield
        product.start_web()
        product.start_gateway()


def keep(store: StoreStage) -> Restore:
    """Take a backup of the store; return what brings it back."""
    return _keep_file(store) if store.server is None else _keep_database(store)


def _keep_file(store: StoreStage) -> Restore:
    kept = store.file.with_name("kept.sqlite3")
    with closing(sqlite3.connect(store.file)) as now, closing(sqlite3.connect(kept)) as backup:
        now.backup(backup)

    def restore() -> None:
        for name in ("-wal", "-shm"):
            store.file.with_name(store.file.name + name).unlink(missing_ok=True)
        shutil.copy(kept, store.file)

    return restore


def _keep_database(store: StoreStage) -> Restore:
    address = store.server.address(database="postgres")
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [NAME])
        server.execute("DROP DATABASE IF EXISTS kept")
        server.execute(f"CREATE DATABASE kept TEMPLATE {NAME}")

    def restore() -> None:
        with psycopg.connect(address, autocommit=True) as server:
            server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {NAME} TEMPLATE kept")

    return restore


def ref_of(store: StoreStage, number: int) -> str:
    return str(store.rows.one(f"SELECT order_ref FROM orders_order WHERE id = {number}")["order_ref"])


def orphans(store: StoreStage) -> set[str]:
    return {
        row["order_ref"]
        for row in store.rows.all("SELECT order_ref FROM orders_order WHERE origin = 'ORPHAN'")
    }


def ids_on_the_wire(store: StoreStage) -> set[int]:
    return {int(frame.fields[1]) for frame in store.product.wire.tap.sent(PLACE_ORDER)}
