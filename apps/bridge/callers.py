"""Which accounts a request is about, and whether the broker session can serve it now.

An account is never guessed: with several to choose from the caller must name one.
"""

from collections.abc import Collection
from datetime import datetime

from apps.access.callers import Caller
from apps.access.permissions import AccountNotAllowed
from apps.accounts.choosing import AccountRequired, seen_by
from apps.accounts.selectors import accounts, connection, is_ready
from apps.bridge.rows import AccountRow, ConnectionRow
from apps.domain.errors import DomainError
from apps.domain.mode import account_class

RETRY_AFTER_S = 5


class ModeMismatch(DomainError):
    """This account belongs to the other mode"""

    code = "MODE_MISMATCH"


class NotReady(DomainError):
    """Not connected to IB Gateway"""

    code = "BROKER_NOT_READY"


class InResetWindow(NotReady):
    """IB Gateway restarts; it is back in a few minutes"""

    code = "RESTART_WINDOW"


class AwaitingLogin(NotReady):
    """IB Gateway answers but is not logged in"""

    code = "AWAITING_LOGIN"


_NOT_READY: dict[str, type[NotReady]] = {
    "RESET_WINDOW": InResetWindow,
    "AWAITING_LOGIN": AwaitingLogin,
}


def visible_accounts(caller: Caller) -> Collection[str] | None:
    """Return the codes of the accounts a caller may see, None for all of them."""
    return seen_by(caller)


def account_code(caller: Caller, asked: str | None) -> str:
    """Return the code of the account a request is about.

    The one asked for, else the caller's default, else the only one it may see. Raises
    AccountNotAllowed for a foreign and an unknown one alike, ModeMismatch, AccountRequired.
    """
    return chosen_account(caller, asked).code


def chosen_account(caller: Caller, asked: str | None) -> AccountRow:
    """Return the account a request is about; see `account_code`.

    While no account has been seen yet the session cannot be READY: raises NotReady then.
    """
    rows = {row.code: row for row in accounts(visible_accounts(caller))}
    named = asked or caller.default_account
    if named in rows:
        return rows[named]
    if named is not None:
        raise _unseen(named, caller)
    if not rows:
        require_ready()
    if len(rows) != 1:
        raise AccountRequired
    return next(iter(rows.values()))


def _unseen(code: str, caller: Caller) -> DomainError:
    """Return why an account nobody has seen here cannot be used."""
    if not caller.may_see(code):
        return AccountNotAllowed()
    if account_class(code) is not caller.mode:
        return ModeMismatch(f"{code} is not a {caller.mode} account")
    row = connection()
    return AccountNotAllowed() if is_ready(row) else not_ready(row)


def require_ready(now: datetime | None = None) -> ConnectionRow:
    """Return the connection. Raises NotReady or a narrower error unless it is READY."""
    row = connection()
    if not is_ready(row, now=now):
        raise not_ready(row)
    return row


def not_ready(row: ConnectionRow) -> NotReady:
    """Return the refusal that tells why the connection cannot serve."""
    kind = _NOT_READY.get(row.phase, NotReady)
    return kind(phase=row.phase, retry_after_s=RETRY_AFTER_S)
