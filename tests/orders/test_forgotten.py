"""Orders that the broker has and our rows do not know as sent: a restore, or commits that were lost."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.domain.orders import Sender
from apps.domain.quotes import Quote
from apps.orders.models import Order
from apps.orders.selectors import cancel_wishes, reconcilable, sendable_ids
from apps.orders.services.facts import record_broker_order, record_execution
from apps.orders.services.findings import Seen, apply_absences
from apps.orders.services.wishes import request_cancel
from apps.safety.models import Incident
from tests.orders.conftest import CODE, execution, fly
from tests.orders.test_facts import shown


def at_broker(order: Order, sender: Sender) -> Order:
    """Let a complete list show the order as open."""
    report = replace(shown(order, "Submitted"), ib_order_id=77)
    record_broker_order(report, sender=sender, cause="open_orders", list_began_at=datetime.now(UTC))
    return Order.objects.get(pk=order.pk)


def due_ids() -> list[int]:
    return [wish.ib_order_id for wish in cancel_wishes("main", now=datetime.now(UTC), halted_only=False)]


class TestAccepted:
    def test_is_adopted_and_never_sent_a_second_time(
        self, accepted: Order, sender: Sender, picture: dict[int, Quote]
    ) -> None:
        order = at_broker(accepted, sender)

        assert (order.status, order.late, order.ib_order_id) == ("WORKING", True, 77)
        assert sendable_ids("main") == []
        assert fly(order, sender, picture).flying == []

    def test_is_an_incident_that_trips_the_breaker(self, accepted: Order, sender: Sender) -> None:
        at_broker(accepted, sender)

        incident = Incident.objects.get()
        assert (incident.kind, incident.trips) == ("unsent_at_broker", True)

    def test_can_be_cancelled(self, accepted: Order, sender: Sender) -> None:
        at_broker(accepted, sender)

        request_cancel(accepted.pk, by="key:tara0001")

        assert due_ids() == [77]

    def test_is_in_doubt_when_a_later_list_lacks_it(self, accepted: Order, sender: Sender) -> None:
        at_broker(accepted, sender)
        now = datetime.now(UTC)
        seen = Seen(order_refs=(), perm_ids=(), window_start=now, began_at=now)

        apply_absences(seen=seen, sender=sender, candidates=list(reconcilable("main", [CODE])))

        assert Order.objects.get(pk=accepted.pk).status == "UNKNOWN"

    def test_a_fill_says_that_it_was_sent(self, accepted: Order, sender: Sender) -> None:
        record_execution(execution(accepted, quantity=4), sender=sender)

        order = Order.objects.get(pk=accepted.pk)
        assert (order.status, order.filled_quantity) == ("PARTIALLY_FILLED", Decimal(4))
        assert Incident.objects.get().kind == "fill_of_unsent"


class TestEndedUnsent:
    @pytest.mark.parametrize("ended_as", ["DENIED", "CANCELLED_UNSENT", "EXPIRED_UNSENT"])
    def test_what_the_broker_shows_open_is_open(self, accepted: Order, sender: Sender, ended_as: str) -> None:
        Order.objects.update(status=ended_as, closed_at=datetime.now(UTC))

        order = at_broker(accepted, sender)

        assert (order.status, order.late, order.closed_at) == ("WORKING", True, None)

    def test_a_wish_to_cancel_it_is_carried_out_now(self, accepted: Order, sender: Sender) -> None:
        request_cancel(accepted.pk, by="key:tara0001")

        at_broker(accepted, sender)

        assert due_ids() == [77]
