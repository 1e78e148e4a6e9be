"""What the broker said, in any order and any number of times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from random import Random

import pytest
from django.db import IntegrityError

from apps.domain.events import BrokerNotice, BrokerOrder, OrderStatusReport
from apps.domain.executions import CommissionReport
from apps.domain.orders import OrderStatus, Sender, Side
from apps.domain.quotes import Quote
from apps.instruments.models import Instrument
from apps.orders.models import Execution, Order, OrderEvent
from apps.orders.services.facts import (
    record_broker_order,
    record_commission,
    record_execution,
    record_notice,
    record_status,
)
from apps.orders.services.families import submit_bracket
from apps.orders.services.findings import Seen, apply_absences
from apps.orders.services.flight import mark_unknown
from apps.orders.services.wishes import request_cancel
from tests.orders.conftest import BUY_10, Tara, execution, fly


def status(order: Order, word: str, *, filled: int = 0) -> OrderStatusReport:
    return OrderStatusReport(
        ib_order_id=order.ib_order_id or 0,
        ib_perm_id=1873204411,
        client_id=1,
        status=word,
        filled=Decimal(filled),
        remaining=Decimal(10 - filled),
    )


def shown(order: Order, word: str) -> BrokerOrder:
    return BrokerOrder(
        account=order.account.code,
        order_ref=order.order_ref,
        ib_order_id=order.ib_order_id or 0,
        ib_perm_id=1873204411,
        client_id=1,
        ib_con_id=order.instrument.ib_con_id,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        side=Side(order.side),
        order_type="LMT",
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=None,
        time_in_force="DAY",
        status=word,
    )


def now_of(order: Order) -> Order:
    order.refresh_from_db()
    return order


class TestStatus:
    def test_submitted_makes_it_working(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)

        order = now_of(flying)
        assert (order.status, order.broker_status, order.ib_perm_ids) == (
            "WORKING",
            "Submitted",
            [1873204411],
        )

    def test_the_same_word_twice_is_one_event(self, flying: Order, sender: Sender) -> None:
        for _ in range(3):
            record_status(status(flying, "Submitted"), sender=sender)

        assert now_of(flying).seq == 3

    def test_filled_without_executions_is_not_filled(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Filled", filled=10), sender=sender)

        assert now_of(flying).status == "IN_FLIGHT"

    def test_inactive_alone_is_working(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Inactive"), sender=sender)

        assert now_of(flying).status == "WORKING"

    def test_inactive_after_a_reject_code_waits_for_a_complete_list(
        self, flying: Order, sender: Sender
    ) -> None:
        record_notice(BrokerNotice(flying.ib_order_id or 0, 201, "no buying power"), sender=sender)
        record_status(status(flying, "Inactive"), sender=sender)
        assert now_of(flying).status == "WORKING"

        record_broker_order(
            shown(flying, "Inactive"), sender=sender, cause="open_orders", list_began_at=datetime.now(UTC)
        )

        order = now_of(flying)
        assert (order.status, order.ib_error_code, order.ib_error_text) == (
            "REJECTED",
            201,
            "no buying power",
        )

    @pytest.mark.parametrize("code", [10349, 10147, 10148, 161, 105, 321, 399, 404, 2109, 19999, 201])
    def test_no_code_alone_ends_an_order(self, code: int, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)

        record_notice(BrokerNotice(flying.ib_order_id or 0, code, "whatever"), sender=sender)

        assert now_of(flying).status == "WORKING"

    def test_a_code_of_an_earlier_session_rejects_nothing(self, flying: Order, sender: Sender) -> None:
        record_notice(BrokerNotice(flying.ib_order_id or 0, 201, "no buying power"), sender=sender)

        record_status(status(flying, "Cancelled"), sender=replace(sender, session=2))

        assert now_of(flying).status == "CANCELLED"

    def test_a_late_submitted_does_not_undo_a_cancel_under_way(self, flying: Order, sender: Sender) -> None:
        request_cancel(flying.pk, by="key:tara0001")
        record_status(status(flying, "PendingCancel"), sender=sender)
        record_status(status(flying, "Submitted"), sender=sender)

        assert now_of(flying).status == "PENDING_CANCEL"

    def test_a_cancel_of_somebody_else_that_was_refused_is_over(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "PendingCancel"), sender=sender)
        assert now_of(flying).status == "PENDING_CANCEL"

        record_status(status(flying, "Submitted"), sender=sender)

        assert now_of(flying).status == "WORKING"

    def test_an_echo_does_not_reopen_what_ended(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Cancelled"), sender=sender)
        record_status(status(flying, "Submitted"), sender=sender)

        assert now_of(flying).status == "CANCELLED"


class TestExecutions:
    def test_books_one_execution_once(self, flying: Order, sender: Sender) -> None:
        booked = [record_execution(execution(flying), sender=sender) for _ in range(4)]

        order = now_of(flying)
        assert booked == [True, False, False, False]
        assert (order.status, order.filled_quantity, order.average_price) == (
            "FILLED",
            Decimal(10),
            Decimal("227.4"),
        )

    def test_partial_fills_add_up(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying, exec_id="a.b.01.01", quantity=4), sender=sender)
        assert now_of(flying).status == "PARTIALLY_FILLED"

        record_execution(execution(flying, exec_id="a.b.02.01", quantity=6), sender=sender)

        assert now_of(flying).status == "FILLED"

    def test_a_correction_replaces(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying, exec_id="a.b.01.01", quantity=5), sender=sender)
        record_execution(execution(flying, exec_id="a.b.01.02", quantity=4), sender=sender)

        assert now_of(flying).filled_quantity == Decimal(4)
        assert Execution.objects.filter(superseded=False).count() == 1

    def test_an_old_revision_that_comes_late_changes_nothing(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying, exec_id="a.b.01.02", quantity=4), sender=sender)
        record_execution(execution(flying, exec_id="a.b.01.01", quantity=5), sender=sender)

        assert now_of(flying).filled_quantity == Decimal(4)

    def test_a_fill_after_cancelled_reopens_with_an_incident(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Cancelled"), sender=sender)

        record_execution(execution(flying), sender=sender)

        order = now_of(flying)
        assert (order.status, order.late) == ("FILLED", True)

    def test_a_bust_takes_back_what_had_filled_it(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying, exec_id="a.b.01.01"), sender=sender)

        record_execution(execution(flying, exec_id="a.b.01.02", quantity=0), sender=sender)

        order = now_of(flying)
        assert (order.status, order.filled_quantity, order.late) == ("CANCELLED", Decimal(0), True)

    def test_a_fill_of_a_denied_order_is_believed(self, flying: Order, sender: Sender) -> None:
        Order.objects.update(status="DENIED")

        assert record_execution(execution(flying, quantity=4), sender=sender)

        order = now_of(flying)
        assert (order.status, order.filled_quantity) == ("PARTIALLY_FILLED", Decimal(4))
        assert order.late

    def test_commission_is_joined_once(self, flying: Order, sender: Sender) -> None:
        report = CommissionReport("0000e0d5.69b0c1f2.01.01", Decimal("1.00"), "USD", None)

        early = record_commission(report, sender=sender)
        record_execution(execution(flying), sender=sender)
        joined = [record_commission(report, sender=sender) for _ in range(2)]

        assert (early, joined) == (False, [True, True])
        assert Execution.objects.get().commission == Decimal(1)

    def test_any_order_of_arrival_ends_the_same(self, flying: Order, sender: Sender) -> None:
        facts = [
            lambda: record_status(status(flying, "PreSubmitted"), sender=sender),
            lambda: record_status(status(flying, "Filled", filled=10), sender=sender),
            lambda: record_execution(execution(flying, exec_id="a.b.01.01", quantity=4), sender=sender),
            lambda: record_execution(execution(flying, exec_id="a.b.02.01", quantity=6), sender=sender),
            lambda: record_broker_order(shown(flying, "Submitted"), sender=sender, cause="open_order"),
        ]
        ends = set()
        start = Order.objects.values().get()
        for order_of_facts in Random(7).sample(list(permutations(facts)), 12):
            for fact in order_of_facts:
                fact()
            row = now_of(flying)
            ends.add((row.status, row.filled_quantity))
            _rewind(flying, start)

        assert ends == {("FILLED", Decimal(10))}


class TestReconciliation:
    def test_an_order_in_doubt_is_found_by_its_reference(self, flying: Order, sender: Sender) -> None:
        mark_unknown(connection="main", session=2, silent_for=timedelta(seconds=5))
        later = replace(sender, session=2)

        record_broker_order(shown(flying, "Submitted"), sender=later, cause="open_orders")

        assert now_of(flying).status == "WORKING"

    def test_found_past_its_time_it_is_cancelled(self, flying: Order, sender: Sender) -> None:
        mark_unknown(connection="main", session=2, silent_for=timedelta(seconds=5))
        Order.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

        record_broker_order(
            shown(flying, "Submitted"), sender=replace(sender, session=2), cause="open_orders"
        )

        order = now_of(flying)
        assert order.status == "WORKING"
        assert order.cancel_requested_at is not None

    def test_three_looks_over_a_minute_without_a_trace_mean_not_placed(
        self, flying: Order, sender: Sender
    ) -> None:
        mark_unknown(connection="main", session=2, silent_for=timedelta(seconds=5))
        long_ago = datetime.now(UTC) - timedelta(seconds=90)
        Order.objects.update(in_flight_at=long_ago, looks=2, first_look_at=long_ago + timedelta(seconds=28))

        apply_absences(seen=_nothing_seen(), sender=sender, candidates=[flying.pk])

        assert now_of(flying).status == OrderStatus.NOT_PLACED

    def test_one_look_is_not_enough(self, flying: Order, sender: Sender) -> None:
        mark_unknown(connection="main", session=2, silent_for=timedelta(seconds=5))
        Order.objects.update(in_flight_at=datetime.now(UTC) - timedelta(seconds=90))

        apply_absences(seen=_nothing_seen(), sender=sender, candidates=[flying.pk])

        order = now_of(flying)
        assert (order.status, order.looks) == ("UNKNOWN", 1)

    def test_a_working_order_that_no_list_names_is_in_doubt_not_cancelled(
        self, flying: Order, sender: Sender
    ) -> None:
        record_status(status(flying, "Submitted"), sender=sender)

        apply_absences(seen=_nothing_seen(), sender=sender, candidates=[flying.pk])

        assert now_of(flying).status == "UNKNOWN"

    def test_an_order_the_broker_once_showed_is_never_called_not_placed(
        self, flying: Order, sender: Sender
    ) -> None:
        record_status(status(flying, "Submitted"), sender=sender)
        long_ago = datetime.now(UTC) - timedelta(seconds=90)
        Order.objects.update(status="UNKNOWN", in_flight_at=long_ago, looks=2, first_look_at=long_ago)

        apply_absences(seen=_nothing_seen(), sender=sender, candidates=[flying.pk])

        assert now_of(flying).status == "UNKNOWN"

    def test_an_order_sent_while_the_lists_were_read_is_not_missing(
        self, flying: Order, sender: Sender
    ) -> None:
        record_status(status(flying, "Submitted"), sender=sender)
        seen = replace(_nothing_seen(), began_at=datetime.now(UTC) - timedelta(seconds=5))

        apply_absences(seen=seen, sender=sender, candidates=[flying.pk])

        assert now_of(flying).status == "WORKING"

    @pytest.mark.parametrize("ended_as", ["CANCELLED", "REJECTED"])
    def test_a_complete_list_reopens_what_is_open_after_all(
        self, flying: Order, sender: Sender, ended_as: str
    ) -> None:
        closed_at = datetime.now(UTC) - timedelta(seconds=5)
        Order.objects.update(status=ended_as, closed_at=closed_at)

        record_broker_order(
            shown(flying, "Submitted"), sender=sender, cause="open_orders", list_began_at=datetime.now(UTC)
        )

        order = now_of(flying)
        assert (order.status, order.late) == ("WORKING", True)

    def test_a_completed_order_with_unexplained_fills_is_in_doubt(
        self, flying: Order, sender: Sender
    ) -> None:
        record_status(status(flying, "Submitted"), sender=sender)
        completed = replace(shown(flying, "Cancelled"), filled=Decimal(4))

        record_broker_order(
            completed, sender=sender, cause="completed_orders", list_began_at=datetime.now(UTC)
        )

        assert now_of(flying).status == "UNKNOWN"

    def test_legs_of_an_entry_that_traded_are_not_cancelled_for_being_late(
        self, aapl: Instrument, sender: Sender, picture: dict[int, Quote], tara: Tara
    ) -> None:
        bracket = submit_bracket(
            BUY_10, take_profit=Decimal(240), stop_loss=Decimal(221), client_order_id="swing-0001", by=tara
        )
        fly(bracket.parent, sender, picture)
        entry, profit = Order.objects.get(leg_role="entry"), Order.objects.get(leg_role="take_profit")
        Order.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        mark_unknown(connection="main", session=2, silent_for=timedelta(seconds=5))
        later = replace(sender, session=2)

        record_execution(execution(entry), sender=later)
        record_broker_order(
            replace(shown(profit, "Submitted"), ib_perm_id=9), sender=later, cause="open_orders"
        )

        profit.refresh_from_db()
        assert (profit.status, profit.cancel_requested_at) == ("WORKING", None)

    @pytest.mark.parametrize("filled", [None, Decimal(7)])
    def test_a_foreign_order_without_a_quantity_stops_nothing(
        self, flying: Order, sender: Sender, filled: Decimal | None
    ) -> None:
        foreign = replace(
            shown(flying, "Filled"),
            order_ref="",
            ib_perm_id=0,
            ib_order_id=0,
            client_id=0,
            quantity=Decimal(0),
            filled=filled,
        )

        for _ in range(2):
            record_broker_order(foreign, sender=sender, cause="completed_orders")

        assert Order.objects.filter(origin="EXTERNAL").count() == (0 if filled is None else 1)

    def test_a_foreign_order_that_is_gone_no_longer_counts(self, flying: Order, sender: Sender) -> None:
        foreign = replace(shown(flying, "Submitted"), order_ref="", ib_perm_id=7, client_id=0)
        row = record_broker_order(foreign, sender=sender, cause="open_orders")
        assert row is not None

        apply_absences(seen=_nothing_seen(), sender=sender, candidates=[row.pk])

        row.refresh_from_db()
        assert row.status == "CANCELLED"

    def test_late_evidence_revokes_not_placed(self, flying: Order, sender: Sender) -> None:
        Order.objects.update(status="NOT_PLACED")

        record_broker_order(shown(flying, "Submitted"), sender=sender, cause="open_orders")

        order = now_of(flying)
        assert (order.status, order.late) == ("WORKING", True)

    def test_orders_of_others_become_rows(self, flying: Order, sender: Sender) -> None:
        foreign = replace(shown(flying, "Submitted"), order_ref="", ib_perm_id=7, ib_order_id=0, client_id=0)
        orphan = replace(shown(flying, "Submitted"), order_ref="jb:" + "A" * 26, ib_perm_id=8)

        record_broker_order(foreign, sender=sender, cause="open_orders")
        record_broker_order(orphan, sender=sender, cause="open_orders")
        record_broker_order(foreign, sender=sender, cause="open_orders")

        origins = sorted(Order.objects.values_list("origin", flat=True))
        assert origins == ["EXTERNAL", "ORPHAN", "OWN"]


def _nothing_seen() -> Seen:
    now = datetime.now(UTC)
    return Seen(order_refs=set(), perm_ids=set(), window_start=now - timedelta(hours=12), began_at=now)


def _rewind(order: Order, values: dict[str, object]) -> None:
    """Put the books back to where they were before any fact."""
    Execution.objects.all().delete()
    order.events.filter(seq__gt=values["seq"]).delete()
    Order.objects.filter(pk=order.pk).update(**{k: v for k, v in values.items() if k != "id"})


@pytest.mark.django_db(transaction=True)
class TestDatabase:
    """What the code would never do, the database does not allow either."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("DENIED", "IN_FLIGHT"),
            ("ACCEPTED", "UNKNOWN"),
            ("IN_FLIGHT", "ACCEPTED"),
            ("FILLED", "CANCELLED_UNSENT"),
        ],
    )
    def test_refuses_a_step_that_does_not_exist(self, accepted: Order, before: str, after: str) -> None:
        event = accepted.events.get()

        with pytest.raises(IntegrityError):
            OrderEvent.objects.create(
                order=accepted, seq=2, from_status=before, to_status=after, cause="x", at=event.at
            )

    def test_refuses_a_second_event_of_one_number(self, accepted: Order) -> None:
        event = accepted.events.get()

        with pytest.raises(IntegrityError):
            OrderEvent.objects.create(
                order=accepted, seq=1, from_status="ACCEPTED", to_status="IN_FLIGHT", cause="x", at=event.at
            )

    def test_a_step_whose_event_cannot_be_written_is_not_taken(self, accepted: Order) -> None:
        event = accepted.events.get()
        OrderEvent.objects.create(
            order=accepted, seq=2, from_status="ACCEPTED", to_status="DENIED", cause="x", at=event.at
        )

        with pytest.raises(IntegrityError):
            request_cancel(accepted.pk, by="key:tara0001")

        assert now_of(accepted).status == "ACCEPTED"
