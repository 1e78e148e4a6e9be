"""Halt, reduce, resume: what each changes, who hears of it, and what it cannot do."""

from threading import Event

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from apps.accounts.models import AccountEvent
from apps.audit.models import AuditEvent
from apps.common.bell import listening
from apps.common.db import is_postgresql
from apps.domain.mode import Mode
from apps.safety.models import State, TradingState
from apps.safety.selectors import all_states, states, strictest
from apps.safety.services.states import (
    EVERYTHING,
    ConsoleOnly,
    ReasonOutOfRange,
    account_scope,
    confirm_halts,
    halt_trading,
    lock_trading_states,
    reduce_trading,
    resume_trading,
    symbol_scope,
)
from tests.racing import race
from tests.safety.conftest import RAVI, RITA

pytestmark = pytest.mark.django_db

APPLE = symbol_scope("AAPL")


def halt(scope=EVERYTHING, *, by=RITA, reason="fat finger"):
    return halt_trading(scope=scope, by=by, reason=reason)


def resume(scope=EVERYTHING, *, by=RITA, reason="looked into it"):
    return resume_trading(scope=scope, by=by, reason=reason)


class TestFirstStart:
    def test_paper_may_trade(self):
        row = TradingState.objects.get()

        assert (row.scope, row.state) == (EVERYTHING, "ACTIVE")


class TestHalting:
    def test_raises_the_epoch_and_says_who_and_why(self):
        row = halt()

        assert (row.state, row.halt_epoch, row.actor, row.reason) == ("HALTED", 1, RITA, "fat finger")
        line = AuditEvent.objects.get(kind="safety.halt")
        assert (line.actor, line.reason, line.object) == (RITA, "fat finger", "scope:*")

    def test_twice_is_harmless_and_leaves_two_lines(self):
        first = halt()

        second = halt(by=RAVI, reason="me too, please")

        assert (second.halt_epoch, second.actor, second.at) == (1, RITA, first.at)
        assert AuditEvent.objects.filter(kind="safety.halt").count() == 2

    def test_again_after_resuming_is_a_new_epoch(self):
        halt()
        resume()

        assert halt().halt_epoch == 2

    def test_of_one_symbol_leaves_the_rest_alone(self):
        halt(APPLE)

        assert strictest(states([EVERYTHING, APPLE])) is State.HALTED
        assert strictest(states([EVERYTHING, symbol_scope("MSFT")])) is State.ACTIVE

    def test_needs_a_confirmation_of_its_own(self):
        halt()
        confirm_halts(timezone.now())
        resume()

        assert halt().confirmed_at is None

    def test_is_told_to_the_accounts_it_concerns(self, account):
        halt(account_scope("DU1234567"))
        halt(account_scope("DU0"))
        halt()
        halt()

        events = AccountEvent.objects.filter(type="safety").order_by("seq")
        assert [event.data["scope"] for event in events] == ["account:DU1234567", "*"]
        assert events[0].data["state"] == "HALTED"

    @pytest.mark.parametrize("reason", ["", "    ", "oops", " oops ", "x" * 201])
    def test_needs_a_reason_a_person_can_read(self, reason):
        with pytest.raises(ReasonOutOfRange):
            halt(reason=reason)

        assert not AuditEvent.objects.exists()
        assert TradingState.objects.get().state == "ACTIVE"

    @pytest.mark.parametrize("reason", ["oops!", "x" * 200])
    def test_takes_reasons_of_five_to_two_hundred_characters(self, reason):
        assert halt(reason=reason).reason == reason

    def test_of_a_scope_that_is_none_is_impossible(self):
        with pytest.raises(IntegrityError), transaction.atomic():
            halt("galaxy:milky way")

    @pytest.mark.django_db(transaction=True)
    def test_rings_after_the_commit_only(self, settings):
        settings.REDIS_URL = ""  # a new subscription rings once, in case it missed something

        with listening("safety") as bell:
            with transaction.atomic():
                halt()
                assert not bell.wait(0)

            assert bell.wait(5)

    def test_is_undone_with_its_audit_line(self):
        with transaction.atomic():
            halt()
            transaction.set_rollback(True)

        assert TradingState.objects.get().state == "ACTIVE"
        assert not AuditEvent.objects.exists()

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_from_ten_places_at_once_is_one_epoch(self):
        rows = race([lambda: halt(APPLE) for _ in range(10)])

        assert [row.halt_epoch for row in rows] == [1] * 10
        assert AuditEvent.objects.filter(kind="safety.halt").count() == 10


class TestReducing:
    def test_makes_an_active_scope_stricter(self):
        row = reduce_trading(scope=EVERYTHING, by=RITA, reason="wind down")

        assert (row.state, row.halt_epoch) == ("REDUCING", 0)

    def test_never_softens_a_halt(self):
        halt()

        row = reduce_trading(scope=EVERYTHING, by=RITA, reason="wind down")

        assert (row.state, row.reason) == ("HALTED", "fat finger")


class TestResuming:
    def test_needs_one_person_in_paper(self):
        halt()
        confirm_halts(timezone.now())

        row = resume()

        assert (row.state, row.halt_epoch, row.confirmed_at) == ("ACTIVE", 1, None)
        assert AuditEvent.objects.filter(kind="safety.resume").count() == 1

    def test_is_refused_in_live(self, settings):
        halt()
        settings.JAXBROKER_MODE = Mode.LIVE

        with pytest.raises(ConsoleOnly):
            resume()

        assert TradingState.objects.get().state == "HALTED"


class TestConfirming:
    def test_marks_each_halt_once(self):
        halt(APPLE)
        seen_at = timezone.now()

        assert confirm_halts(seen_at) == 1
        assert confirm_halts(timezone.now()) == 0

        assert TradingState.objects.get(scope=APPLE).confirmed_at == seen_at

    def test_marks_nothing_that_is_not_halted(self):
        assert confirm_halts(timezone.now()) == 0


class TestStrictest:
    def test_is_halted_where_no_row_says_otherwise(self):
        assert strictest([]) is State.HALTED

    def test_is_reducing_between_active_and_reducing(self):
        reduce_trading(scope=APPLE, by=RITA, reason="wind down")

        assert strictest(all_states()) is State.REDUCING

    def test_reading_creates_nothing(self):
        states([EVERYTHING, APPLE])

        assert TradingState.objects.count() == 1


class TestLockingForAGate:
    def test_gives_everything_first(self):
        halt(APPLE)

        with transaction.atomic():
            rows = lock_trading_states([APPLE, EVERYTHING, symbol_scope("MSFT")])

        assert [row.scope for row in rows] == [EVERYTHING, APPLE]

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("scope", [EVERYTHING, APPLE])
    def test_makes_a_halt_wait_until_the_gate_is_through(self, scope):
        """The order of the two commits is what I4 is about, so the gate notes what it saw."""
        locked, order = Event(), []

        def gate():
            with transaction.atomic():
                lock_trading_states([APPLE])
                locked.set()
                if is_postgresql():
                    wait_for_blocked_backend()
                order.append("gate")

        def pull():
            locked.wait(timeout=10)
            halt(scope)
            order.append("halt")

        results = race([gate, pull])

        assert not [result for result in results if isinstance(result, Exception)]
        assert order == ["gate", "halt"]

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_sees_a_halt_that_made_its_row_while_the_gate_waited(self):
        if not is_postgresql():
            pytest.skip("SQLite has one writer, so nobody waits inside a statement")
        halted = Event()

        def pull():
            with transaction.atomic():
                halt(APPLE)
                halted.set()
                wait_for_blocked_backend()

        def gate():
            halted.wait(timeout=10)
            with transaction.atomic():
                return strictest(lock_trading_states([APPLE]))

        assert race([pull, gate])[1] is State.HALTED


def wait_for_blocked_backend():
    """Return once another connection waits for a lock of ours."""
    question = "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for _ in range(2000):
        with connections["default"].cursor() as cursor:
            cursor.execute(question)
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.005)")
    pytest.fail("nobody waited")
