"""An order's story: every event in order, causes in words, the broker's words with their meaning."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from apps.domain.events import BrokerNotice
from apps.domain.executions import CommissionReport
from apps.domain.orders import Sender
from apps.instruments.models import Instrument
from apps.orders.models import Order, OrderEvent
from apps.orders.selectors import order_by_id
from apps.orders.services.changes import NewTerms, request_change
from apps.orders.services.facts import record_commission, record_execution, record_notice, record_status
from apps.orders.services.flight import mark_unknown
from apps.orders.services.intake import submit_order
from apps.orders.stories import Story, story_of
from apps.orders.timeline_api import EXAMPLE
from apps.safety.services.states import halt_trading
from tests import factories
from tests.orders.conftest import BUY_10, CODE, Tara, execution
from tests.orders.test_facts import status


def tell(order: Order) -> Story:
    return story_of(order_by_id(order.pk))


def headlines(order: Order) -> list[str]:
    return [step.said.headline for step in tell(order).steps]


@pytest.fixture
def doubted(flying: Order, sender: Sender) -> Order:
    """An order that was in doubt for 45.5 s, was found, and has filled in two parts."""
    mark_unknown(connection="main", session=2, silent_for=timedelta(seconds=5))
    record_status(status(flying, "Submitted"), sender=sender)
    found_at = OrderEvent.objects.get(cause="broker_status").at
    OrderEvent.objects.filter(cause="no_word").update(at=found_at - timedelta(seconds=45.5))
    for exec_id, quantity in (("a.b.01.01", 4), ("a.b.02.01", 6)):
        record_execution(execution(flying, exec_id=exec_id, quantity=quantity), sender=sender)
        paid = CommissionReport(exec_id, Decimal("0.50"), "USD", None)
        record_commission(paid, sender=sender)
    return flying


class TestSteps:
    def test_tell_the_whole_way_in_order(self, doubted: Order) -> None:
        assert headlines(doubted) == [
            "Asked for by key:tara0001",
            "Gate 1: pass",
            "ACCEPTED by gate 1",
            "Gate 2: pass",
            "IN_FLIGHT after gate 2",
            "UNKNOWN: the broker may have it",
            "WORKING: “Submitted”",
            "PARTIALLY_FILLED: 4 at 227.40",
            "FILLED: 6 at 227.40",
        ]

    def test_leave_no_event_out(self, doubted: Order) -> None:
        told = [step.seq for step in tell(doubted).steps if step.seq is not None]

        assert told == list(OrderEvent.objects.order_by("seq").values_list("seq", flat=True))

    def test_name_the_audit_line_and_who_did_it(self, doubted: Order) -> None:
        accepted = next(step for step in tell(doubted).steps if step.kind == "accepted")

        assert (accepted.by, accepted.audit_seq is not None) == ("key:tara0001", True)

    def test_join_commissions_to_their_fills(self, doubted: Order) -> None:
        story = tell(doubted)

        assert story.commission == Decimal("1.00")
        assert "Commission 0.50 USD." in story.steps[-1].said.detail

    def test_show_incidents_where_they_happened(self, doubted: Order, sender: Sender) -> None:
        record_execution(execution(doubted, exec_id="a.b.03.01", quantity=1), sender=sender)

        assert headlines(doubted)[-2:] == ["Incident: More filled than was ordered", "Filled 1 at 227.40"]

    def test_say_every_cause_there_is(self, flying: Order) -> None:
        OrderEvent.objects.filter(order=flying).update(cause="something_new")

        assert "Something new" in headlines(flying)

    def test_cost_a_fixed_number_of_queries(
        self, doubted: Order, django_assert_max_num_queries: object
    ) -> None:
        order = order_by_id(doubted.pk)

        with django_assert_max_num_queries(6):  # type: ignore[operator]
            story_of(order)


class TestBrokersWords:
    def test_a_number_comes_with_its_meaning_and_the_text_verbatim(
        self, flying: Order, sender: Sender
    ) -> None:
        record_notice(BrokerNotice(flying.ib_order_id or 0, 201, "YOUR ACCOUNT <b>"), sender=sender)

        [word] = tell(flying).words
        assert (word.message, word.text) == ("error 201", "YOUR ACCOUNT <b>")
        assert word.code is not None
        assert word.code.order_effect == "rejected"

    def test_a_number_nobody_knows_says_so(self, flying: Order, sender: Sender) -> None:
        record_notice(BrokerNotice(flying.ib_order_id or 0, 19999, "odd"), sender=sender)

        assert headlines(flying)[-1] == "IB 19999: IB message 19999"


class TestSummary:
    def test_an_ordinary_order_has_none(self, flying: Order, sender: Sender) -> None:
        record_execution(execution(flying), sender=sender)

        assert tell(flying).summary == []

    def test_tells_how_doubt_ended(self, doubted: Order) -> None:
        story = tell(doubted)

        assert story.summary == [
            "It was in doubt for 45.5 s and was not sent again; then WORKING, heard in orderStatus."
        ]
        assert story.doubt_s == pytest.approx(45.5, abs=2)

    def test_tells_why_it_was_denied(self, aapl: Instrument, tara: Tara) -> None:
        halt_trading(scope="*", by="user:rita", reason="fat finger")

        order = submit_order(BUY_10, client_order_id="swing-0002", by=tara).order

        assert tell(order).summary == [
            "Denied by us: Trading is halted (TRADING_HALTED). The broker never saw it."
        ]
        assert [row.control for row in tell(order).refused] == ["TRADING_HALTED"]

    def test_tells_what_was_corrected(self, doubted: Order, sender: Sender) -> None:
        record_execution(execution(doubted, exec_id="a.b.02.02", quantity=5), sender=sender)

        assert tell(doubted).summary[-1] == "The broker corrected or took back 1 report of its fills."


class TestChanges:
    def test_are_told_with_their_terms(self, flying: Order, sender: Sender) -> None:
        record_status(status(flying, "Submitted"), sender=sender)

        request_change(flying.pk, NewTerms(limit_price=Decimal("227.30")), by="key:tara0001")

        story = tell(flying)
        assert story.steps[-1].said.headline == "Change asked for"
        assert "limit 227.3" in story.steps[-1].said.detail
        assert [change.state for change in story.changes] == ["REQUESTED"]


class TestTimeline:
    """GET /api/v2/orders/{uuid}/timeline."""

    @pytest.fixture
    def client(self, account: object) -> APIClient:
        return caller("read:account")

    def test_is_the_same_story(self, client: APIClient, doubted: Order) -> None:
        body = client.get(f"/api/v2/orders/{doubted.uuid}/timeline").json()

        story = tell(doubted)
        assert [step["text"] for step in body["data"]] == [step.said.headline for step in story.steps]
        assert set(body) == set(json.loads(EXAMPLE))
        accepted = next(step for step in body["data"] if step["kind"] == "accepted")
        assert accepted["by"] == "key:tara0001"
        gate = next(step for step in body["data"] if step["kind"] == "gate")
        assert (gate["gate"], gate["verdict"]) == ("G1", "pass")
        fill = body["data"][-1]
        assert (fill["ib_exec_id"], fill["quantity"], fill["commission"]) == ("a.b.02.01", "6", "0.5")

    def test_of_another_account_and_of_nobody_are_the_same_404(self, account: object, doubted: Order) -> None:
        stranger = caller("read:account", accounts=("DU7654321",))

        answers = [
            stranger.get(f"/api/v2/orders/{uuid}/timeline")
            for uuid in (doubted.uuid, "0195f3b8-0000-7000-8000-000000000001")
        ]

        assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "ORDER_NOT_FOUND")] * 2

    def test_needs_the_scope(self, account: object, doubted: Order) -> None:
        answer = caller("read:quotes").get(f"/api/v2/orders/{doubted.uuid}/timeline")

        assert (answer.status_code, answer.json()["code"]) == (403, "MISSING_SCOPE")

    def test_refuses_what_it_does_not_know(self, client: APIClient, doubted: Order) -> None:
        answer = client.get(f"/api/v2/orders/{doubted.uuid}/timeline?limit=1")

        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_UNKNOWN_FIELD")


def caller(*scopes: str, accounts: tuple[str, ...] = (CODE,)) -> APIClient:
    client = APIClient(raise_request_exception=False)
    key = factories.make_api_key(scopes=scopes, accounts=accounts)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.token}")
    return client
