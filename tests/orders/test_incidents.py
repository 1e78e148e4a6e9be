"""What must not happen becomes a row, is told once, and makes trading stricter where it should."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.accounts.models import AccountEvent
from apps.audit.models import AuditEvent
from apps.domain.incidents import INCIDENTS, IncidentKind
from apps.domain.orders import Sender
from apps.orders.models import Order
from apps.orders.selectors import cancel_wishes
from apps.orders.services.facts import record_broker_order, record_execution, record_status
from apps.orders.services.twins import settle_twins
from apps.safety.models import Incident, TradingState
from apps.safety.selectors import account_scope
from apps.safety.services.incidents import record_incident, trip_breakers
from apps.safety.services.states import halt_trading, resume_trading
from tests.orders.conftest import CODE, execution
from tests.orders.test_facts import now_of, shown, status

Committed = Callable[..., AbstractContextManager[object]]

ORPHAN_REF = "jb:ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TWIN_PERM = 1873209999
TWIN_ID = 777


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Committed) -> Committed:
    """Run what waits for a commit, at the end of the block."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def kinds() -> list[str]:
    return sorted(Incident.objects.values_list("kind", flat=True))


def state() -> str:
    row = TradingState.objects.filter(scope=account_scope(CODE)).first()
    return "ACTIVE" if row is None else row.state


def overfill(order: Order, sender: Sender) -> None:
    record_execution(execution(order, exec_id="a.b.01.01"), sender=sender)
    record_execution(execution(order, exec_id="a.b.02.01", quantity=5), sender=sender)


class TestRecording:
    def test_is_a_row_an_audit_line_and_an_event_of_the_account(self, flying: Order, sender: Sender) -> None:
        overfill(flying, sender)

        [incident] = Incident.objects.all()
        assert (incident.kind, incident.subject) == ("overfill", f"order:{flying.uuid}")
        assert incident.evidence["ib_exec_id"] == "a.b.02.01"
        assert AuditEvent.objects.filter(kind="incident.overfill", object=incident.subject).count() == 1
        [event] = AccountEvent.objects.filter(type="incident")
        assert event.data["uuid"] == str(incident.uuid)

    def test_is_told_once_and_counted_while_it_is_open(self, flying: Order, sender: Sender) -> None:
        overfill(flying, sender)

        record_execution(execution(flying, exec_id="a.b.03.01", quantity=5), sender=sender)

        [incident] = Incident.objects.all()
        assert incident.times_seen == 2
        assert AuditEvent.objects.filter(kind="incident.overfill").count() == 1

    def test_after_it_is_closed_the_next_one_is_new(self, flying: Order, sender: Sender) -> None:
        overfill(flying, sender)
        Incident.objects.update(closed_at=timezone.now(), closed_by="user:rita")

        record_execution(execution(flying, exec_id="a.b.03.01", quantity=5), sender=sender)

        assert Incident.objects.count() == 2

    def test_a_fact_that_is_rolled_back_leaves_no_incident(
        self, flying: Order, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record_execution(execution(flying, exec_id="a.b.01.01"), sender=sender)
        monkeypatch.setattr("apps.orders.services.facts.close_changes", lambda order: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            record_execution(execution(flying, exec_id="a.b.02.01", quantity=5), sender=sender)

        assert kinds() == []

    def test_every_kind_has_a_meaning(self) -> None:
        assert set(INCIDENTS) == set(IncidentKind)


class TestBreaker:
    def test_reduces_trading_of_the_account_after_the_commit(
        self, flying: Order, sender: Sender, committed: Committed
    ) -> None:
        with committed():
            overfill(flying, sender)

        assert state() == "REDUCING"
        assert TradingState.objects.get(scope="*").state == "ACTIVE"
        assert Incident.objects.get().tripped_at is not None

    def test_what_a_crash_left_out_is_done_later_and_once(self, flying: Order, sender: Sender) -> None:
        overfill(flying, sender)
        assert state() == "ACTIVE"

        tripped = [trip_breakers(), trip_breakers()]

        assert tripped == [1, 0]
        assert state() == "REDUCING"

    def test_a_halt_stays_a_halt(self, flying: Order, sender: Sender) -> None:
        halt_trading(scope=account_scope(CODE), by="user:rita", reason="fat finger")

        overfill(flying, sender)
        trip_breakers()

        assert state() == "HALTED"

    def test_the_same_incident_does_not_reduce_again_what_a_person_resumed(
        self, flying: Order, sender: Sender
    ) -> None:
        overfill(flying, sender)
        trip_breakers()
        resume_trading(scope=account_scope(CODE), by="user:rita", reason="looked into it")

        record_execution(execution(flying, exec_id="a.b.03.01", quantity=5), sender=sender)
        trip_breakers()

        assert state() == "ACTIVE"

    def test_kinds_that_leave_both_sides_agreeing_do_not_reduce(
        self, flying: Order, sender: Sender, committed: Committed
    ) -> None:
        with committed():
            record_incident(
                IncidentKind.TERMS_CHANGED, "order:x", account=flying.account, detail="changed in TWS"
            )

        assert state() == "ACTIVE"


class TestTriggers:
    """Each trigger of R25 that belongs to orders, one by one."""

    def test_overfill(self, flying: Order, sender: Sender) -> None:
        overfill(flying, sender)

        assert kinds() == ["overfill"]

    def test_a_fill_after_our_cancelled(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Cancelled"), sender=sender)

        record_execution(execution(flying), sender=sender)

        assert kinds() == ["fill_after_cancelled"]

    def test_a_part_that_fills_after_our_cancelled(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Cancelled"), sender=sender)

        record_execution(execution(flying, quantity=4), sender=sender)

        assert kinds() == ["fill_after_cancelled"]
        assert now_of(flying).filled_quantity == 4

    def test_a_fill_of_an_order_that_was_never_sent(self, flying: Order, sender: Sender) -> None:
        Order.objects.update(status="DENIED")

        record_execution(execution(flying, quantity=4), sender=sender)

        assert kinds() == ["fill_of_unsent"]

    def test_not_placed_revoked(self, flying: Order, sender: Sender) -> None:
        Order.objects.update(status="NOT_PLACED", closed_at=timezone.now())

        record_status(status(flying, "Submitted"), sender=sender)

        assert kinds() == ["not_placed_revoked"]
        assert Incident.objects.get().trips

    def test_a_bust_is_told_and_reduces_nothing(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying, exec_id="a.b.01.01"), sender=sender)

        record_execution(execution(flying, exec_id="a.b.01.02", quantity=0), sender=sender)

        assert kinds() == ["fill_taken_back"]
        assert not Incident.objects.get().trips

    def test_an_orphan_order_and_its_execution(self, flying: Order, sender: Sender) -> None:
        unknown = replace(execution(flying, quantity=3), order_ref=ORPHAN_REF, ib_order_id=9, ib_perm_id=5)
        record_execution(unknown, sender=sender)

        record_broker_order(
            replace(shown(flying, "Submitted"), order_ref=ORPHAN_REF, ib_order_id=9, ib_perm_id=5),
            sender=sender,
            cause="open_orders",
        )

        assert kinds() == ["orphan_execution", "orphan_order"]
        assert Order.objects.get(origin="ORPHAN").executions.count() == 1

    def test_an_external_order_is_none(self, flying: Order, sender: Sender) -> None:
        record_broker_order(
            replace(shown(flying, "Submitted"), order_ref="by hand", ib_order_id=0, ib_perm_id=6),
            sender=sender,
            cause="open_orders",
        )

        assert kinds() == []

    def test_the_same_execution_with_other_numbers_keeps_both(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying, quantity=4), sender=sender)

        record_execution(execution(flying, quantity=5), sender=sender)

        [incident] = Incident.objects.all()
        assert incident.kind == "execution_conflict"
        assert (incident.evidence["booked"]["quantity"], incident.evidence["told_again"]["quantity"]) == (
            "4",
            "5",
        )
        assert now_of(flying).filled_quantity == 4

    def test_terms_changed_at_the_broker(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)

        record_broker_order(
            replace(shown(flying, "Submitted"), limit_price=Decimal("230")),
            sender=sender,
            cause="open_orders",
        )

        [incident] = Incident.objects.all()
        assert (incident.kind, incident.trips) == ("terms_changed", False)
        assert incident.evidence["broker"]["limit_price"] == "230"


class TestTwoPermIds:
    """One change during an outage became two live orders (F10)."""

    @pytest.fixture
    def twins(self, flying: Order, sender: Sender) -> Order:
        record_broker_order(shown(flying, "Submitted"), sender=sender, cause="open_order")
        record_broker_order(twin_of(flying, "Submitted"), sender=sender, cause="open_order")
        return now_of(flying)

    def test_is_an_incident_and_both_are_cancelled(self, twins: Order) -> None:
        wishes = cancel_wishes("main", now=timezone.now(), halted_only=False)

        assert kinds() == ["two_perm_ids"]
        assert Incident.objects.get().trips
        assert [wish.ib_order_id for wish in wishes] == [twins.ib_order_id, TWIN_ID]

    def test_one_end_does_not_end_the_row(self, twins: Order, sender: Sender) -> None:
        record_status(status(twins, "Cancelled"), sender=sender)
        assert now_of(twins).status == "WORKING"

        record_status(
            replace(status(twins, "Cancelled"), ib_perm_id=TWIN_PERM, ib_order_id=TWIN_ID), sender=sender
        )

        assert now_of(twins).status == "CANCELLED"

    def test_the_fills_of_both_are_booked(self, twins: Order, sender: Sender) -> None:
        record_execution(execution(twins, exec_id="a.b.01.01"), sender=sender)
        assert now_of(twins).status == "WORKING"

        second = execution(twins, exec_id="a.b.02.01")
        record_execution(replace(second, ib_perm_id=TWIN_PERM, ib_order_id=TWIN_ID), sender=sender)

        assert now_of(twins).filled_quantity == 20
        assert kinds() == ["overfill", "two_perm_ids"]

    def test_a_complete_list_without_them_ends_what_it_lacks(self, twins: Order, sender: Sender) -> None:
        record_status(status(twins, "Cancelled"), sender=sender)
        later = datetime.now(UTC) + timedelta(seconds=1)

        still = settle_twins(connection="main", live={TWIN_PERM}, began_at=later)
        ended = settle_twins(connection="main", live=(), began_at=later)

        assert (still, ended) == (0, 1)
        assert now_of(twins).status == "CANCELLED"

    def test_the_twins_old_terms_are_not_taken_for_a_change(self, twins: Order, sender: Sender) -> None:
        record_broker_order(
            replace(twin_of(twins, "Submitted"), limit_price=Decimal("100")),
            sender=sender,
            cause="open_order",
        )

        assert now_of(twins).limit_price == Decimal("227.40")
        assert kinds() == ["two_perm_ids"]


def twin_of(order: Order, word: str):
    return replace(shown(order, word), ib_perm_id=TWIN_PERM, ib_order_id=TWIN_ID)
