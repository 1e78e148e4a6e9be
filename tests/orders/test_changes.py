"""A change of terms: who may ask, what is written ahead, and which of two truths holds in the end."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.common.clock import boottime
from apps.common.db import database_now
from apps.domain.events import BrokerNotice, BrokerOrder, OrderStatusReport
from apps.domain.mode import ProofState
from apps.domain.orders import Side
from apps.orders.models import Order, OrderChange
from apps.orders.services.changes import (
    ChangeInProgress,
    NewTerms,
    NotModifiable,
    expire_changes,
    land_change,
    put_change_in_flight,
    request_change,
)
from apps.orders.services.facts import (
    record_broker_order,
    record_execution,
    record_notice,
    record_status,
)
from apps.orders.services.findings import Seen, apply_absences
from apps.orders.services.wishes import OrderTerminal, request_cancel
from apps.orders.snapshots import tradable_quantity
from apps.safety.models import Incident
from apps.safety.services.states import halt_trading
from tests.orders.conftest import CODE, execution

pytestmark = pytest.mark.django_db(transaction=True)

NEW = NewTerms(quantity=Decimal(20), limit_price=Decimal("227.00"))


def shown(order, **changes):
    """The order as the broker shows it."""
    plain = BrokerOrder(
        account=CODE,
        order_ref=order.order_ref,
        ib_order_id=order.ib_order_id,
        ib_perm_id=1873204411,
        client_id=1,
        ib_con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        side=Side.BUY,
        order_type="LMT",
        quantity=Decimal(10),
        limit_price=Decimal("227.40"),
        stop_price=None,
        time_in_force="DAY",
        status="Submitted",
    )
    return replace(plain, **changes)


@pytest.fixture
def working(flying, sender):
    record_broker_order(shown(flying), sender=sender, cause="open_order")
    flying.refresh_from_db()
    assert flying.status == "WORKING"
    return flying


@pytest.fixture
def fly(sender, picture):
    def flown(change):
        return put_change_in_flight(
            change.pk, sender=sender, picture=picture, proof=ProofState.PROVEN, boottime=boottime()
        )

    return flown


def again(row):
    return type(row).objects.get(pk=row.pk)


class TestRequest:
    def test_is_written_ahead_and_counts_with_the_larger_quantity(self, working):
        change = request_change(working.pk, NEW, by="key:tara0001")

        assert change.state == "REQUESTED"
        assert tradable_quantity(again(working)) == 20
        assert again(working).quantity == 10

    def test_the_same_wish_twice_is_one_and_another_one_waits(self, working):
        first = request_change(working.pk, NEW, by="key:tara0001")

        assert request_change(working.pk, NEW, by="key:tara0001").pk == first.pk
        with pytest.raises(ChangeInProgress):
            request_change(working.pk, NewTerms(quantity=Decimal(30)), by="key:tara0001")

    def test_more_than_the_limit_is_denied_and_kept(self, working):
        change = request_change(working.pk, NewTerms(quantity=Decimal(1_001)), by="key:tara0001")

        assert (change.state, change.reason_codes) == ("DENIED", ["RISK_MAX_QTY", "RISK_MAX_NOTIONAL"])
        assert again(working).changing_to is None

    @pytest.mark.parametrize(
        "terms", [NewTerms(), NewTerms(quantity=Decimal(10)), NewTerms(stop_price=Decimal(200))]
    )
    def test_what_changes_nothing_or_does_not_fit_is_refused(self, working, terms):
        with pytest.raises(NotModifiable):
            request_change(working.pk, terms, by="key:tara0001")

    def test_an_order_that_is_being_cancelled_is_not_revived(self, working):
        request_cancel(working.pk, by="key:tara0001")

        with pytest.raises(NotModifiable):
            request_change(working.pk, NEW, by="key:tara0001")

    def test_an_unsent_order_has_nothing_to_change_at_the_broker(self, accepted):
        with pytest.raises(NotModifiable):
            request_change(accepted.pk, NEW, by="key:tara0001")


class TestFlight:
    def test_says_the_new_terms_under_the_old_id(self, working, fly):
        plan = fly(request_change(working.pk, NEW, by="key:tara0001"))

        assert plan is not None
        assert (plan.flying.ib_order_id, plan.flying.order_ref) == (working.ib_order_id, working.order_ref)
        assert (plan.flying.ticket.quantity, plan.flying.ticket.limit_price) == (20, Decimal("227.00"))

    def test_flies_once(self, working, fly):
        change = request_change(working.pk, NEW, by="key:tara0001")
        assert fly(change) is not None

        assert fly(change) is None

    def test_a_halt_keeps_it_here(self, working, fly):
        change = request_change(working.pk, NEW, by="key:tara0001")
        halt_trading(scope="*", by="user:rita", reason="stop now")

        assert fly(change) is None

        assert again(change).state == "DENIED"
        assert again(working).changing_to is None

    def test_another_client_id_may_not_send_it(self, working, sender, picture):
        change = request_change(working.pk, NEW, by="key:tara0001")
        other = replace(sender, client_id=2)

        plan = put_change_in_flight(
            change.pk, sender=other, picture=picture, proof=ProofState.PROVEN, boottime=boottime()
        )

        assert plan is None
        assert again(change).state == "UNSENT"

    def test_an_older_epoch_may_not_send_it(self, working, sender, picture):
        change = request_change(working.pk, NEW, by="key:tara0001")
        old = replace(sender, epoch=sender.epoch - 1)

        plan = put_change_in_flight(
            change.pk, sender=old, picture=picture, proof=ProofState.PROVEN, boottime=boottime()
        )

        assert plan is None
        assert again(change).state == "REQUESTED"

    def test_what_was_not_written_is_taken_back(self, working, fly, sender):
        change = request_change(working.pk, NEW, by="key:tara0001")
        fly(change)

        land_change(change.pk, sender=sender, reason="GATEWAY_BACKPRESSURE")

        assert again(change).state == "UNSENT"
        assert again(working).changing_to is None

    def test_its_time_runs_out(self, working):
        change = request_change(working.pk, NEW, by="key:tara0001")
        OrderChange.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

        assert expire_changes("main") == 1

        assert again(change).state == "UNSENT"


class TestSettlement:
    @pytest.fixture
    def flown(self, working, fly):
        change = request_change(working.pk, NEW, by="key:tara0001")
        assert fly(change) is not None
        return change

    def test_the_new_terms_at_the_broker_apply_it(self, working, flown, sender):
        new = shown(working, quantity=Decimal(20), limit_price=Decimal("227.00"))

        record_broker_order(new, sender=sender, cause="open_order")

        row = again(working)
        assert again(flown).state == "APPLIED"
        assert (row.quantity, row.limit_price, row.changing_to) == (20, Decimal("227.00"), None)

    def test_an_echo_of_the_old_terms_proves_nothing(self, working, flown, sender):
        record_broker_order(shown(working), sender=sender, cause="open_order")
        soon = timezone.now() + timedelta(seconds=1)
        record_broker_order(shown(working), sender=sender, cause="open_orders", list_began_at=soon)

        assert again(flown).state == "IN_FLIGHT"
        assert again(working).quantity == 10

    def test_a_later_complete_list_with_the_old_terms_refuses_it(self, working, flown, sender):
        later = timezone.now() + timedelta(seconds=31)

        record_broker_order(shown(working), sender=sender, cause="open_orders", list_began_at=later)

        assert again(flown).state == "REFUSED"
        assert (again(working).quantity, again(working).changing_to) == (10, None)

    def test_a_change_carried_out_after_it_was_given_up_is_believed(self, working, flown, sender):
        later = timezone.now() + timedelta(seconds=31)
        record_broker_order(shown(working), sender=sender, cause="open_orders", list_began_at=later)
        new = shown(working, quantity=Decimal(20), limit_price=Decimal("227.00"))

        record_broker_order(new, sender=sender, cause="open_order")

        row = again(working)
        assert (row.quantity, row.limit_price) == (20, Decimal("227.00"))
        assert row.events.latest("seq").cause == "terms_changed_at_broker"

    def test_the_old_quantity_filled_is_not_the_end_while_the_change_may_hold(self, working, flown, sender):
        record_execution(execution(working, quantity=10), sender=sender)
        assert again(working).status == "PARTIALLY_FILLED"

        report = OrderStatusReport(working.ib_order_id, 1873204411, 1, "Filled", Decimal(10), Decimal(0))
        record_status(report, sender=sender)

        assert again(working).status == "FILLED"
        assert again(flown).state == "MOOT"

    def test_more_filled_than_the_old_quantity_proves_the_change(self, working, flown, sender):
        record_execution(execution(working, quantity=20), sender=sender)

        row = again(working)
        assert again(flown).state == "APPLIED"
        assert (row.status, row.quantity, row.filled_quantity) == ("FILLED", 20, 20)

    def test_a_smaller_quantity_that_has_filled_already_ends_the_order(self, working, fly, sender):
        change = request_change(working.pk, NewTerms(quantity=Decimal(6)), by="key:tara0001")
        fly(change)
        record_execution(execution(working, quantity=6), sender=sender)
        assert again(working).status == "PARTIALLY_FILLED"

        record_broker_order(shown(working, quantity=Decimal(6)), sender=sender, cause="open_order")

        assert again(working).status == "FILLED"

    def test_an_order_that_ends_takes_its_wish_with_it(self, working, sender):
        change = request_change(working.pk, NEW, by="key:tara0001")
        report = OrderStatusReport(working.ib_order_id, 1873204411, 1, "Cancelled", Decimal(0), Decimal(10))

        record_status(report, sender=sender)

        assert again(change).state == "MOOT"
        with pytest.raises(OrderTerminal):
            request_change(working.pk, NEW, by="key:tara0001")

    def test_a_list_asked_for_before_it_was_answered_takes_nothing_back(self, working, flown, sender):
        asked_at = database_now()
        new = shown(working, quantity=Decimal(20), limit_price=Decimal("227.00"))
        record_broker_order(new, sender=sender, cause="open_order")

        record_broker_order(shown(working), sender=sender, cause="open_orders", list_began_at=asked_at)

        row = again(working)
        assert (row.quantity, row.limit_price) == (20, Decimal("227.00"))
        assert row.events.latest("seq").cause == "changed"
        assert not Incident.objects.exists()

    def test_a_refusal_of_it_does_not_make_a_later_cancel_a_rejection(self, working, flown, sender):
        record_notice(BrokerNotice(working.ib_order_id, 201, "Order rejected"), sender=sender)
        record_broker_order(shown(working), sender=sender, cause="open_orders", list_began_at=database_now())
        assert again(flown).state == "REFUSED"
        request_cancel(working.pk, by="key:tara0001")

        report = OrderStatusReport(working.ib_order_id, 1873204411, 1, "Cancelled", Decimal(0), Decimal(10))
        record_status(report, sender=sender)

        assert again(working).status == "CANCELLED"

    def test_a_refusal_of_it_does_not_end_the_order_that_lists_lose_from_sight(self, working, flown, sender):
        record_notice(BrokerNotice(working.ib_order_id, 201, "Order rejected"), sender=sender)
        began_at = database_now()
        seen = Seen(order_refs=(), perm_ids=(), window_start=began_at - timedelta(hours=9), began_at=began_at)

        apply_absences(seen=seen, sender=sender, candidates=[working.pk])

        assert again(working).status == "UNKNOWN"


class TestReducedByItsGroup:
    def test_is_taken_into_the_row_without_an_incident(self, working, sender):
        Order.objects.update(oca_group="jb-swing-0001")

        record_broker_order(shown(working, quantity=Decimal(6)), sender=sender, cause="open_order")

        row = again(working)
        assert (row.quantity, row.status) == (6, "WORKING")
        assert row.events.latest("seq").cause == "reduced_by_group"
        assert not Incident.objects.exists()

    def test_another_price_is_somebody_s_doing(self, working, sender):
        Order.objects.update(oca_group="jb-swing-0001")
        edited = shown(working, quantity=Decimal(6), limit_price=Decimal("226.00"))

        record_broker_order(edited, sender=sender, cause="open_order")

        assert Incident.objects.get().kind == "terms_changed"


class TestTermsChangedElsewhere:
    def test_an_edit_in_tws_is_taken_into_the_row(self, working, sender):
        record_broker_order(shown(working, quantity=Decimal(15)), sender=sender, cause="open_order")

        row = again(working)
        assert (row.quantity, row.status) == (15, "WORKING")
        assert Order.objects.get(pk=row.pk).events.latest("seq").cause == "terms_changed_at_broker"
