"""Nobody waits for PostgreSQL without end, and dead connections are found before they are used."""

import time
from copy import deepcopy

import psycopg
import pytest
from django.db import OperationalError, connection

from apps.common.postgresql import base

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def on_postgresql(db):
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL can be silent")


@pytest.fixture
def pooled():
    """A wrapper of its own with a pool, as the product has it."""
    settings = deepcopy(connection.settings_dict)
    settings["OPTIONS"]["pool"] = {"min_size": 2, "max_size": 4, "timeout": 2, "reconnect_timeout": 2}
    wrapper = base.DatabaseWrapper(settings, alias="pooled")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def ask(wrapper, sql="SELECT 1"):
    with wrapper.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


class TestDeadlines:
    def test_the_server_ends_a_long_statement(self):
        assert ask(connection, "SHOW statement_timeout") == ("1800ms",)

    def test_a_silent_server_is_given_up_and_the_connection_with_it(self, monkeypatch):
        ask(connection, "SELECT set_config('statement_timeout', '0', false)")
        monkeypatch.setattr(base, "DEADLINE_S", 0.3)
        began = time.monotonic()

        with pytest.raises(OperationalError, match="no answer"):
            ask(connection, "SELECT pg_sleep(5)")

        assert time.monotonic() - began < 2
        assert connection.connection.closed
        connection.close()
        assert ask(connection) == (1,)


class TestPool:
    def test_connections_that_died_together_cost_nobody_an_error(self, pooled):
        ask(pooled)
        pooled.pool.wait()
        pooled.close()
        address = pooled.get_connection_params()
        with psycopg.connect(
            **{name: address[name] for name in ("dbname", "user", "password", "host", "port")}
        ) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"  # and wait for each to be gone
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()

        answers = []
        for _ in range(4):
            answers.append(ask(pooled))
            pooled.close()

        assert answers == [(1,)] * 4
