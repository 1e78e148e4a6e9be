"""The books against the broker's complete lists: what differs is shown, never papered over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.common.db import database_now
from apps.domain.events import PositionReport
from apps.domain.orders import Sender
from apps.gateway.books import Look, hold_against
from apps.gateway.models import Difference, Recovery
from apps.gateway.selectors import last_check, open_differences
from apps.gateway.services import close_recovery, note_recovered, open_recovery
from apps.orders.models import Order
from apps.orders.services.facts import record_broker_order, record_execution, record_status
from apps.orders.snapshots import holdings
from apps.positions.models import Ledger, Position
from apps.safety.models import Incident
from tests.orders.conftest import (
    CODE,
    aapl,
    accepted,
    account,
    execution,
    flying,
    picture,
    sender,
    tara,
)
from tests.orders.test_facts import now_of, shown, status

__all__ = ["aapl", "accepted", "account", "flying", "picture", "sender", "tara"]

pytestmark = pytest.mark.django_db

HAND = 99


def held(quantity: int) -> tuple[PositionReport, ...]:
    """Return a list of positions with so many AAPL; none at all for 0."""
    if not quantity:
        return ()
    return (
        PositionReport(CODE, 265598, "AAPL", "STK", "SMART", "USD", "AAPL", Decimal(quantity), Decimal(200)),
    )


def look(quantity: int, *, later_s: float = 0, asked_at: datetime | None = None, **changes) -> int:
    """Hold the books against a list asked for a moment ago; return how many differences are left."""
    now = timezone.now() + timedelta(seconds=later_s)
    seen = Look(1, asked_at or database_now(), held(quantity), completed=(), executions=(), newer=())
    return hold_against(replace(seen, **changes), [CODE], compare=True, now=now)


def ledger() -> Decimal | None:
    return Position.objects.get(instrument__symbol="AAPL").ledger_quantity


class TestLedger:
    def test_begins_with_what_the_first_list_says(self, flying: Order) -> None:
        look(70)

        assert ledger() == 70
        assert Ledger.objects.count() == 1

    def test_follows_executions_corrections_and_busts(self, flying: Order, sender: Sender) -> None:
        look(70)
        steps = (("a.b.01.01", 5), ("a.b.02.01", 3), ("a.b.01.02", 4), ("a.b.02.02", 0))

        seen = []
        for exec_id, quantity in steps:
            record_execution(execution(flying, exec_id=exec_id, quantity=quantity), sender=sender)
            seen.append(ledger())

        assert seen == [75, 78, 77, 74]

    def test_counts_each_execution_once_and_an_old_revision_never(
        self, flying: Order, sender: Sender
    ) -> None:
        look(0)
        for exec_id, quantity in (("a.b.01.02", 4), ("a.b.01.02", 4), ("a.b.01.01", 5)):
            record_execution(execution(flying, exec_id=exec_id, quantity=quantity), sender=sender)

        assert ledger() == 4

    def test_counts_what_others_trade_in_the_account(self, flying: Order, sender: Sender) -> None:
        look(70)
        by_hand = replace(execution(flying, quantity=30), order_ref="", ib_order_id=0, ib_perm_id=5)

        record_execution(replace(by_hand, side=by_hand.side.opposite), sender=sender)

        assert ledger() == 40

    def test_before_the_first_list_there_is_none(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying), sender=sender)

        assert not Position.objects.exists()
        later = database_now()
        assert look(10, asked_at=later) == 0
        assert ledger() == 10

    def test_waits_for_a_later_list_if_something_traded_while_it_was_read(
        self, flying: Order, sender: Sender
    ) -> None:
        asked_at = database_now()
        record_execution(execution(flying), sender=sender)

        first = look(0, asked_at=asked_at)
        assert ledger() is None
        second = look(10)

        assert (first, second, ledger()) == (0, 0, 10)

    def test_an_instrument_no_list_had_named_begins_at_nothing(self, flying: Order, sender: Sender) -> None:
        look(0)

        record_execution(execution(flying), sender=sender)

        assert (ledger(), look(10)) == (10, 0)


class TestWhileOurOwnClockIsAnHourAhead:
    @pytest.fixture
    def ahead(self, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
        return monkeypatch

    def test_what_traded_before_the_list_is_compared_with_it(
        self, ahead: pytest.MonkeyPatch, flying: Order, sender: Sender
    ) -> None:
        look(0)

        record_execution(execution(flying), sender=sender)

        assert look(0, executions=(execution(flying),)) == 1

    def test_what_trades_once_it_is_right_again_counts_as_held_perhaps(
        self, ahead: pytest.MonkeyPatch, flying: Order, sender: Sender
    ) -> None:
        look(70)
        ahead.undo()

        record_execution(execution(flying), sender=sender)

        assert holdings(flying.account, flying.instrument) == (70, 80)


class TestPositions:
    def test_what_agrees_leaves_nothing(self, flying: Order, sender: Sender) -> None:
        look(0)
        record_execution(execution(flying), sender=sender)

        assert look(10) == 0

    def test_what_no_execution_explains_is_a_difference_in_words(self, flying: Order) -> None:
        look(70)

        assert look(73) == 1

        [difference] = open_differences([CODE])
        assert difference.kind == "position"
        assert difference.detail == "AAPL is 73 at the broker and 70 by our executions"

    def test_an_execution_newer_than_the_list_is_not_held_against_it(
        self, flying: Order, sender: Sender
    ) -> None:
        look(70)
        asked_at = database_now()

        record_execution(execution(flying), sender=sender)

        assert look(70, asked_at=asked_at) == 0

    def test_a_position_told_after_the_list_was_asked_for_is_not_compared(self, flying: Order) -> None:
        look(70)

        assert look(73, newer=(265598,)) == 0

    def test_one_look_is_no_incident_two_that_are_30_s_apart_are(self, flying: Order) -> None:
        look(70)

        look(73)
        look(73, later_s=20)
        assert not Incident.objects.exists()
        look(73, later_s=40)

        [incident] = Incident.objects.all()
        assert (incident.kind, incident.trips) == ("position_mismatch", True)
        assert incident.subject == "position:AAPL 265598"

    def test_what_comes_right_again_is_resolved_and_starts_anew(self, flying: Order) -> None:
        look(70)
        look(73)
        look(70, later_s=20)

        look(73, later_s=40)

        assert not Incident.objects.exists()
        assert Difference.objects.filter(resolved_at__isnull=False).count() == 1

    def test_without_a_line_to_the_market_nothing_is_compared(self, flying: Order) -> None:
        look(70)
        blind = Look(1, datetime.now(UTC), (), (), (), ())

        hold_against(blind, [CODE], compare=False, now=timezone.now())

        assert open_differences([CODE]) == []


class TestBusts:
    def test_what_list_and_position_both_lack_is_taken_back(self, flying: Order, sender: Sender) -> None:
        look(0)
        kept, busted = (
            execution(flying, exec_id="a.b.01.01", quantity=6),
            execution(flying, exec_id="a.b.02.01", quantity=4),
        )
        for report in (kept, busted):
            record_execution(report, sender=sender)

        left = look(6, executions=(kept,))

        assert (left, ledger()) == (0, 6)
        order = now_of(flying)
        assert (order.status, order.filled_quantity) == ("PARTIALLY_FILLED", 6)
        assert [one.kind for one in Incident.objects.all()] == ["fill_taken_back"]

    @pytest.mark.parametrize(("position", "named"), [(10, False), (7, False), (6, True)])
    def test_one_of_them_alone_takes_nothing_back(
        self, flying: Order, sender: Sender, position: int, named: bool
    ) -> None:
        look(0)
        reports = [
            execution(flying, exec_id=f"a.b.{n:02}.01", quantity=quantity) for n, quantity in ((1, 6), (2, 4))
        ]
        for report in reports:
            record_execution(report, sender=sender)

        look(position, executions=tuple(reports if named else reports[:1]))

        assert ledger() == 10
        assert now_of(flying).status == "FILLED"


class TestOrders:
    def test_names_what_is_in_doubt_and_what_is_not_ours(self, flying: Order, sender: Sender) -> None:
        Order.objects.update(status="UNKNOWN")
        record_broker_order(
            replace(shown(flying, "Submitted"), order_ref="by hand", ib_order_id=0, ib_perm_id=HAND),
            sender=sender,
            cause="open_orders",
        )

        assert look(0) == 2

        assert {(row.kind, row.subject) for row in open_differences()} == {
            ("in_doubt", "swing-0001"),
            ("external_order", "perm 99"),
        }

    def test_an_order_that_ended_is_none(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Cancelled"), sender=sender)

        assert look(0) == 0

    def test_fills_that_no_execution_explains(self, flying: Order, sender: Sender) -> None:
        completed = replace(shown(flying, "Filled"), filled=Decimal(10))
        record_broker_order(completed, sender=sender, cause="completed_orders")

        look(0, completed=(completed,))

        assert now_of(flying).status == "UNKNOWN"
        kinds = {row.kind: row.detail for row in open_differences()}
        assert set(kinds) == {"in_doubt", "unexplained_fill"}
        assert kinds["unexplained_fill"].endswith("the broker filled 10, our executions explain 0")

    def test_executions_that_the_broker_says_are_more_than_it_filled(
        self, flying: Order, sender: Sender
    ) -> None:
        look(0)
        record_execution(execution(flying), sender=sender)
        record_status(status(flying, "Cancelled"), sender=sender)
        completed = replace(shown(flying, "Cancelled"), filled=Decimal(0))

        look(10, completed=(completed,))

        assert [row.detail for row in open_differences()] == [
            f"{now_of(flying)}: the broker filled 0, our executions explain 10"
        ]

    def test_remembers_when_it_looked(self, flying: Order) -> None:
        look(0)

        check = last_check(flying.account)
        assert check is not None
        assert check.session == 1


class TestReport:
    def test_keeps_what_a_failed_attempt_had_recovered(self, sender: Sender) -> None:
        away = timezone.now() - timedelta(seconds=112)
        report = open_recovery(sender=sender, cause="line lost", gap_from=away, now=timezone.now())
        note_recovered(report.pk, [{"ib_exec_id": "a.b.01"}])

        again = open_recovery(
            sender=replace(sender, session=2), cause="line lost", gap_from=away, now=timezone.now()
        )
        note_recovered(again.pk, [{"ib_exec_id": "a.c.01"}])
        close_recovery(again.pk, now=timezone.now(), rematched=[{"order": "BUY 10 AAPL"}], differences_left=1)

        [row] = Recovery.objects.all()
        assert [fill["ib_exec_id"] for fill in row.fills_recovered] == ["a.b.01", "a.c.01"]
        assert (row.session, row.orders_rematched, row.differences_left) == (2, 1, 1)
        assert row.ready_at is not None
