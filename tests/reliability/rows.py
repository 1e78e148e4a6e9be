"""The product's rows as SQL sees them: the checker must not trust the product's own models."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]

_ORDERS = """
SELECT id, client_order_id, order_ref, status, origin, side, quantity, filled_quantity,
       ib_order_id, ib_client_id, ib_perm_id, epoch, broker_session, in_flight_at, expires_at,
       created_at, seq, late, parent_id, group_id
  FROM orders_order ORDER BY id
"""
_EVENTS = """
SELECT order_id, seq, from_status, to_status, cause, epoch, at FROM orders_orderevent ORDER BY order_id, seq
"""
_EXECUTIONS = """
SELECT order_id, ib_exec_id, root, revision, superseded, side, quantity, price, commission
  FROM orders_execution ORDER BY id
"""
_POSITIONS = """
SELECT i.symbol, p.quantity FROM positions_position p JOIN instruments_instrument i ON i.id = p.instrument_id
"""


def instant(value: object) -> datetime:
    """Return a time of either database as an aware one."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Dump:
    """Everything the checker wants of the database, read in one transaction."""

    orders: list[Row]
    events: list[Row]
    executions: list[Row]
    positions: list[Row]


class Rows:
    """Reads one database, SQLite or PostgreSQL, by plain SQL."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._is_file = database_url.startswith("sqlite")

    def all(self, query: str) -> list[Row]:
        """Return the rows of a query, each a dict by column."""
        if self._is_file:
            with closing(sqlite3.connect(urlsplit(self._url).path, timeout=20)) as file:
                file.row_factory = sqlite3.Row
                return [dict(row) for row in file.execute(query)]
        with psycopg.connect(self._url, row_factory=dict_row) as server:
            return [dict(row) for row in server.execute(query)]  # type: ignore[call-overload]

    def one(self, query: str) -> Row:
        return self.all(query)[0]

    def can_write(self) -> bool:
        """Tell whether a writer would get in now: a process stopped inside a write keeps a file locked."""
        if not self._is_file:
            return True
        with closing(sqlite3.connect(urlsplit(self._url).path, timeout=0.3, isolation_level=None)) as file:
            try:
                file.execute("BEGIN IMMEDIATE")
                file.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return False
        return True

    def dump(self) -> Dump:
        return Dump(*(self.all(query) for query in (_ORDERS, _EVENTS, _EXECUTIONS, _POSITIONS)))

    def count_in(self, *statuses: str) -> int:
        """Return how many orders of ours stand in one of the statuses."""
        words = json.dumps(statuses).strip("[]").replace('"', "'")
        query = f"SELECT count(*) AS n FROM orders_order WHERE origin = 'OWN' AND status IN ({words})"
        return int(self.one(query)["n"])

    def connection(self) -> Row:
        """Return phase, broker session and epoch of the one connection."""
        return self.one(
            "SELECT c.phase, c.session, l.epoch FROM accounts_connection c"
            " JOIN accounts_lease l ON l.connection_id = c.id"
        )
