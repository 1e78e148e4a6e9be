"""The audit chain: gapless, sealed, append-only, anchored."""

from datetime import UTC, datetime
from decimal import Decimal
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from apps.audit import append_only
from apps.audit.chain import SEALED_FIELDS, seal
from apps.audit.models import AuditEvent, ChainHead
from apps.audit.services import anchor, anchor_path, record, verify
from apps.audit.tasks import verify_tail

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_state_dir(settings, tmp_path):
    settings.JAXBROKER_STATE_DIR = tmp_path


@pytest.fixture
def five_events():
    return [record(kind="test.event", actor="user:rita", object=f"thing:{n}") for n in range(5)]


@pytest.fixture
def unguarded():
    """Somebody who owns the database takes the triggers down."""
    append_only.remove(connection)
    yield
    append_only.install(connection)


class TestRecord:
    def test_links_each_event_to_the_one_before(self):
        first = record(kind="limit.proposed", actor="user:rita")
        second = record(kind="limit.approved", actor="user:ravi")

        assert (second.seq, second.prev_hash) == (first.seq + 1, first.hash)

    def test_keeps_decimals_and_times_exactly(self):
        moment = datetime(2026, 3, 11, 15, 30, 4, 120000, tzinfo=UTC)

        record(kind="limit.applied", actor="user:ravi", after={"limit": Decimal("10000.50"), "at": moment})

        event = AuditEvent.objects.get()
        assert event.after == {"limit": "10000.50", "at": "2026-03-11T15:30:04.120000Z"}
        assert verify().is_intact

    def test_stores_no_secret(self):
        token = f"jb_paper_k7m2qd4x_{'s' * 40}"

        record(kind="key.test", actor="user:rita", reason=f"pasted {token}", after={"note": token})

        event = AuditEvent.objects.get()
        assert "s" * 40 not in f"{event.reason} {event.after}"
        assert "k7m2qd4x" in event.reason

    def test_survives_text_that_postgresql_cannot_store(self):
        record(kind="test.event", actor="user:rita", reason="a\0b\ud800c", after={"x\0": "\ud800"})

        assert AuditEvent.objects.get().reason == "ab?c"
        assert verify().is_intact

    def test_is_taken_back_with_the_change_it_tells(self):
        record(kind="test.event", actor="user:rita")
        with transaction.atomic():
            record(kind="test.event", actor="user:rita")
            transaction.set_rollback(True)

        after = record(kind="test.event", actor="user:rita")

        assert after.seq == 2
        assert verify().is_intact

    def test_refuses_what_json_cannot_carry(self):
        with pytest.raises(TypeError):
            record(kind="test.event", actor="user:rita", after={"thing": object()})


class TestAppendOnly:
    def test_the_database_refuses_to_change_an_event(self, five_events):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            AuditEvent.objects.filter(seq=2).update(reason="nothing happened")

    def test_the_database_refuses_to_delete_an_event(self, five_events):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            AuditEvent.objects.filter(seq=2).delete()

    def test_the_chain_has_one_head(self, five_events):
        with pytest.raises(DatabaseError), transaction.atomic():
            ChainHead.objects.create(id=2)


class TestVerify:
    def test_finds_nothing_in_an_honest_chain(self, five_events):
        anchor()

        report = verify()

        assert (report.is_intact, report.checked, report.last_seq, report.anchors) == (True, 5, 5, 1)

    def test_finds_an_empty_chain_intact(self):
        assert verify().is_intact

    @pytest.mark.parametrize(
        "change",
        [{"reason": "x"}, {"actor": "user:oskar"}, {"after": {"n": 1}}, {"code_version": "9"}],
        ids=str,
    )
    def test_finds_a_changed_event(self, five_events, unguarded, change):
        AuditEvent.objects.filter(seq=3).update(**change)

        assert verify().breaks == ("event 3 was changed",)

    def test_finds_an_event_that_was_changed_and_hashed_anew(self, five_events, unguarded):
        event = AuditEvent.objects.get(seq=3)
        event.reason = "x"
        forged = seal({name: getattr(event, name) for name in SEALED_FIELDS})
        AuditEvent.objects.filter(seq=3).update(reason="x", hash=forged)

        assert verify().breaks == ("event 4 does not follow the one before it",)

    def test_finds_a_missing_event(self, five_events, unguarded):
        AuditEvent.objects.filter(seq=3).delete()

        assert "event 3 is missing" in verify().breaks

    def test_finds_that_the_last_event_is_gone(self, five_events, unguarded):
        AuditEvent.objects.filter(seq=5).delete()

        assert not verify().is_intact

    def test_finds_by_the_anchor_that_the_last_events_and_the_head_are_gone(self, five_events, unguarded):
        anchor()
        AuditEvent.objects.filter(seq__gt=3).delete()
        ChainHead.objects.update(seq=3, hash=AuditEvent.objects.get(seq=3).hash)

        assert verify().breaks == ("events up to 5 were anchored and are gone",)

    def test_finds_two_swapped_events(self, five_events, unguarded):
        AuditEvent.objects.filter(seq=2).update(seq=99)
        AuditEvent.objects.filter(seq=3).update(seq=2)
        AuditEvent.objects.filter(seq=99).update(seq=3)

        assert not verify().is_intact

    def test_finds_by_the_anchor_that_everything_was_hashed_anew(self, five_events, unguarded):
        anchor()
        AuditEvent.objects.all().delete()
        ChainHead.objects.all().delete()
        for n in range(5):
            record(kind="test.event", actor="user:rita", object=f"other:{n}")

        assert verify().breaks == ("event 5 is not the one that was anchored",)

    def test_the_tail_follows_on_what_lies_before_it(self, five_events, monkeypatch):
        monkeypatch.setattr("apps.audit.services.TAIL", 2)

        report = verify("tail")

        assert (report.is_intact, report.checked, report.first_seq) == (True, 2, 4)


class TestAnchor:
    def test_writes_the_head_once(self, five_events):
        anchor()
        anchor()

        [line] = anchor_path().read_text().splitlines()
        assert line.split()[1:] == ["5", five_events[-1].hash]
        assert anchor_path().stat().st_mode & 0o777 == 0o600

    def test_has_nothing_to_say_of_an_empty_chain(self):
        assert anchor() is None


class TestCommand:
    def test_says_that_the_chain_is_intact(self, five_events, capsys):
        call_command("verify_audit")

        assert "Intact: 5 events" in capsys.readouterr().out

    def test_fails_on_a_broken_chain(self, five_events, unguarded):
        AuditEvent.objects.filter(seq=3).update(reason="x")

        with pytest.raises(CommandError, match="broken"):
            call_command("verify_audit")

    def test_the_hourly_task_logs_what_it_finds(self, five_events, unguarded, caplog):
        AuditEvent.objects.filter(seq=3).update(reason="x")

        verify_tail()

        assert "audit chain is broken" in caplog.text


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
class TestParallelWriters:
    def test_leave_no_gap_and_no_fork(self):
        def write() -> None:
            for _ in range(5):
                record(kind="test.event", actor="user:tara")
            connection.close()

        writers = [Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

        assert verify().is_intact
        assert ChainHead.objects.get().seq == 20
