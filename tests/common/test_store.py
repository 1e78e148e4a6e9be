"""Whether the store is fit to trade on, and what a COMMIT without an answer means."""

import sqlite3

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import ProgrammingError

from apps.common import store
from apps.common.db import CommitUnanswered, is_hurried, is_store_trouble, short_transaction, unhurried
from apps.common.store import StoreUnfit, damage, missing_migrations, require_fit_store

pytestmark = pytest.mark.database


@pytest.mark.django_db
class TestFitness:
    def test_a_migrated_sound_store_is_fit(self):
        require_fit_store()

        assert missing_migrations() == []

    def test_each_missing_migration_is_named(self):
        MigrationRecorder.Migration.objects.filter(app="orders").delete()

        assert "orders.0001_initial" in missing_migrations()
        with pytest.raises(StoreUnfit, match=r"orders\.0001_initial"):
            require_fit_store()

    def test_damage_is_told_and_restoring_is_the_way_out(self, monkeypatch):
        monkeypatch.setattr(store, "_broken_pages", lambda *, until: ["row 3 missing from index"])
        monkeypatch.setattr(store, "is_postgresql", lambda: False)

        with pytest.raises(StoreUnfit, match=r"row 3 missing.*"):
            require_fit_store()

    def test_a_file_that_is_no_database_is_damage(self, monkeypatch):
        def unreadable(*, until):
            raise DatabaseError("database disk image is malformed")

        monkeypatch.setattr(store, "_broken_pages", unreadable)
        monkeypatch.setattr(store, "is_postgresql", lambda: False)

        assert damage(within_s=1) == ["database disk image is malformed"]

    def test_a_large_file_is_not_looked_through_for_ever(self, monkeypatch):
        monkeypatch.setattr(store, "_STEPS", 10)

        assert damage(within_s=0) == []


@pytest.mark.django_db(transaction=True)
class TestCommitUnanswered:
    def lose_answer(self, monkeypatch, *, happens):
        """Break the line at the next COMMIT, before or after it happened."""
        commit = connection._commit

        def break_off():
            monkeypatch.undo()
            if happens:
                commit()
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(connection, "_commit", break_off)

    @pytest.mark.parametrize("happens", [True, False])
    def test_is_told_apart_from_other_trouble(self, monkeypatch, happens):
        def store_one():
            with short_transaction():
                Group.objects.create(name="floor")
                self.lose_answer(monkeypatch, happens=happens)

        with pytest.raises(CommitUnanswered):
            store_one()

        assert Group.objects.filter(name="floor").exists() is happens

    def test_trouble_before_the_commit_is_no_doubt(self):
        with pytest.raises(OperationalError) as raised, short_transaction():
            raise OperationalError("canceling statement due to statement timeout")

        assert not isinstance(raised.value, CommitUnanswered)


def damaged():
    """Return what Django raises of a file with broken pages."""
    error = DatabaseError("database disk image is malformed")
    error.__cause__ = sqlite3.DatabaseError("database disk image is malformed")
    return error


class TestStoreTrouble:
    @pytest.mark.parametrize(
        ("error", "is_trouble"),
        [
            (OperationalError("database is locked"), True),
            (damaged(), True),
            (DatabaseError("The row to update is gone"), False),
            (ProgrammingError("syntax error"), False),
            (ValueError("no"), False),
        ],
    )
    def test_is_the_database_and_not_the_question(self, error, is_trouble):
        assert is_store_trouble(error) is is_trouble


class TestPatience:
    def test_only_the_block_is_unhurried(self, db):
        with unhurried():
            assert not is_hurried()

        assert is_hurried()
