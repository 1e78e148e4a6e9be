"""Programs at a WebSocket (lane B): the same credentials as HTTP, and an Origin we allow or none.

Cookies do not count here; the lane of browsers (lane A) belongs to the native socket.
Synchronous, because it asks the database: call it through in_db.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.access.callers import Caller
from apps.access.door import caller_at
from apps.access.knock import Knock, OriginNotAllowed, Unauthenticated
from apps.domain.codes import CODES
from apps.domain.errors import DomainError

NOT_AUTHENTICATED = 4401
NOT_ALLOWED = 4403


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a socket is not opened; `close_code` is for one that is open already."""

    code: str
    detail: str
    status: int
    close_code: int


def caller_from_scope(scope: Mapping[str, Any]) -> Caller | Refusal:
    """Return who opens the socket, or why it stays closed. Never raises for a bad request."""
    try:
        knock = Knock.of_scope(scope)
        if not knock.has_good_origin():
            raise OriginNotAllowed("This web origin may not open sockets")
        caller = caller_at(knock)
        if caller is None:
            raise Unauthenticated
    except DomainError as error:
        return refusal_of(error)
    return caller


def refusal_of(error: DomainError) -> Refusal:
    """Return a DomainError as the refusal of a socket."""
    status = CODES[error.code].status
    close_code = NOT_AUTHENTICATED if status == 401 else NOT_ALLOWED
    return Refusal(error.code, error.detail, status, close_code)
