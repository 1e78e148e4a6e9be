"""Read what is held, the P&L of today and the equity of past days."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal

from django.db.models import F

from apps.accounts.models import Account
from apps.common.prepared import Prepared
from apps.instruments.models import Instrument
from apps.positions.models import AccountPnl, DayStart, EquityDay, Position


def positions(account_codes: Collection[str] | None, *, all_types: bool = False) -> list[Position]:
    """Return what is held in these accounts (None: in all), with account and instrument.

    Stocks only unless `all_types`; by account, then symbol.
    """
    rows = Position.objects.exclude(quantity=0).select_related("account", "instrument")
    if account_codes is not None:
        rows = rows.filter(account__code__in=account_codes)
    if not all_types:
        rows = rows.filter(instrument__sec_type="STK")
    return list(rows.order_by("account__code", "instrument__symbol", "pk"))


_row_held = Prepared(
    lambda account, instrument: Position.objects.filter(account_id=account, instrument_id=instrument),
    int,
    int,
)


def held_row(account: Account, instrument: Instrument) -> Position | None:
    """Return the row of what is held, also when that is 0; None if nothing ever was."""
    return _row_held.first(account.pk, instrument.pk)


def held(account: Account, instrument: Instrument) -> Decimal:
    """Return the signed quantity held, 0 for none."""
    quantity = (
        Position.objects.filter(account=account, instrument=instrument)
        .values_list("quantity", flat=True)
        .first()
    )
    return Decimal(0) if quantity is None else quantity


def ledger_differences(account: Account) -> list[Position]:
    """Return where the broker holds something else than our executions add up to, by symbol."""
    rows = Position.objects.filter(account=account, ledger_quantity__isnull=False)
    differing = rows.exclude(quantity=F("ledger_quantity")).select_related("instrument")
    return list(differing.order_by("instrument__symbol", "pk"))


def ledgers_apart(connection: str) -> frozenset[tuple[str, int, Decimal, Decimal]]:
    """Return account, contract id, told and explained quantity wherever these two differ now.

    For a moment that is usual: an execution and the position it leads to come one after the other.
    """
    rows = Position.objects.filter(account__connection__name=connection, ledger_quantity__isnull=False)
    apart = rows.exclude(quantity=F("ledger_quantity"))
    return frozenset(
        (row.account.code, row.instrument.ib_con_id, row.quantity, row.ledger_quantity or Decimal(0))
        for row in apart.select_related("account", "instrument")
    )


def pnl(account: Account) -> AccountPnl | None:
    """Return the broker's P&L of today, None before it said any."""
    return AccountPnl.objects.filter(account=account).first()


def day_start(account: Account, session_date: date) -> DayStart | None:
    """Return the equity with which the account began a trading day, None if nobody saw it."""
    return DayStart.objects.filter(account=account, session_date=session_date).first()


def equity_history(account: Account, limit: int = 500) -> list[EquityDay]:
    """Return the equity by trading day, the newest first."""
    return list(EquityDay.objects.filter(account=account).order_by("-session_date")[:limit])
