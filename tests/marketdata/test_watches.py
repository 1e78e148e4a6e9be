"""Who gets a market-data line."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Account
from apps.accounts.services import register_connection
from apps.domain.mode import Mode
from apps.marketdata.models import Watch, WatchPriority
from apps.marketdata.selectors import wanted_lines
from apps.marketdata.services import drop_watch, renew_watch
from apps.marketdata.tasks import drop_old
from apps.positions.models import Position
from tests.racing import race

pytestmark = pytest.mark.django_db


def let_run_out():
    Watch.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def watch(instrument, *, holder="key:a", priority=WatchPriority.API, ttl_s=60):
    return renew_watch(instrument=instrument, holder=holder, priority=priority, ttl_s=ttl_s)


@pytest.fixture
def account(db):
    connection = register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=False, wanted=True
    )
    now = timezone.now()
    return Account.objects.create(
        code="DU1234567", connection=connection, mode="paper", first_seen_at=now, last_seen_at=now
    )


class TestRenewingAWatch:
    def test_says_whether_the_wish_is_new(self, aapl):
        assert watch(aapl)
        assert not watch(aapl)
        assert watch(aapl, holder="key:b")

    def test_is_new_again_after_it_ran_out(self, aapl):
        watch(aapl)
        let_run_out()

        assert watch(aapl)
        assert Watch.objects.count() == 1

    def test_lasts_as_long_as_asked(self, aapl):
        watch(aapl, ttl_s=600)

        left = Watch.objects.get().expires_at - timezone.now()
        assert timedelta(seconds=590) < left <= timedelta(seconds=601)

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_at_the_same_moment_makes_one_row(self, aapl):
        results = race([lambda: watch(aapl) for _ in range(20)])

        assert not [result for result in results if isinstance(result, Exception)]
        assert Watch.objects.count() == 1

    def test_of_a_priority_we_do_not_know_is_impossible(self, aapl):
        with pytest.raises(IntegrityError), transaction.atomic():
            watch(aapl, priority=7)


class TestDroppingAWatch:
    def test_ends_one_or_all_of_a_holder_and_nobody_elses(self, aapl, brk_b):
        watch(aapl)
        watch(brk_b)
        watch(aapl, holder="key:b")

        assert drop_watch(holder="key:a", instrument=brk_b) == 1
        assert drop_watch(holder="key:a") == 1
        assert drop_watch(holder="key:a") == 0

        assert wanted_lines() == [aapl]

    def test_of_what_ran_out_is_clock_work(self, aapl):
        watch(aapl)
        let_run_out()

        assert drop_old() == 1
        assert drop_old() == 0


class TestWantedLines:
    def test_follow_the_best_priority_of_an_instrument(self, aapl, brk_b):
        watch(aapl, priority=WatchPriority.BROWSER)
        watch(brk_b, priority=WatchPriority.API)
        watch(aapl, holder="order:1", priority=WatchPriority.ORDER)

        assert wanted_lines() == [aapl, brk_b]

    def test_go_to_who_waited_longest_among_equals(self, aapl, brk_b):
        watch(brk_b)
        watch(aapl)

        assert wanted_lines(limit=1) == [brk_b]

    def test_put_first_what_is_held_without_any_watch(self, account, aapl, brk_b):
        watch(aapl, priority=WatchPriority.ORDER)
        Position.objects.create(
            account=account, instrument=brk_b, quantity=Decimal(-3), average_cost=1, as_of=timezone.now()
        )

        assert wanted_lines() == [brk_b, aapl]

    def test_leave_out_what_was_closed_and_what_ran_out(self, account, aapl, brk_b):
        watch(aapl)
        let_run_out()
        Position.objects.create(
            account=account, instrument=brk_b, quantity=Decimal(0), average_cost=1, as_of=timezone.now()
        )

        assert wanted_lines() == []
