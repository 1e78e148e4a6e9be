"""Write what the broker says is held, what our executions add up to, marks, P&L and equity by day."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Account
from apps.accounts.selectors import account_by_code, account_values
from apps.accounts.services import append_event
from apps.common.db import database_now, for_update
from apps.domain.calendar import zone_of
from apps.domain.events import PnlReport, PortfolioReport, PositionReport
from apps.domain.identity import plain
from apps.instruments.models import Instrument
from apps.positions.models import AccountPnl, DayStart, EquityDay, Ledger, Position

#: Trading days are counted as the exchanges of our instruments count them.
_EXCHANGE_ZONE = zone_of("US/Eastern")
_SATURDAY = 5


@transaction.atomic
def record_position(*, report: PositionReport, instrument: Instrument) -> Position:
    """Store what is held of one instrument; a new quantity becomes an event of the account.

    Raises AccountNotFound.
    """
    return _record(
        account_by_code(report.account),
        instrument,
        quantity=report.quantity,
        average_cost=report.average_cost,
    )


@transaction.atomic
def replace_positions(
    *,
    account: Account,
    reports_with_instruments: Iterable[tuple[PositionReport, Instrument]],
    newer: Collection[int] = (),
) -> list[Position]:
    """Store a complete list of the broker: what it does not name is closed. Returns what it names.

    `newer` are contract ids whose position was heard after the list was asked for: there the
    list is the older word and changes nothing. Only for lists whose end was received: a query
    that failed is not "flat".
    """
    named = [
        _record(account, instrument, quantity=report.quantity, average_cost=report.average_cost)
        for report, instrument in reports_with_instruments
        if report.ib_con_id not in newer
    ]
    gone = Position.objects.filter(account=account).exclude(quantity=0)
    gone = gone.exclude(instrument__ib_con_id__in=newer)
    for row in gone.exclude(pk__in=[row.pk for row in named]).select_related("instrument"):
        _record(account, row.instrument, quantity=Decimal(0), average_cost=Decimal(0))
    return named


def open_ledger(*, account: Account, unsettled: Collection[Instrument], now: datetime) -> None:
    """Begin the ledger of whatever has none with what the broker's complete list just said.

    For the transaction in which that list was stored. `unsettled` are instruments of which an
    execution or a position came while the list was read: nobody can tell whether the list
    includes it, so their ledger begins with a later list.
    """
    _, is_first = Ledger.objects.get_or_create(account=account, defaults={"opened_at": now})
    if is_first:
        for instrument in unsettled:
            Position.objects.get_or_create(
                account=account,
                instrument=instrument,
                defaults={"quantity": 0, "average_cost": 0, "quantity_at": now, "as_of": now},
            )
    waiting = Position.objects.filter(account=account, ledger_quantity__isnull=True)
    waiting.exclude(instrument__in=unsettled).update(ledger_quantity=F("quantity"))


def move_ledger(*, account: Account, instrument: Instrument, change: Decimal) -> None:
    """Add what an execution changed to the ledger, in the transaction that books the execution.

    Before the ledger is open there is nothing to add to: the first list includes it.
    """
    ledger = Ledger.objects.filter(account=account).first()
    if ledger is None or not change:
        return
    row, is_new = Position.objects.get_or_create(
        account=account, instrument=instrument, defaults=_never_told(ledger) | {"ledger_quantity": change}
    )
    if is_new:
        return
    locked = for_update(Position.objects.filter(pk=row.pk)).get()
    if locked.ledger_quantity is not None:
        locked.ledger_quantity += change
        locked.save(update_fields=["ledger_quantity"])


def _never_told(ledger: Ledger) -> dict[str, Any]:
    """Return what is known of an instrument no list has named: nothing was held when the books opened."""
    opened_at = ledger.opened_at
    return {"quantity": 0, "average_cost": 0, "quantity_at": opened_at, "as_of": opened_at}


def record_portfolio(report: PortfolioReport) -> bool:
    """Store the broker's marks of one position; False if nothing of it was ever held."""
    changed = Position.objects.filter(
        account__code=report.account, instrument__ib_con_id=report.ib_con_id
    ).update(
        market_price=report.market_price,
        market_value=report.market_value,
        unrealized_pnl=report.unrealized_pnl,
        realized_pnl=report.realized_pnl,
        as_of=timezone.now(),
    )
    return changed == 1


@transaction.atomic
def record_pnl(report: PnlReport) -> AccountPnl:
    """Store the broker's P&L of an account today. Raises AccountNotFound."""
    row, _ = AccountPnl.objects.update_or_create(
        account=account_by_code(report.account),
        defaults={
            "daily": report.daily,
            "unrealized": report.unrealized,
            "realized": report.realized,
            "as_of": timezone.now(),
        },
    )
    return row


@transaction.atomic
def snapshot_equity(*, account: Account, now: datetime) -> EquityDay | None:
    """Store the account's equity and cash as the last seen of the trading day `now` is in.

    The first one of a day is also its day start. None on a weekend, or if the broker has not
    told the values on that day: yesterday's equity is not today's.
    """
    session_date = now.astimezone(_EXCHANGE_ZONE).date()
    seen = account_values(account)
    if seen.net_liquidation is None or seen.as_of is None or session_date.weekday() >= _SATURDAY:
        return None
    if seen.as_of.astimezone(_EXCHANGE_ZONE).date() != session_date:
        return None
    _start_day(account, session_date, equity=seen.net_liquidation)
    row, _ = EquityDay.objects.update_or_create(
        account=account,
        session_date=session_date,
        defaults={
            "equity": seen.net_liquidation,
            "cash": seen.total_cash or Decimal(0),
            "taken_at": now,
        },
    )
    return row


def _start_day(account: Account, session_date: date, *, equity: Decimal) -> None:
    """Take what today has already earned back out, as far as the broker told it today."""
    today = AccountPnl.objects.filter(account=account).first()
    told = today is not None and today.as_of.astimezone(_EXCHANGE_ZONE).date() == session_date
    earned = today.daily if today is not None and told and today.daily is not None else Decimal(0)
    DayStart.objects.get_or_create(
        account=account, session_date=session_date, defaults={"equity": equity - earned}
    )


def _record(
    account: Account, instrument: Instrument, *, quantity: Decimal, average_cost: Decimal
) -> Position:
    """Upsert one position in the caller's transaction; marks of what is closed are cleared."""
    before = Position.objects.filter(account=account, instrument=instrument).first()
    now = database_now()
    facts: dict[str, Decimal | datetime | None] = {
        "quantity": quantity,
        "average_cost": average_cost,
        "quantity_at": now,
        "as_of": now,
    }
    if not quantity:
        facts |= {"market_value": Decimal(0), "unrealized_pnl": Decimal(0)}
    begins = {"ledger_quantity": 0} if Ledger.objects.filter(account=account).exists() else {}
    row, _ = Position.objects.update_or_create(
        account=account, instrument=instrument, defaults=facts, create_defaults=facts | begins
    )
    if before.quantity != quantity if before is not None else quantity:
        append_event(
            account=account,
            type="position",
            data={
                "ib_con_id": instrument.ib_con_id,
                "symbol": instrument.symbol,
                "quantity": plain(quantity),
                "average_cost": plain(average_cost),
            },
        )
    return row
