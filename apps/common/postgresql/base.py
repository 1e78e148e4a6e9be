"""Django's PostgreSQL backend, except that nobody waits for it without end.

A server that is stopped, cut off or locked up keeps its sockets open, so a query could wait for
ever and with it a request, a lane of the gateway, the kill switch. Here each statement ends after
`STATEMENT_MS` on the server's side and each answer is given up after `DEADLINE_S` on ours; a
connection given up is closed, because nobody can know what it still does. Of a pool whose
connections died with the server, one is enough to learn it from.
"""

import select
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout

from apps.common.db import STATEMENT_MS, is_hurried

#: What our side waits for the answer to one statement.
DEADLINE_S = 2.0
#: A transaction of a process that is stopped must not hold its locks for long.
IDLE_MS = 10_000

_INTERVAL_S = 0.1
_LIMITS = (
    f"SELECT set_config('statement_timeout', '{STATEMENT_MS}', false),"
    f" set_config('idle_in_transaction_session_timeout', '{IDLE_MS}', false)"
)

RV = TypeVar("RV")


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time; what was asked may still happen."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up, and itself with it, when an answer is late."""

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL_S, timeout: float | None = None) -> RV:
        """Return what `gen` returns. Raises NoAnswer after the deadline."""
        try:
            return super().wait(gen, interval, DEADLINE_S if timeout is None and is_hurried() else timeout)
        except _WaitTimeout as late:
            self.close()
            raise NoAnswer(f"no answer in {DEADLINE_S} s") from late

    @property
    def has_ended(self) -> bool:
        """Tell whether the server has closed this idle connection, without asking it.

        Nobody has anything to say on an idle connection but good-bye.
        """
        if self.closed:
            return True
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper around bounded connections, pooled or not."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        """Make the pool, if there is one, of bounded connections."""
        super().__init__(settings_dict, alias)
        if settings_dict["OPTIONS"].get("pool"):
            settings_dict["OPTIONS"]["pool"].setdefault("connection_class", BoundedConnection)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that was alive a moment ago."""
        if not self.pool:
            self.isolation_level = IsolationLevel.READ_COMMITTED
            return BoundedConnection.connect(**conn_params)
        connection = super().get_new_connection(conn_params)
        if not connection.has_ended:
            return connection
        connection.close()
        self.pool.putconn(connection)
        self.pool.drain()
        return super().get_new_connection(conn_params)

    def _configure_connection(self, connection: Any) -> bool:
        wants_commit = super()._configure_connection(connection)  # type: ignore[misc]  # not in the stubs
        if not is_hurried():
            return bool(wants_commit)
        with connection.cursor() as cursor:
            cursor.execute(_LIMITS)
        return True
