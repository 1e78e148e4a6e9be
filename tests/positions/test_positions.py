"""What is held, as the broker says it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.accounts.models import AccountEvent
from apps.accounts.selectors import AccountNotFound
from apps.domain.events import PortfolioReport, PositionReport
from apps.instruments.services import store_instrument
from apps.positions.models import Position
from apps.positions.selectors import held, positions
from apps.positions.services import record_portfolio, record_position, replace_positions
from tests.instruments.conftest import AAPL, BRK_B

pytestmark = pytest.mark.django_db


def report(quantity, *, con_id=AAPL.ib_con_id, account="DU1234567", cost="227.5"):
    return PositionReport(
        account, con_id, "AAPL", "STK", "SMART", "USD", "AAPL", Decimal(quantity), Decimal(cost)
    )


def quantities(events):
    return [event.data["quantity"] for event in events]


class TestRecordingAPosition:
    def test_replaces_what_was_held(self, account, aapl):
        record_position(report=report("10"), instrument=aapl)

        record_position(report=report("-4"), instrument=aapl)

        assert held(account, aapl) == Decimal(-4)
        assert Position.objects.count() == 1

    def test_tells_the_account_only_of_a_new_quantity(self, account, aapl):
        record_position(report=report("10"), instrument=aapl)
        record_position(report=report("10", cost="228"), instrument=aapl)
        record_position(report=report("0"), instrument=aapl)

        assert quantities(AccountEvent.objects.filter(type="position")) == ["10", "0"]

    def test_tells_nothing_of_what_never_was(self, account, aapl):
        record_position(report=report("0"), instrument=aapl)

        assert not AccountEvent.objects.exists()

    def test_needs_a_known_account(self, aapl):
        with pytest.raises(AccountNotFound):
            record_position(report=report("1", account="DU0"), instrument=aapl)

    def test_keeps_fractions_of_shares(self, account, aapl):
        record_position(report=report("0.12345678"), instrument=aapl)

        assert held(account, aapl) == Decimal("0.12345678")


class TestReplacingPositions:
    def test_closes_what_the_list_does_not_name(self, account, aapl):
        other = store_instrument(BRK_B)
        record_position(report=report("10"), instrument=aapl)
        record_position(report=report("3", con_id=BRK_B.ib_con_id), instrument=other)

        replace_positions(account=account, reports_with_instruments=[(report("7"), aapl)])

        assert held(account, aapl) == Decimal(7)
        assert held(account, other) == Decimal(0)
        assert quantities(AccountEvent.objects.order_by("seq")) == ["10", "3", "7", "0"]

    def test_twice_changes_nothing(self, account, aapl):
        replace_positions(account=account, reports_with_instruments=[(report("7"), aapl)])
        replace_positions(account=account, reports_with_instruments=[(report("7"), aapl)])

        assert quantities(AccountEvent.objects.order_by("seq")) == ["7"]


class TestMarks:
    def mark(self):
        return PortfolioReport(
            "DU1234567", AAPL.ib_con_id, Decimal("230"), Decimal("2300"), Decimal("25"), Decimal("1")
        )

    def test_stand_beside_the_quantity(self, account, aapl):
        record_position(report=report("10"), instrument=aapl)

        assert record_portfolio(self.mark())

        row = Position.objects.get()
        assert (row.quantity, row.market_value, row.unrealized_pnl) == (10, 2300, 25)

    def test_of_what_is_not_held_are_left_out(self, account, aapl):
        assert not record_portfolio(self.mark())

    def test_end_with_the_position(self, account, aapl):
        record_position(report=report("10"), instrument=aapl)
        record_portfolio(self.mark())

        record_position(report=report("0"), instrument=aapl)

        row = Position.objects.get()
        assert (row.market_value, row.unrealized_pnl, row.realized_pnl) == (0, 0, 1)


class TestListing:
    def test_shows_stocks_that_are_held(self, account, aapl):
        option = store_instrument(replace(AAPL, ib_con_id=9, sec_type="OPT"))
        closed = store_instrument(BRK_B)
        record_position(report=report("10"), instrument=aapl)
        record_position(report=report("1", con_id=9), instrument=option)
        record_position(report=report("0", con_id=BRK_B.ib_con_id), instrument=closed)

        assert [row.instrument for row in positions(["DU1234567"])] == [aapl]
        assert len(positions(["DU1234567"], all_types=True)) == 2

    def test_shows_no_other_account(self, account, aapl):
        record_position(report=report("10"), instrument=aapl)

        assert positions(["DU0"]) == []
        assert positions([]) == []
        assert len(positions(None)) == 1


class TestOlderList:
    def test_does_not_undo_what_was_heard_after_it_was_asked_for(self, account, aapl):
        record_position(report=report(100), instrument=aapl)
        record_position(report=report(0), instrument=aapl)

        replace_positions(
            account=account, reports_with_instruments=[(report(100), aapl)], newer=[AAPL.ib_con_id]
        )

        assert held(account, aapl) == 0

    def test_does_not_close_what_was_opened_after_it_was_asked_for(self, account, aapl):
        record_position(report=report(100), instrument=aapl)

        replace_positions(account=account, reports_with_instruments=[], newer=[AAPL.ib_con_id])

        assert held(account, aapl) == 100
