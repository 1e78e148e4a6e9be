"""The database's clock, its locks and its short transactions, on both databases."""

from datetime import timedelta
from threading import Event, Thread

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.common.db import DbClock, database_now, for_share, for_update, is_postgresql, short_transaction
from apps.common.models import uuid7

pytestmark = pytest.mark.database


@pytest.mark.django_db
class TestDbClock:
    def test_is_an_aware_time_close_to_ours(self):
        Group.objects.create(name="floor")

        found = Group.objects.annotate(now=DbClock()).values_list("now", flat=True).first()

        assert abs(found - timezone.now()) < timedelta(seconds=5)

    def test_is_what_database_now_tells(self):
        Group.objects.create(name="floor")
        clock = Group.objects.annotate(now=DbClock()).values_list("now", flat=True)

        earlier, told, later = clock.first(), database_now(), clock.first()

        assert earlier <= told <= later

    def test_works_in_filter_and_update_and_with_durations(self):
        user = User.objects.create(username="tara", last_login=timezone.now() + timedelta(minutes=5))

        assert User.objects.filter(last_login__gt=DbClock()).exists()
        assert not User.objects.filter(last_login__gt=DbClock() + timedelta(minutes=10)).exists()
        assert User.objects.filter(last_login__gt=DbClock() + timedelta(minutes=2)).exists()

        User.objects.update(last_login=DbClock() + timedelta(hours=1))

        user.refresh_from_db()
        assert timedelta(minutes=59) < user.last_login - timezone.now() < timedelta(minutes=61)

    def test_goes_on_inside_a_transaction(self):
        Group.objects.create(name="floor")
        read = Group.objects.annotate(now=DbClock()).values_list("now", flat=True)

        first = read.first()
        while (second := read.first()) == first:
            pass

        assert second > first

    def test_orders_whole_seconds_before_their_fractions(self):
        whole = timezone.now().replace(microsecond=0)
        User.objects.create(username="tara", last_login=whole)

        assert User.objects.filter(last_login__lt=DbClock() + timedelta(seconds=2)).exists()


@pytest.mark.django_db(transaction=True)
class TestShortTransaction:
    def test_commits_and_rolls_back_like_any_other(self):
        with short_transaction():
            Group.objects.create(name="kept")
        with short_transaction():
            Group.objects.create(name="lost")
            transaction.set_rollback(True)

        assert Group.objects.filter(name="kept").exists()
        assert not Group.objects.filter(name="lost").exists()

    def test_a_durable_one_refuses_to_be_nested(self):
        with transaction.atomic(), pytest.raises(RuntimeError), short_transaction(durable=True):
            pass

    def test_cannot_hang_on_postgresql(self):
        if not is_postgresql():
            pytest.skip("SQLite has one time-out for all")

        with pytest.raises(DatabaseError), short_transaction(timeout_ms=50), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("1800ms",)


@pytest.mark.django_db(transaction=True)
class TestRowLocks:
    @pytest.fixture
    def group(self):
        return Group.objects.create(name="floor")

    def held_elsewhere(self, lock):
        """Hold a lock in another thread; return what lets it go."""
        taken, let_go = Event(), Event()

        def hold():
            with transaction.atomic():
                list(lock(Group.objects.filter(name="floor")))
                taken.set()
                let_go.wait(10)
            connection.close()

        holder = Thread(target=hold)
        holder.start()
        taken.wait(10)

        def end():
            let_go.set()
            holder.join()

        return end

    def test_give_the_rows(self, group):
        with transaction.atomic():
            assert list(for_update(Group.objects.filter(pk=group.pk))) == [group]
            assert for_share(Group.objects.filter(pk=group.pk, name="floor").order_by("pk")) == [group]
            assert for_share(Group.objects.none()) == []

    @pytest.mark.parametrize(
        ("first", "second", "passes"),
        [(for_share, for_share, True), (for_share, for_update, False), (for_update, for_share, False)],
    )
    def test_sharers_go_together_and_a_changer_waits(self, group, first, second, passes):
        if not is_postgresql():
            pytest.skip("an IMMEDIATE transaction has nothing to share")
        end = self.held_elsewhere(first)

        try:
            with short_transaction(timeout_ms=300):
                rows = list(second(Group.objects.filter(name="floor")))
        except DatabaseError:
            rows = []
        end()

        assert bool(rows) is passes


class TestUuid7:
    def test_has_version_and_variant_and_sorts_by_time(self):
        ids = [uuid7() for _ in range(2_000)]

        assert {(found.version, found.variant) for found in ids} == {(7, "specified in RFC 4122")}
        assert len(set(ids)) == 2_000
        assert [found.int >> 80 for found in ids] == sorted(found.int >> 80 for found in ids)
