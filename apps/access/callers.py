"""Who asks, once we know it."""

from dataclasses import dataclass

from apps.domain.mode import Mode

LOOPBACK = "loopback"
KEY = "key"

SCOPES = (
    "read:quotes",
    "read:account",
    "orders:place",
    "orders:cancel",
    "orders:repeat",
    "kill",
    "connection:control",
    "webhooks:manage",
    "metrics:read",
    "sim:control",
)
ANONYMOUS_SCOPES = frozenset({"read:quotes", "read:account"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A program with a key, or an anonymous one on this machine.

    `default_account` is the account meant when a request names none: the key's only one.
    """

    kind: str
    key_id: str
    label: str
    scopes: frozenset[str]
    accounts: tuple[str, ...]
    all_accounts: bool
    mode: Mode
    default_account: str | None = None

    is_authenticated = True

    @property
    def principal(self) -> str:
        """Return the name for orders and audit lines: `key:k7m2qd4x` or `loopback`."""
        return f"{KEY}:{self.key_id}" if self.kind == KEY else self.kind

    def has(self, scope: str) -> bool:
        """Return whether the caller may do what the scope names."""
        return scope in self.scopes

    def may_see(self, account_code: str) -> bool:
        """Return whether the account is one of the caller's."""
        return self.all_accounts or account_code in self.accounts


def anonymous_caller(mode: Mode) -> Caller:
    """Return the caller on this machine who has no key: it may read."""
    return Caller(
        kind=LOOPBACK,
        key_id="",
        label="this machine",
        scopes=ANONYMOUS_SCOPES,
        accounts=(),
        all_accounts=True,
        mode=mode,
    )
