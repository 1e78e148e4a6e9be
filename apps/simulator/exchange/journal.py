"""What must survive a kill at any instant: orders, executions, positions, counters.

One SQLite file. A change is committed before a client is told of it. Without a file
nothing is kept: everything lives in the venue's own memory and ends with the process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_TABLES = ("meta", "orders", "executions", "positions", "adjustments")
_LOCK_WAIT_S = 0.5
_ELSE_UPDATE = "ON CONFLICT (key) DO UPDATE SET body = excluded.body"


class Journal:
    """Documents by table and key, written in transactions; with no path a journal that keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._db = None if path is None else _open(path)

    @property
    def is_kept(self) -> bool:
        """Return whether what is written can be read again."""
        return self._db is not None

    def write(
        self, changes: Iterable[tuple[str, str, dict[str, Any]]], *, gone: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Write (table, key, document) rows and drop (table, key) ones, all or none."""
        if self._db is None:
            return
        self._db.execute("BEGIN")
        for table, key, body in changes:
            # Not REPLACE: a document that changes keeps its place in the order of first writing.
            upsert = f"INSERT INTO {_known(table)} VALUES (?, ?) {_ELSE_UPDATE}"  # noqa: S608  names of ours
            self._db.execute(upsert, (key, json.dumps(body)))
        for table, key in gone:
            self._db.execute(f"DELETE FROM {_known(table)} WHERE key = ?", (key,))  # noqa: S608  a name of ours
        self._db.execute("COMMIT")

    def read(self, table: str) -> dict[str, dict[str, Any]]:
        """Return a table's documents in the order of their first writing."""
        if self._db is None:
            return {}
        rows = self._db.execute(f"SELECT key, body FROM {_known(table)} ORDER BY rowid")  # noqa: S608  a name of ours
        return {key: json.loads(body) for key, body in rows}

    def close(self) -> None:
        if self._db is not None:
            self._db.close()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_WAIT_S, check_same_thread=False)
    # One process owns the file: two venues on one book would both be wrong.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    # A killed process loses nothing at NORMAL; only a power cut could cost the last commit.
    db.execute("PRAGMA synchronous = NORMAL")
    for table in _TABLES:
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} (key TEXT PRIMARY KEY, body TEXT NOT NULL)")
    return db


def _known(table: str) -> str:
    if table not in _TABLES:
        raise ValueError(f"no table {table}")
    return table
