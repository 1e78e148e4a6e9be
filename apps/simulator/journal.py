"""What must survive a kill at any instant: orders, executions, positions, counters.

One SQLite file. A change is committed before a client is told of it. Without a file
everything lives in memory and ends with the process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_TABLES = ("meta", "orders", "executions", "positions", "adjustments")
_LOCK_WAIT_S = 0.5


class Journal:
    """Documents by table and key, written in transactions."""

    def __init__(self, path: Path | None) -> None:
        self._db = sqlite3.connect(
            path or ":memory:", isolation_level=None, timeout=_LOCK_WAIT_S, check_same_thread=False
        )
        # One process owns the file: two venues on one book would both be wrong.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing at NORMAL; only a power cut could cost the last commit.
        self._db.execute("PRAGMA synchronous = NORMAL")
        for table in _TABLES:
            self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} (key TEXT PRIMARY KEY, body TEXT NOT NULL)")

    def write(self, changes: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
        """Write (table, key, document) rows, all or none."""
        self._db.execute("BEGIN")
        for table, key, body in changes:
            if table not in _TABLES:
                raise ValueError(f"no table {table}")
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (key, json.dumps(body)))  # noqa: S608  a name of ours
        self._db.execute("COMMIT")

    def read(self, table: str) -> dict[str, dict[str, Any]]:
        """Return a table's documents in the order of their first writing."""
        if table not in _TABLES:
            raise ValueError(f"no table {table}")
        rows = self._db.execute(f"SELECT key, body FROM {table} ORDER BY rowid")  # noqa: S608  a name of ours
        return {key: json.loads(body) for key, body in rows}

    def close(self) -> None:
        self._db.close()
