"""Which code a process runs, in one word that web and gateway compare.

Two processes of different code may mean different things by the same row; while they differ
no order is accepted or sent (spec/safety.md, rule 14). The word is for staff, never for strangers.
"""

from functools import lru_cache
from hashlib import sha256

from django.conf import settings
from django.db.migrations.loader import MigrationLoader


def code_version() -> str:
    """Return the version of this code and of the schema it was written for, as one word."""
    return f"{settings.JAXBROKER_VERSION}+{_schema_version()}"


@lru_cache(maxsize=1)
def _schema_version() -> str:
    """Return eight digits that change with every migration of the code."""
    leaves = sorted(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())
    return sha256(repr(leaves).encode()).hexdigest()[:8]
