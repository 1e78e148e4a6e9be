"""Prepared queries say and return what the querysets they were made of do, on either database."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Account, AccountEvent, Connection
from apps.common.db import DbClock, for_update
from apps.common.prepared import Json, Prepared, PreparedUpdate, insert, update_row
from apps.domain.mode import Mode

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    home = Connection.objects.create(name="main", host="h", port=4002, client_id=1, mode=Mode.PAPER.value)
    now = timezone.now()
    return Account.objects.create(
        code="DU1", connection=home, mode=Mode.PAPER.value, first_seen_at=now, last_seen_at=now
    )


class TestPrepared:
    def test_returns_rows_with_what_was_joined_and_annotated(self, account: Account) -> None:
        by_code = Prepared(
            lambda code: (
                Account.objects.select_related("connection").annotate(asked_at=DbClock()).filter(code=code)
            ),
            str,
        )

        for _ in range(2):
            found = by_code.first("DU1")

            assert found == account
            with CaptureQueriesContext(connection) as asked:
                assert found.connection.name == "main"
            assert not asked.captured_queries
            assert abs(found.asked_at - timezone.now()) < timedelta(minutes=1)
        assert by_code.first("DU2") is None

    def test_fills_in_moments_and_numbers_as_the_database_keeps_them(self, account: Account) -> None:
        seen_since = Prepared(
            lambda pk, moment: Account.objects.filter(pk=pk, last_seen_at__gt=moment).values_list(
                "code", "last_seen_at"
            ),
            *(int, type(account.last_seen_at)),
        )

        assert seen_since.rows(account.pk, account.last_seen_at - timedelta(microseconds=1)) == [
            ("DU1", account.last_seen_at)
        ]
        assert seen_since.rows(account.pk, account.last_seen_at) == []

    def test_flat_values_and_constants(self, account: Account) -> None:
        codes = Prepared(
            lambda: Account.objects.filter(mode__in=["live", "paper"]).values_list("code", flat=True)
        )

        assert codes.rows() == ["DU1"]

    def test_refuses_a_slot_that_the_query_does_not_have(self, account: Account) -> None:
        lost = Prepared(lambda code, other: Account.objects.filter(code=code), str, str)

        with pytest.raises(LookupError):
            lost.first("DU1", "x")


@pytest.mark.django_db(transaction=True)
class TestRowLocks:
    def test_are_refused_outside_a_transaction(self, account: Account) -> None:
        locked = Prepared(lambda pk: for_update(Account.objects.filter(pk=pk)), int)
        shared = Prepared(lambda pk: Account.objects.filter(pk=pk), int, share_lock=True)
        with transaction.atomic():
            assert locked.first(account.pk) == shared.first(account.pk) == account

        with pytest.raises(transaction.TransactionManagementError):
            shared.first(account.pk)


class TestPreparedUpdate:
    def test_changes_what_the_condition_lets_and_returns_it(self, account: Account) -> None:
        count = PreparedUpdate(
            lambda pk, name, step: (
                Account.objects.filter(
                    Exists(Connection.objects.filter(pk=OuterRef("connection"), name=name)), pk=pk
                ),
                {"last_seq": F("last_seq") + step, "last_seen_at": DbClock()},
            ),
            *(int, str, int),
            returning=("last_seq", "last_seen_at"),
        )

        ((seq, seen),) = count.returned(account.pk, "main", 3)

        account.refresh_from_db()
        assert (seq, seen) == (3, account.last_seen_at)
        assert count(account.pk, "other", 3) == 0

    def test_writes_json(self, account: Account) -> None:
        event = insert(AccountEvent(account=account, seq=1, type="x", data={}, at=timezone.now()))
        rewrite = PreparedUpdate(
            lambda pk, data: (AccountEvent.objects.filter(pk=pk), {"data": data}), int, Json
        )

        assert rewrite(event.pk, {"a": [1, "é"]}) == 1

        event.refresh_from_db()
        assert event.data == {"a": [1, "é"]}


class TestRowsAsTheyAre:
    def test_inserts_what_save_would(self, account: Account) -> None:
        now = timezone.now()

        event = insert(AccountEvent(account=account, seq=1, type="order", data={"n": "1"}, at=now))

        stored = AccountEvent.objects.get(pk=event.pk)
        assert (stored.account, stored.seq, stored.data, stored.at) == (account, 1, {"n": "1"}, now)
        assert not event._state.adding

    def test_updates_named_fields_only(self, account: Account) -> None:
        account.alias, account.base_currency = "first", "EUR"

        update_row(account, ["alias"])

        account.refresh_from_db()
        assert (account.alias, account.base_currency) == ("first", "USD")

    def test_a_row_that_is_gone_is_an_error(self, account: Account) -> None:
        account.pk = 10**9

        with pytest.raises(DatabaseError):
            update_row(account, ["alias"])


def test_decimals_are_filled_in_as_numbers() -> None:
    rows = Prepared(lambda amount: Account.objects.filter(balances__value=amount), Decimal)

    assert rows.rows(Decimal("1.5")) == []
