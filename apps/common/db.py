"""What both databases must do alike: their clock, short transactions, row locks.

With the advisory lock of the lease these are the only places that ask which database
they run on. On SQLite a transaction is IMMEDIATE, so a row lock has nothing left to do.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    close_old_connections,
    connection,
    models,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row", bound=models.Model)

#: What a database raises that does not answer, or not for us: gone, locked, too slow, full,
#: read-only. PostgreSQL ends a transaction that idled too long with an InternalError.
NO_ANSWER = (OperationalError, InterfaceError, InternalError)

#: What one statement of a short transaction may take; a little less than we wait for any answer.
STATEMENT_MS = 1_800

_patience = {"unhurried": False}


class CommitUnanswered(OperationalError):
    """COMMIT was asked for and its answer is lost: it happened or not, and only a re-read can tell."""


class DbClock(Now):
    """The database's own clock, now and not at the begin of the transaction.

    Two processes agree on it. Works in filter, update and annotations, and plus a timedelta.
    """

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        """Return the SQL of a clock that goes on inside a transaction."""
        return self.as_sql(compiler, connection, template="CLOCK_TIMESTAMP()", **extra)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        """Return the SQL in the text form in which Django stores times, to the millisecond."""
        template = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', 'NOW')"
        return self.as_sql(compiler, connection, template=template, **extra)


def database_now() -> datetime:
    """Return what the database's clock says; it alone is compared with times other processes wrote."""
    sql, params = Query(None).get_compiler(connection=connection).compile(DbClock())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        moment: datetime | str = cursor.fetchone()[0]
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment).replace(tzinfo=UTC)


def is_postgresql() -> bool:
    """Return whether this thread's database is PostgreSQL."""
    return connection.vendor == "postgresql"


@contextmanager
def unhurried() -> Iterator[None]:
    """Let this process wait for the database as long as it takes: for migrations, for whole tables.

    Its connections are made anew before and after, except inside a transaction.
    """
    _be_patient(True)
    try:
        yield
    finally:
        _be_patient(False)


def _be_patient(patient: bool) -> None:
    _patience["unhurried"] = patient
    if connection.in_atomic_block:
        return
    connection.close()
    if is_postgresql():
        connection.close_pool()  # type: ignore[attr-defined]  # only PostgreSQL has pools


def is_hurried() -> bool:
    """Tell whether this process gives up an answer that does not come; all that serve do."""
    return not _patience["unhurried"]


def is_store_trouble(error: BaseException) -> bool:
    """Tell whether the database itself is the trouble, and not what it was asked.

    A damaged SQLite file says so with a DatabaseError of no finer kind.
    """
    return isinstance(error, NO_ANSWER) or type(error.__cause__) is sqlite3.DatabaseError


@contextmanager
def short_transaction(*, timeout_ms: int = STATEMENT_MS, durable: bool = False) -> Iterator[None]:
    """Run the block in one transaction that cannot hang.

    On PostgreSQL no statement and no pause inside may last longer than `timeout_ms`, unless it
    is part of a larger transaction, which keeps its own bounds; on SQLite the time-out of the
    connection holds. `durable` refuses to be nested. Raises CommitUnanswered if the line broke
    at the COMMIT.
    """
    is_outermost, is_committing = not connection.in_atomic_block, False
    try:
        with transaction.atomic(durable=durable):
            if is_outermost and is_postgresql():
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT set_config('statement_timeout', %s, true),"
                        " set_config('idle_in_transaction_session_timeout', %s, true)",
                        [str(timeout_ms), str(timeout_ms)],
                    )
            yield
            is_committing = is_outermost and not connection.needs_rollback
    except NO_ANSWER as error:
        if is_committing:
            raise CommitUnanswered(str(error)) from error
        raise


def for_update(rows: models.QuerySet[Row]) -> models.QuerySet[Row]:
    """Return the query so that its rows are locked exclusively until the transaction ends."""
    return rows.select_for_update(of=("self",)) if is_postgresql() else rows


def for_share(rows: models.QuerySet[Row]) -> list[Row]:
    """Return the rows, locked so that others may read and share them but not change them."""
    if not is_postgresql():
        return list(rows)
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    table = connection.ops.quote_name(rows.model._meta.db_table)
    return list(rows.model._default_manager.raw(f"{sql} FOR SHARE OF {table}", params))


def let_go_of_database() -> None:
    """Give this thread's database connection back before waiting for something.

    Raises TransactionManagementError inside a transaction: nobody waits holding locks.
    """
    if not connection.in_atomic_block:
        close_old_connections()
    elif any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise transaction.TransactionManagementError("Waiting inside a transaction is not allowed")
