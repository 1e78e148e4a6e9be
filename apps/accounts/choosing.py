"""Which accounts a native request is about.

An account is never guessed: with several to choose from the caller must name one. The frozen
dialects choose alike, but refuse while no session is READY (bridge/callers.py).
"""

from collections.abc import Collection

from apps.access.callers import Caller
from apps.access.permissions import AccountNotAllowed
from apps.accounts.models import Account
from apps.accounts.selectors import accounts
from apps.domain.errors import DomainError


class AccountRequired(DomainError):
    """Name the account: several could be meant"""

    code = "ACCOUNT_REQUIRED"


def seen_by(caller: Caller) -> Collection[str] | None:
    """Return the codes of the accounts a caller may see, None for all of them."""
    return None if caller.all_accounts else caller.accounts


def chosen(caller: Caller, asked: str | None) -> Account:
    """Return the account asked for, else the caller's default, else the only one it may see.

    Raises AccountNotAllowed for a foreign and an unknown one alike, and AccountRequired.
    """
    rows = {row.code: row for row in accounts(seen_by(caller))}
    named = asked or caller.default_account
    if named is not None:
        if named not in rows:
            raise AccountNotAllowed
        return rows[named]
    if len(rows) != 1:
        raise AccountRequired
    return next(iter(rows.values()))
