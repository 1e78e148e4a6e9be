"""Read keys."""

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_network

from apps.access.callers import KEY, Caller
from apps.access.models import ApiKey
from apps.common.peer import Peer
from apps.common.prepared import Prepared
from apps.domain.mode import Mode

_key_of_id = Prepared(lambda key_id: ApiKey.objects.filter(key_id=key_id), str)


def key_by_id(key_id: str) -> ApiKey | None:
    """Return the key with this public id."""
    return _key_of_id.first(key_id)


def caller_of(key: ApiKey) -> Caller:
    """Return who a key stands for."""
    accounts = tuple(key.accounts)
    return Caller(
        kind=KEY,
        key_id=key.key_id,
        label=key.label,
        scopes=frozenset(key.scopes),
        accounts=accounts,
        all_accounts=key.all_accounts,
        mode=Mode(key.mode),
        default_account=accounts[0] if len(accounts) == 1 and not key.all_accounts else None,
    )


def is_alive(key: ApiKey, now: datetime) -> bool:
    """Return whether the key is neither revoked nor expired."""
    return key.revoked_at is None and now < key.expires_at


def is_allowed_from(key: ApiKey, peer: Peer) -> bool:
    """Return whether the key may be used from there."""
    if not key.addresses:
        return True
    return peer.address is not None and any(peer.address in ip_network(word) for word in key.addresses)


def shown(key: ApiKey) -> Mapping[str, object]:
    """Return what the audit tells of a key: its rights, never its secret."""
    return {
        "label": key.label,
        "mode": key.mode,
        "scopes": key.scopes,
        "accounts": key.accounts,
        "all_accounts": key.all_accounts,
        "addresses": key.addresses,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "leaked_at": key.leaked_at,
    }
