"""Account values as the broker sends them."""

from decimal import Decimal

import pytest

from apps.accounts.models import AccountEvent, Balance
from apps.accounts.selectors import account_by_code, account_values, balances
from apps.accounts.services import record_balances
from apps.domain.events import BalanceReport

pytestmark = pytest.mark.django_db


def report(tag, text, *, currency="USD", account="DU1234567", value=None):
    number = value if value is not None else Decimal(text) if text[0].isdigit() else None
    return BalanceReport(account, tag, currency, text, number)


class TestRecordingBalances:
    def test_keeps_the_newest_value_of_each_tag_and_currency(self, account):
        record_balances([report("TotalCashValue", "100.50"), report("TotalCashValue", "7", currency="EUR")])
        record_balances([report("TotalCashValue", "90.25")])

        found = balances(account)
        assert found["TotalCashValue", "USD"].value == Decimal("90.25")
        assert found["TotalCashValue", "EUR"].value == Decimal(7)
        assert Balance.objects.count() == 2

    def test_takes_the_last_of_two_in_one_call(self, account):
        record_balances([report("BuyingPower", "1"), report("BuyingPower", "2")])

        assert balances(account)["BuyingPower", "USD"].value == Decimal(2)

    def test_keeps_words_without_a_number(self, account):
        record_balances([report("AccountType", "INDIVIDUAL", currency="")])

        row = balances(account)["AccountType", ""]
        assert (row.text, row.value) == ("INDIVIDUAL", None)

    def test_does_not_take_the_largest_float_for_money(self, account):
        record_balances([report("Cushion", "1.7976931348623157E308")])

        assert balances(account)["Cushion", "USD"].value is None

    def test_leaves_unknown_accounts_out(self, account, caplog):
        record_balances([report("BuyingPower", "1", account="All")])

        assert not Balance.objects.exists()
        assert "balances of unknown accounts" in caplog.text

    def test_tells_only_a_changed_summary(self, account):
        record_balances([report("NetLiquidation", "100"), report("Cushion", "1")])
        record_balances([report("NetLiquidation", "100"), report("Cushion", "2")])
        record_balances([report("NetLiquidation", "101")])

        events = AccountEvent.objects.filter(type="account")
        assert [event.data for event in events] == [{"NetLiquidation": "100"}, {"NetLiquidation": "101"}]


class TestSummary:
    def test_is_empty_before_the_first_value(self, account):
        seen = account_values(account)

        assert (seen.net_liquidation, seen.as_of, seen.currency) == (None, None, "USD")

    def test_is_in_the_base_currency_the_broker_uses(self, account):
        record_balances(
            [
                report("NetLiquidation", "100000.5", currency="EUR"),
                report("TotalCashValue", "5", currency="EUR"),
                report("TotalCashValue", "9", currency="USD"),
            ]
        )

        seen = account_values(account_by_code("DU1234567"))
        assert (seen.net_liquidation, seen.total_cash) == (Decimal("100000.5"), Decimal(5))
        assert seen.currency == "EUR"
        assert seen.as_of is not None
