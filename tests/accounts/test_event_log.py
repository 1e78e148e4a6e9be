"""Each account's events: numbered without gaps, in the order of commits."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Account, AccountEvent
from apps.accounts.selectors import events_after, oldest_event_seq
from apps.accounts.services import append_event
from apps.accounts.tasks import drop_old_events
from tests.racing import race

pytestmark = pytest.mark.django_db


def append(account, number=0):
    with transaction.atomic():
        return append_event(account=account, type="order", data={"number": number})


class TestNumbers:
    def test_rise_by_one_per_account(self, account, epoch):
        other = Account.objects.create(
            code="DU2",
            connection=account.connection,
            mode="paper",
            first_seen_at=timezone.now(),
            last_seen_at=timezone.now(),
        )

        seqs = [append(account).seq, append(other).seq, append(account).seq]

        assert seqs == [1, 1, 2]
        assert account.last_seq == 2

    def test_of_a_change_that_was_rolled_back_are_given_again(self, account):
        with transaction.atomic():
            append_event(account=account, type="order", data={})
            transaction.set_rollback(True)

        assert append(account).seq == 1

    @pytest.mark.django_db(transaction=True)
    def test_need_the_transaction_of_the_change(self, account):
        with pytest.raises(transaction.TransactionManagementError):
            append_event(account=account, type="order", data={})

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_have_no_gap_after_a_race(self, account):
        results = race([lambda number=number: append(account, number) for number in range(20)])

        assert sorted(event.seq for event in results) == list(range(1, 21))
        assert Account.objects.get(pk=account.pk).last_seq == 20


class TestReading:
    def test_goes_on_after_a_number(self, account):
        for number in range(5):
            append(account, number)

        found = events_after(account, 2, limit=2)

        assert [event.seq for event in found] == [3, 4]

    def test_knows_the_oldest_that_is_left(self, account):
        assert oldest_event_seq(account) is None

        append(account)

        assert oldest_event_seq(account) == 1


class TestDroppingOldEvents:
    def test_drops_what_is_older_than_seven_days_and_never_a_number(self, account):
        append(account)
        append(account)
        AccountEvent.objects.filter(seq=1).update(at=timezone.now() - timedelta(days=8))

        assert drop_old_events() == 1
        assert drop_old_events() == 0

        assert [event.seq for event in events_after(account, 0, limit=10)] == [2]
        assert append(account).seq == 3
