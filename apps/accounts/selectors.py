"""Read connections, leases, accounts, balances and event logs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Min, QuerySet

from apps.accounts.models import Account, AccountEvent, Balance, Connection, Lease, Phase
from apps.common.db import DbClock, database_now
from apps.common.prepared import Prepared
from apps.domain.errors import DomainError
from apps.domain.mode import ProofState
from apps.domain.orders import Sender

#: A gateway that gave no sign of life for so long counts as gone.
SILENT_AFTER = timedelta(seconds=20)

_SUMMARY_TAGS = {
    "NetLiquidation": "net_liquidation",
    "TotalCashValue": "total_cash",
    "BuyingPower": "buying_power",
    "EquityWithLoanValue": "equity_with_loan",
    "AvailableFunds": "available_funds",
    "ExcessLiquidity": "excess_liquidity",
}
#: The broker's tags that make up an AccountSummary.
SUMMARY_TAGS = frozenset(_SUMMARY_TAGS)


class ConnectionNotFound(DomainError):
    """No connection of this name is registered."""

    code = "NOT_FOUND"


class AccountNotFound(DomainError):
    """No such account."""

    code = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """The values of an account in its base currency; None where the broker never said.

    `as_of` is when the broker last sent one of them, None before the first.
    """

    net_liquidation: Decimal | None
    total_cash: Decimal | None
    buying_power: Decimal | None
    equity_with_loan: Decimal | None
    available_funds: Decimal | None
    excess_liquidity: Decimal | None
    currency: str
    as_of: datetime | None


_connection_of_name = Prepared(lambda name: Connection.objects.filter(name=name), str)
_account_of_code = Prepared(lambda code: Account.objects.select_related("connection").filter(code=code), str)
_mode_of_connection = Prepared(
    lambda name: (
        Connection.objects.filter(name=name)
        .annotate(asked_at=DbClock())
        .values_list("mode", "mode_proof", "heartbeat_at", "asked_at")
    ),
    str,
)


def connection(name: str = "") -> Connection:
    """Return a connection, the configured one without a name. Raises ConnectionNotFound."""
    found = _connection_of_name.first(name or settings.JAXBROKER_CONNECTION)
    if found is None:
        raise ConnectionNotFound
    return found


def connections() -> list[Connection]:
    """Return every registered connection by name, with its lease, each `asked_at` the database's now."""
    return list(Connection.objects.select_related("lease").annotate(asked_at=DbClock()))


def gateway_is_silent(connection: Connection, now: datetime) -> bool:
    """Tell whether the connection's gateway gave no sign of life for 20 s, or never any."""
    return _is_silent(connection.heartbeat_at, now)


def _is_silent(heartbeat_at: datetime | None, now: datetime) -> bool:
    return heartbeat_at is None or heartbeat_at < now - SILENT_AFTER


def is_ready(connection: Connection, *, now: datetime | None = None) -> bool:
    """Tell whether the connection stands in READY and its gateway lives to keep it there."""
    return connection.phase == Phase.READY and not gateway_is_silent(connection, now or database_now())


def proof_for(account: Account, proof: str) -> ProofState:
    """Return what a connection's proof is worth for one of its accounts.

    A login that does not manage the account contradicts it, whatever an earlier login was.
    """
    is_managed = account.code in account.connection.managed_accounts
    return ProofState(proof) if is_managed else ProofState.CONTRADICTED


def mode_word() -> str:
    """Return `paper` or `live` if the configured connection has proven it, else `unproven`.

    Never raises: what cannot be read is not proven.
    """
    try:
        # One query: this is asked on every page, and its clock must be the database's.
        found = _mode_of_connection.first(settings.JAXBROKER_CONNECTION)
    except DatabaseError:
        return ProofState.UNPROVEN.value
    if found is None:
        return ProofState.UNPROVEN.value
    mode, proof, heartbeat_at, asked_at = found
    is_told = proof == ProofState.PROVEN.value and not _is_silent(heartbeat_at, asked_at)
    return str(mode) if is_told else ProofState.UNPROVEN.value


def lease_owner(connection_name: str) -> str:
    """Return who holds, or last held, a connection's lease; empty if nobody ever did."""
    return (
        Lease.objects.filter(connection__name=connection_name).values_list("owner", flat=True).first() or ""
    )


def lease_of(sender: Sender, lasting: timedelta) -> QuerySet[Lease]:
    """Return the sender's lease if it lasts longer than `lasting` by the database's clock.

    Made for Exists() inside a conditional UPDATE.
    """
    return Lease.objects.filter(
        connection__name=sender.connection,
        owner=sender.owner,
        epoch=sender.epoch,
        expires_at__gt=DbClock() + lasting,
    )


def accounts(codes: Collection[str] | None = None) -> list[Account]:
    """Return the accounts of these codes by code, with their connection; all of them for None."""
    if codes is not None and len(codes) == 1:
        return _account_of_code.rows(*codes)
    rows = Account.objects.select_related("connection")
    return list(rows if codes is None else rows.filter(code__in=codes))


def account_by_code(code: str) -> Account:
    """Return an account with its connection. Raises AccountNotFound."""
    found = _account_of_code.first(code)
    if found is None:
        raise AccountNotFound
    return found


def balances(account: Account) -> dict[tuple[str, str], Balance]:
    """Return the newest value of each tag, by tag and currency."""
    return {(row.tag, row.currency): row for row in Balance.objects.filter(account=account)}


def account_values(account: Account) -> AccountSummary:
    """Return the account's values in its base currency."""
    rows = Balance.objects.filter(
        account=account, currency=account.base_currency, tag__in=SUMMARY_TAGS
    ).order_by("as_of")
    values: dict[str, Decimal | None] = dict.fromkeys(_SUMMARY_TAGS.values())
    as_of = None
    for row in rows:
        values[_SUMMARY_TAGS[row.tag]] = row.value
        as_of = row.as_of
    return AccountSummary(**values, currency=account.base_currency, as_of=as_of)


def events_after(account: Account, seq: int, limit: int) -> list[AccountEvent]:
    """Return up to `limit` events of the account above `seq`, ascending and without gaps.

    Where the first one is not `seq + 1`, those between have expired.
    """
    return list(AccountEvent.objects.filter(account=account, seq__gt=seq).order_by("seq")[:limit])


def oldest_event_seq(account: Account) -> int | None:
    """Return the number of the oldest event still kept, None without any."""
    oldest: int | None = AccountEvent.objects.filter(account=account).aggregate(oldest=Min("seq"))["oldest"]
    return oldest
