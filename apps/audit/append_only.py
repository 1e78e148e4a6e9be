"""Make the database itself refuse to change or delete audit events.

Used by the migration, and by nobody else: whoever owns the database can lift it, which is
why the head is anchored elsewhere.
"""

from collections.abc import Mapping

from django.db.backends.base.base import BaseDatabaseWrapper

_TABLE = "audit_auditevent"
_MESSAGE = "audit events are append-only"

_INSTALL = {
    "sqlite": (
        (
            f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON {_TABLE}"
            f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
        ),
        (
            f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON {_TABLE}"
            f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';"
            " END $$"
        ),
        (
            f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {_TABLE}"
            " FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
        ),
    ),
}
_REMOVE = {
    "sqlite": ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"),
    "postgresql": (f"DROP TRIGGER audit_no_change ON {_TABLE}", "DROP FUNCTION audit_refuse()"),
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers up."""
    _run(connection, _INSTALL)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers down."""
    _run(connection, _REMOVE)


def _run(connection: BaseDatabaseWrapper, statements: Mapping[str, tuple[str, ...]]) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement)
