"""The equity of each trading day and the P&L of today."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from apps.accounts.models import Balance
from apps.domain.events import PnlReport
from apps.positions.models import AccountPnl, EquityDay
from apps.positions.selectors import day_start, equity_history, pnl
from apps.positions.services import record_pnl, snapshot_equity
from apps.positions.tasks import snapshot_equity_all

pytestmark = pytest.mark.django_db

FRIDAY = date(2026, 11, 20)
FRIDAY_NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
FRIDAY_EVENING = datetime(2026, 11, 21, 1, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 21, 17, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 17, tzinfo=UTC)


def told(account, equity, *, at):
    for tag, value in (("NetLiquidation", equity), ("TotalCashValue", 500)):
        Balance.objects.update_or_create(
            account=account, tag=tag, currency="USD", defaults={"value": value, "text": "", "as_of": at}
        )


class TestSnapshot:
    def test_keeps_the_last_of_a_trading_day(self, account):
        told(account, 1000, at=FRIDAY_NOON)
        snapshot_equity(account=account, now=FRIDAY_NOON)
        told(account, 1100, at=FRIDAY_EVENING)
        snapshot_equity(account=account, now=FRIDAY_EVENING)

        row = EquityDay.objects.get()
        assert (row.session_date, row.equity, row.cash) == (FRIDAY, 1100, 500)

    def test_the_first_one_is_the_day_start(self, account):
        told(account, 1000, at=FRIDAY_NOON)
        snapshot_equity(account=account, now=FRIDAY_NOON)
        told(account, 1100, at=FRIDAY_EVENING)
        snapshot_equity(account=account, now=FRIDAY_EVENING)

        assert day_start(account, FRIDAY).equity == 1000

    def test_the_day_start_leaves_out_what_today_earned(self, account):
        told(account, 1000, at=FRIDAY_NOON)
        AccountPnl.objects.create(account=account, daily=Decimal(40), as_of=FRIDAY_NOON)

        snapshot_equity(account=account, now=FRIDAY_NOON)

        assert day_start(account, FRIDAY).equity == 960

    def test_yesterdays_equity_is_not_todays(self, account):
        told(account, 1000, at=FRIDAY_NOON)

        assert snapshot_equity(account=account, now=MONDAY) is None

    def test_there_is_none_on_a_weekend(self, account):
        told(account, 1000, at=SATURDAY)

        assert snapshot_equity(account=account, now=SATURDAY) is None

    def test_there_is_none_before_the_broker_told_values(self, account):
        assert snapshot_equity(account=account, now=FRIDAY_NOON) is None
        snapshot_equity_all()

        assert not EquityDay.objects.exists()

    def test_history_is_newest_first(self, account):
        for at in (FRIDAY_NOON, MONDAY):
            told(account, 1000, at=at)
            snapshot_equity(account=account, now=at)

        assert [row.session_date for row in equity_history(account)] == [date(2026, 11, 23), FRIDAY]


class TestPnl:
    def test_is_none_before_the_broker_said_any(self, account):
        assert pnl(account) is None

    def test_is_the_newest(self, account):
        record_pnl(PnlReport("DU1234567", Decimal(1), None, Decimal(2)))
        record_pnl(PnlReport("DU1234567", Decimal(3), Decimal(4), None))

        row = pnl(account)
        assert (row.daily, row.unrealized, row.realized) == (3, 4, None)
