"""Is the store fit to trade on? Asked once, before a process begins to serve.

A database of another version, half migrated or damaged answers most questions and lies in the
rest. Which migrations are missing is asked of both databases; damage of pages only of SQLite,
because PostgreSQL has its own guards and its own people for it.
"""

import logging

from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from apps.common.clock import boottime
from apps.common.db import is_postgresql
from apps.domain.errors import DomainError

logger = logging.getLogger(__name__)

#: What the look at every page may take before a large file is trusted unseen.
CHECK_WITHIN_S = 10.0

_STEPS = 20_000  # of SQLite's machine between two looks at the clock: about a millisecond
_SHOWN = 5


class StoreUnfit(DomainError):
    """The database is not one to trade on; the text says why and what to do."""

    code = "STORE_UNAVAILABLE"


def require_fit_store(*, within_s: float = CHECK_WITHIN_S) -> None:
    """Return if the store may be traded on.

    Raises StoreUnfit if it lacks migrations of this code or is damaged, and OperationalError if
    it does not answer: who can wait for it asks again.
    """
    require_sound_store(within_s=within_s)
    if missing := missing_migrations():
        named = ", ".join(missing[:_SHOWN]) + (", …" if len(missing) > _SHOWN else "")
        raise StoreUnfit(f"Migrations are not applied: {named} ({len(missing)}); run manage.py migrate")


def require_sound_store(*, within_s: float = CHECK_WITHIN_S) -> None:
    """Return if the store is not damaged, whatever its schema. Raises as require_fit_store."""
    if found := damage(within_s=within_s):
        raise StoreUnfit(f"The database is damaged, restore a backup: {'; '.join(found)}")


def missing_migrations() -> list[str]:
    """Return the migrations of this code that the database lacks, as `part.name`. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def damage(*, within_s: float) -> list[str]:
    """Return what is broken in a SQLite file; nothing of what `within_s` did not suffice to look at.

    Raises OperationalError if the database does not answer.
    """
    if is_postgresql():
        return []
    try:
        return _broken_pages(until=boottime() + within_s)
    except OperationalError:
        raise
    except DatabaseError as error:
        return [str(error)]


def _broken_pages(*, until: float) -> list[str]:
    with connection.cursor() as cursor:
        raw = connection.connection
        raw.set_progress_handler(lambda: boottime() > until, _STEPS)
        try:
            cursor.execute(f"PRAGMA quick_check({_SHOWN})")
            found = [str(line) for (line,) in cursor.fetchall()]
        except OperationalError:
            if boottime() <= until:
                raise
            logger.warning("database too large to be looked through at start")
            return []
        finally:
            raw.set_progress_handler(None, 0)
    return [] if found == ["ok"] else found
