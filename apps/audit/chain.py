"""The canonical text of an audit row and its hash; pure, so that anybody can check a chain."""

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from apps.common.jsontext import decimal_text, rfc3339
from apps.common.logs import mask_secrets

GENESIS = "0" * 64
SEALED_FIELDS = (
    "seq",
    "prev_hash",
    "at_db",
    "at_mono",
    "actor",
    "auth_strength",
    "ip",
    "request_id",
    "kind",
    "object",
    "before",
    "after",
    "reason",
    "code_version",
)


def storable(value: Any) -> Any:
    """Return the value as JSON that both databases give back unchanged, without secrets.

    Numbers that are not integers and times become text; keys become strings.
    """
    match value:
        case None | bool():
            return value
        case Enum():
            return storable(value.value)
        case int():
            return value
        case str():
            return clean_text(value)
        case Decimal():
            return decimal_text(value)
        case float():
            return repr(value)
        case datetime():
            return rfc3339(value)
        case date() | UUID():
            return str(value)
        case dict():
            return {clean_text(str(name)): storable(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            return [storable(inner) for inner in items]
    raise TypeError(f"{type(value).__name__} cannot stand in the audit")


def clean_text(text: str) -> str:
    """Return text without secrets and without what PostgreSQL cannot store."""
    return mask_secrets(text.replace("\0", "").encode("utf-8", "replace").decode("utf-8"))


def seal(row: dict[str, Any]) -> str:
    """Return the hash of a row, given as its SEALED_FIELDS."""
    sealed = {name: row[name] for name in SEALED_FIELDS} | {"at_db": rfc3339(row["at_db"])}
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
