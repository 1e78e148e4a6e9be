"""What stands at the door before we know who it is: carriers, origin and peer of a request.

The same for HTTP and for sockets, for Django's request and for a bare ASGI scope. Judges
only what needs no row.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote_plus

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from apps.access.tokens import Token, tokens_in
from apps.common.peer import Peer, peer_of, peer_of_scope
from apps.domain.errors import DomainError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Unauthenticated(DomainError):
    """A valid API key is needed."""

    code = "UNAUTHENTICATED"


class AmbiguousCredentials(DomainError):
    """More than one credential was sent."""

    code = "AMBIGUOUS_CREDENTIALS"


class KeyInUrl(DomainError):
    """Keys are not accepted in a URL; this one counts as leaked."""

    code = "KEY_IN_URL"


class OriginNotAllowed(DomainError):
    """This web origin may not send requests that change something."""

    code = "ADDRESS_NOT_ALLOWED"


@dataclass(frozen=True, slots=True)
class Knock:
    """One request, as far as the door looks at it. Header names are lower-case."""

    method: str
    scheme: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    peer: Peer

    @classmethod
    def of_request(cls, request: HttpRequest) -> Self:
        """Take what counts out of Django's request."""
        return cls(
            method=request.method or "",
            scheme="https" if request.is_secure() else "http",
            query=request.META.get("QUERY_STRING", ""),
            headers={name.lower(): value for name, value in request.headers.items()},
            peer=peer_of(request),
        )

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any]) -> Self:
        """Take what counts out of an ASGI scope; a socket counts as a reading request."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        peer = peer_of_scope(dict(scope))
        return cls(
            method=scope.get("method", "GET"),
            scheme="https" if peer.is_secure else "http",
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            peer=peer,
        )

    @property
    def origin(self) -> str:
        """Return the Origin header, "" if there is none."""
        return self.headers.get("origin", "")

    def leaked_tokens(self) -> list[Token]:
        """Return the tokens in the query string, escaped or not."""
        return tokens_in(unquote_plus(self.query)) if self.query else []

    def token(self) -> Token | None:
        """Return the one credential, None if there is none.

        Raises AmbiguousCredentials for two, Unauthenticated for one that cannot be read.
        """
        authorization = self.headers.get("authorization")
        api_key = self.headers.get("x-api-key")
        if authorization is not None and api_key is not None:
            raise AmbiguousCredentials
        if authorization is None and api_key is None:
            return None
        found = Token.parse(api_key) if api_key is not None else _from_authorization(authorization or "")
        if found is None:
            raise Unauthenticated("The credential is not an API key of ours")
        return found

    def refuse_foreign_origin(self) -> None:
        """Raise OriginNotAllowed for a changing request that another site's page sends."""
        if self.method not in SAFE_METHODS and not self.has_good_origin():
            raise OriginNotAllowed

    def has_good_origin(self) -> bool:
        """Return whether no page sent this, or one of ours or of a listed origin did."""
        if not self.origin:
            return self.headers.get("sec-fetch-site", "none") != "cross-site"
        return self.is_own_origin() or self.origin in settings.CORS_ALLOWED_ORIGINS

    def is_own_origin(self) -> bool:
        """Return whether the Origin is the very host that was asked."""
        host = self.headers.get("host", "")
        return bool(host) and self.origin == f"{self.scheme}://{host}"

    def may_read_unnamed(self) -> bool:
        """Return whether this is a program or page of this machine, on a standalone bridge."""
        return (
            settings.JAXBROKER_STANDALONE
            and self.peer.is_loopback
            and split_domain_port(self.headers.get("host", ""))[0] in LOCAL_NAMES
            and self.has_good_origin()
        )


def _from_authorization(header: str) -> Token | None:
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return Token.parse(value.strip())
        case "basic":
            return _from_basic(value.strip())
    return None


def _from_basic(value: str) -> Token | None:
    """Read user and password: id and secret, or the whole token as user and no password."""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Token.from_parts(user, password) if password else Token.parse(user)
