"""The door: the one place where credentials are checked.

HTTP views, hot routes and sockets all come here. What a caller may do once inside is
decided in permissions.py.
"""

from django.conf import settings
from django.utils import timezone

from apps.access.callers import Caller, anonymous_caller
from apps.access.knock import KeyInUrl, Knock, Unauthenticated
from apps.access.models import ApiKey
from apps.access.selectors import caller_of, is_alive, is_allowed_from, key_by_id
from apps.access.services import count_failure, report_leak, touch
from apps.access.tokens import Token
from apps.domain.errors import DomainError


class AddressNotAllowed(DomainError):
    """This key may not be used from this address."""

    code = "ADDRESS_NOT_ALLOWED"


class KeyModeMismatch(DomainError):
    """This key belongs to the other mode."""

    code = "KEY_MODE_MISMATCH"


class TooManyWrongKeys(DomainError):
    """Too many wrong credentials came from there."""

    code = "RATE_LIMITED"


def caller_at(knock: Knock, *, request_id: str = "") -> Caller | None:
    """Return who knocks, None if it is nobody we know.

    Raises KeyInUrl, AmbiguousCredentials, Unauthenticated, AddressNotAllowed,
    KeyModeMismatch, OriginNotAllowed or TooManyWrongKeys. Reads and writes rows.
    """
    if leaked := knock.leaked_tokens():
        _report(leaked, knock, request_id)
        raise KeyInUrl
    token = knock.token()
    knock.refuse_foreign_origin()
    if token is not None:
        return _caller_with(token, knock)
    return anonymous_caller(settings.JAXBROKER_MODE) if knock.may_read_unnamed() else None


def _caller_with(token: Token, knock: Knock) -> Caller:
    if not (knock.peer.is_secure or knock.peer.is_trusted):
        raise AddressNotAllowed("Keys need TLS from here")
    now = timezone.now()
    key = key_by_id(token.key_id)
    if not token.matches(key.secret_hash if key else None) or key is None:
        _refuse_wrong(key, knock)
        raise Unauthenticated("The API key is not valid")
    if token.mode not in {"", key.mode} or not is_alive(key, now):
        raise Unauthenticated("The API key is revoked or expired")
    if key.mode != settings.JAXBROKER_MODE:
        raise KeyModeMismatch(f"This is a {key.mode} key, here is {settings.JAXBROKER_MODE}")
    if not is_allowed_from(key, knock.peer):
        raise AddressNotAllowed
    touch(key=key, address=str(knock.peer), now=now)
    return caller_of(key)


def _refuse_wrong(key: ApiKey | None, knock: Knock) -> None:
    wait_s = count_failure(key=key, address=str(knock.peer), now=timezone.now())
    if wait_s:
        raise TooManyWrongKeys(retry_after_s=wait_s)


def _report(leaked: list[Token], knock: Knock, request_id: str) -> None:
    for token in leaked[:5]:
        key = key_by_id(token.key_id)
        if token.matches(key.secret_hash if key else None) and key is not None:
            report_leak(key=key, ip=str(knock.peer), request_id=request_id)
