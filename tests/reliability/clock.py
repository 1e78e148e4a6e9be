"""A clock that stands until it is moved, under the whole product: its own and that of its database.

The database itself tells the time of the example, as SQL that the product compiled long ago asks for
it too. So the same seed is the same schedule, on a slow machine and on a fast one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from apps.common.db import database_now, is_postgresql

#: Far from the midnight at which the broker forgets its executions.
TEN_IN_NEW_YORK = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
TICK = timedelta(milliseconds=1)

#: Names without a schema are looked up along the path, and what is made goes to its head. A sequence
#: goes on whatever is rolled back.
_POSTGRESQL = """
CREATE SCHEMA IF NOT EXISTS by_hand;
CREATE SEQUENCE IF NOT EXISTS by_hand.ticks;
CREATE OR REPLACE FUNCTION by_hand.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS $$
    SELECT current_setting('by_hand.base')::timestamptz + nextval('by_hand.ticks') * interval '1 ms' $$;
SET search_path = public, by_hand, pg_catalog;
"""


class Clock:
    """The time of an example; each look at it is a millisecond later."""

    def __init__(self) -> None:
        self._now = TEN_IN_NEW_YORK

    def now(self) -> datetime:
        """Return the time, never the same twice."""
        self._now += TICK
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, for both clocks; outside of transactions."""
        if is_postgresql():
            self._now = max(self._now, database_now())
        self._now += timedelta(seconds=seconds)
        if is_postgresql():
            self._tell_postgresql()

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Let the product live by this clock, on this thread's database connection."""
        before = timezone.now
        connection.close()  # what it has compiled already would go on asking the other clock
        connection.ensure_connection()
        self._take_over()
        timezone.now = self.now
        try:
            yield
        finally:
            timezone.now = before
            connection.close()

    def _take_over(self) -> None:
        if is_postgresql():
            with connection.cursor() as cursor:
                cursor.execute(_POSTGRESQL)  # harmless where it stays: only this connection looks there
            self._tell_postgresql()
        else:
            connection.connection.create_function("STRFTIME", 2, self._as_sqlite)

    def _as_sqlite(self, template: str, moment: str) -> str:
        """Fill in the template: SQLite's %f are seconds with three digits behind the point."""
        return self.now().strftime(template.replace("%f", "%S.%f"))[:-3]

    def _tell_postgresql(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval('by_hand.ticks', 1), set_config('by_hand.base', %s, false)",
                [self._now.isoformat()],
            )
