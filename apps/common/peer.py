"""Where a request comes from, as far as it may be believed.

Only the direct peer is evidence. Forwarding headers count from as many hops as the
settings name (JAXBROKER_PROXY_COUNT), and not at all otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Peer:
    """The far end of a request. `address` is None if it is not an IP address (a unix socket)."""

    address: Address | None
    is_secure: bool
    is_forwarded: bool

    @property
    def is_loopback(self) -> bool:
        """Return whether it talks from this machine and not through a proxy."""
        return self.address is not None and self.address.is_loopback and not self.is_forwarded

    @property
    def is_trusted(self) -> bool:
        """Return whether a key may come from there without TLS."""
        if self.address is None:
            return False
        return self.is_loopback or any(
            self.address in network for network in settings.JAXBROKER_TRUSTED_NETWORKS
        )

    def __str__(self) -> str:
        return str(self.address or "")


def peer_of(request: HttpRequest) -> Peer:
    """Return the peer of an HTTP request."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return _peer(
        request.META.get("REMOTE_ADDR", ""),
        forwarded=forwarded,
        is_secure=request.is_secure(),
        is_forwarded=any(name in request.headers for name in FORWARDING),
    )


def peer_of_scope(scope: dict[str, Any]) -> Peer:
    """Return the peer of an ASGI connection."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    client: Sequence[Any] = scope.get("client") or ("",)
    return _peer(
        str(client[0]),
        forwarded=headers.get("x-forwarded-for", ""),
        is_secure=_scope_is_secure(scope, headers),
        is_forwarded=any(name in headers for name in FORWARDING),
    )


def _scope_is_secure(scope: dict[str, Any], headers: dict[str, str]) -> bool:
    if settings.JAXBROKER_PROXY_COUNT and "x-forwarded-proto" in headers:
        return headers["x-forwarded-proto"].split(",")[0].strip() == "https"
    return scope.get("scheme") in {"https", "wss"}


def _peer(direct: str, *, forwarded: str, is_secure: bool, is_forwarded: bool) -> Peer:
    hops = settings.JAXBROKER_PROXY_COUNT
    given = [word.strip() for word in forwarded.split(",") if word.strip()]
    word = given[-hops] if hops and len(given) >= hops else direct
    return Peer(_address(word), is_secure=is_secure, is_forwarded=is_forwarded)


def _address(word: str) -> Address | None:
    try:
        found = ip_address(word)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
