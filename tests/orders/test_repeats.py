"""What a complete list tells again is left out, and only that."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.domain.events import BrokerOrder
from apps.domain.executions import CommissionReport
from apps.domain.orders import OrderStatus, Sender, Side
from apps.orders.models import Execution, Order, OrderEvent
from apps.orders.repeats import new_commissions, new_executions, new_orders
from apps.orders.services.changes import NewTerms, request_change
from apps.orders.services.facts import record_broker_order, record_commission, record_execution
from tests.orders.conftest import execution

PERM = 1873204411
WORDS = ("PreSubmitted", "Submitted", "PendingCancel", "Cancelled", "ApiCancelled", "Filled", "Inactive")
LISTS = ("open_orders", "completed_orders")


def shown(order: Order, word: str, **changes: object) -> BrokerOrder:
    report = BrokerOrder(
        account=order.account.code,
        order_ref=order.order_ref,
        ib_order_id=order.ib_order_id or 0,
        ib_perm_id=PERM,
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
    return replace(report, **changes)  # type: ignore[arg-type]


def traces(order: Order) -> tuple[object, ...]:
    """Return all that a booked word could have changed."""
    row = Order.objects.values().get(pk=order.pk)
    return OrderEvent.objects.count(), tuple(sorted((name, str(value)) for name, value in row.items()))


class TestOrders:
    @pytest.mark.parametrize("first", WORDS)
    @pytest.mark.parametrize("filled", [0, 4, 10])
    @pytest.mark.parametrize("said_of", LISTS)
    def test_what_is_left_out_would_have_changed_nothing(
        self, flying: Order, sender: Sender, first: str, filled: int, said_of: str
    ) -> None:
        if filled:
            record_execution(execution(flying, exec_id="a.b.01.01", quantity=filled), sender=sender)
        record_broker_order(shown(flying, first), sender=sender, cause="open_orders")

        for word in WORDS:
            for told in (0, 4, 10):
                report = shown(flying, word, filled=Decimal(told))
                if new_orders([report], sender=sender, cause=said_of):
                    continue
                before = traces(flying)
                record_broker_order(report, sender=sender, cause=said_of)
                assert traces(flying) == before, f"{word}, {told} filled"

    @pytest.mark.parametrize("word", ["Submitted", "PendingCancel", "Cancelled", "Filled"])
    def test_a_list_told_again_is_left_out_whole(self, flying: Order, sender: Sender, word: str) -> None:
        if word == "Filled":
            record_execution(execution(flying, exec_id="a.b.01.01", quantity=10), sender=sender)
        report = shown(flying, word)
        record_broker_order(report, sender=sender, cause="open_orders")

        assert new_orders([report], sender=sender, cause="open_orders") == []

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "Cancelled"},
            {"ib_perm_id": PERM + 1},
            {"quantity": Decimal(11)},
            {"limit_price": Decimal("227.10")},
            {"account": "DU7654321"},
            {"order_ref": "by hand"},
        ],
    )
    def test_what_differs_in_anything_is_new(
        self, flying: Order, sender: Sender, change: dict[str, object]
    ) -> None:
        record_broker_order(shown(flying, "Submitted"), sender=sender, cause="open_orders")
        report = shown(flying, "Submitted", **change)

        assert new_orders([report], sender=sender, cause="open_orders") == [report]

    def test_more_filled_than_is_booked_is_new(self, flying: Order, sender: Sender) -> None:
        record_broker_order(shown(flying, "Cancelled"), sender=sender, cause="open_orders")
        report = shown(flying, "Cancelled", filled=Decimal(4))

        assert new_orders([report], sender=sender, cause="completed_orders") == [report]

    def test_an_order_in_doubt_is_new_whatever_is_said_of_it(self, flying: Order, sender: Sender) -> None:
        record_broker_order(shown(flying, "Submitted"), sender=sender, cause="open_orders")
        Order.objects.filter(pk=flying.pk).update(status=OrderStatus.UNKNOWN)
        report = shown(flying, "Submitted")

        assert new_orders([report], sender=sender, cause="open_orders") == [report]

    def test_an_order_with_a_change_under_way_is_new(self, flying: Order, sender: Sender) -> None:
        report = shown(flying, "Submitted")
        record_broker_order(report, sender=sender, cause="open_orders")
        request_change(flying.pk, NewTerms(quantity=Decimal(8)), by="key:tara0001")

        assert new_orders([report], sender=sender, cause="open_orders") == [report]


class TestExecutions:
    def test_one_that_is_booked_is_left_out_and_its_correction_is_not(
        self, flying: Order, sender: Sender
    ) -> None:
        booked = execution(flying, exec_id="a.b.01.01", quantity=4)
        record_execution(booked, sender=sender)
        corrected = execution(flying, exec_id="a.b.01.02", quantity=3)
        contradicted = replace(booked, price=booked.price + 1)
        other = execution(flying, exec_id="a.b.02.01", quantity=1)

        left = new_executions([booked, corrected, contradicted, other], sender=sender)

        assert left == [corrected, contradicted, other]

    def test_more_than_one_batch_is_read(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying, exec_id="a.b.0700.01", quantity=4), sender=sender)
        told = [execution(flying, exec_id=f"a.b.{number:04}.01", quantity=4) for number in range(1100)]

        left = new_executions(told, sender=sender)

        assert [one for one in told if one not in left] == [told[700]]


class TestCommissions:
    def test_one_that_is_joined_is_left_out_and_one_that_waits_is_not(
        self, flying: Order, sender: Sender
    ) -> None:
        for exec_id in ("a.b.01.01", "a.b.02.01"):
            record_execution(execution(flying, exec_id=exec_id, quantity=4), sender=sender)
        joined = CommissionReport("a.b.01.01", Decimal("0.50"), "USD", None)
        record_commission(joined, sender=sender)
        waiting = CommissionReport("a.b.02.01", Decimal("0.50"), "USD", None)

        left = new_commissions([joined, waiting], sender=sender)

        assert left == [waiting]
        assert Execution.objects.filter(commission__isnull=True).count() == 1
