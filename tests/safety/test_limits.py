"""The limits that hold for an account."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Account
from apps.domain.risk.limits import LIVE_DEFAULTS, PAPER_DEFAULTS, UnreadableLimits, to_values
from apps.safety.models import AccountRisk, LimitSet
from apps.safety.selectors import limits_in_force
from apps.safety.services.limits import ensure_account_risk
from tests.racing import race
from tests.safety.conftest import RITA

pytestmark = pytest.mark.django_db


def store(account, version, values):
    return LimitSet.objects.create(
        account=account, version=version, values=values, author=RITA, reason="set up", at=timezone.now()
    )


def with_quantity(quantity):
    return to_values(replace(PAPER_DEFAULTS, max_quantity=Decimal(quantity)))


class TestLimitsInForce:
    def test_are_the_defaults_of_the_mode_before_anybody_set_any(self, account):
        assert limits_in_force(account) == PAPER_DEFAULTS

        Account.objects.update(mode="live")
        account.refresh_from_db()
        assert limits_in_force(account) == LIVE_DEFAULTS

    def test_are_the_newest_of_the_account_before_the_shared_ones(self, account):
        store(None, 1, with_quantity(10))
        assert limits_in_force(account).max_quantity == 10

        store(account, 1, with_quantity(20))
        store(account, 2, with_quantity(30))
        store(None, 2, with_quantity(40))
        assert limits_in_force(account).max_quantity == 30

    def test_carry_the_version_both_gates_compare(self, account):
        ensure_account_risk(account)
        AccountRisk.objects.update(version=17)

        assert limits_in_force(account).version == 17

    @pytest.mark.parametrize(
        "values", [{}, to_values(PAPER_DEFAULTS) | {"max_quantity": ""}, with_quantity(10_001)]
    )
    def test_that_cannot_be_read_are_no_limits_but_an_error(self, account, values):
        store(account, 1, values)

        with pytest.raises(UnreadableLimits):
            limits_in_force(account)

    def test_of_one_version_exist_once(self, account):
        store(None, 1, {})

        with pytest.raises(IntegrityError), transaction.atomic():
            store(None, 1, {})


class TestAccountRisk:
    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_is_one_row_whoever_comes_first(self, account):
        rows = race([lambda: ensure_account_risk(account) for _ in range(10)])

        assert {row.pk for row in rows} == {AccountRisk.objects.get().pk}
