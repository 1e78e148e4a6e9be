"""The page on which staff settle what cannot be known: rights, words, two people, forged posts."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Account
from apps.audit.models import AuditEvent
from apps.orders.models import Execution, Order, Resolution
from tests import factories
from tests.console import scene

pytestmark = pytest.mark.django_db

EVIDENCE = "Statement of 20 Nov, page 2"


@pytest.fixture
def lost():
    """An order in doubt that the broker had shown once."""
    scene.make_desk()
    Order.objects.filter(client_order_id="rb-2211-02").update(
        broker_status="Submitted", in_flight_at=timezone.now() - timedelta(minutes=5)
    )
    return Order.objects.get(client_order_id="rb-2211-02")


def signed_in(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    return client


def address(order):
    return reverse("console:resolve", args=[order.uuid])


def post(client, order, **data):
    page = client.get(address(order)).content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    return client.post(address(order), data | {"csrfmiddlewaretoken": found[1] if found else ""})


def filled(order, **changes):
    at = (timezone.now() - timedelta(minutes=1)).astimezone(ZoneInfo("America/New_York"))
    plain = {"outcome": "FILLED", "quantity_0": "40", "price_0": "233.10", "at_0": f"{at:%Y-%m-%d %H:%M:%S}"}
    proof = {"reason": EVIDENCE, "word": order.order_ref, "password": factories.PASSWORD}
    return plain | proof | changes


class TestResolve:
    def test_says_what_is_known_and_what_will_happen(self, rita, lost):
        page = signed_in(rita).get(address(lost)).content.decode()

        assert "What became of “Buy 40 AAPL at 233.10”?" in page
        assert "Nothing is sent to the broker" in page
        assert f"Type {lost.order_ref}" in page

    def test_with_fills_and_the_typed_reference_ends_the_order(self, rita, lost):
        answer = post(signed_in(rita), lost, **filled(lost))

        assert answer.status_code == 302
        lost.refresh_from_db()
        assert (lost.status, lost.filled_quantity) == ("FILLED", 40)
        assert Execution.objects.get(order=lost).synthetic

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"word": "JB-other"}, "Type JB-7F3K2M02 to confirm."),
            ({"password": ""}, "Type your password again"),
            ({"password": "guessed"}, "Type your password again"),
            ({"reason": "x"}, "Give a reason, 5 characters or more."),
            ({"outcome": "REJECTED"}, "Choose one of three."),
            ({"outcome": ""}, "Choose what became of it."),
            ({"price_0": ""}, "Fill 1 needs quantity, price and time."),
            ({"price_0": "1e5"}, "Price is a plain number such as 227.40."),
            ({"quantity_0": "٤٠"}, "Quantity is a plain number such as 227.40."),
            ({"quantity_0": "41"}, "The fills make 41, the order is 40"),
            ({"at_0": "yesterday"}, "Write the time as 2026-11-20 10:46:28, New York."),
        ],
    )
    def test_changes_nothing_if_one_thing_is_wrong(self, rita, lost, changes, said):
        answer = post(signed_in(rita), lost, **filled(lost, **changes))

        assert answer.status_code == 400
        assert said in answer.content.decode()
        lost.refresh_from_db()
        assert lost.status == "UNKNOWN"

    def test_of_what_the_lists_still_decide_offers_no_form(self, rita, lost):
        Order.objects.filter(pk=lost.pk).update(broker_status="", in_flight_at=timezone.now())

        page = signed_in(rita).get(address(lost)).content.decode()

        assert "The broker&#x27;s lists still decide" in page
        assert "<form" not in page.partition("<main")[2]

    def test_is_refused_without_the_right_and_without_the_token(self, tara, oskar, rita, lost):
        assert signed_in(tara).get(address(lost)).status_code == 403
        assert signed_in(oskar).post(address(lost), filled(lost)).status_code == 403
        assert signed_in(rita).post(address(lost), filled(lost)).status_code == 403
        assert Client().get(address(lost)).status_code == 302
        lost.refresh_from_db()
        assert lost.status == "UNKNOWN"

    def test_is_offered_on_the_order_s_page_to_those_who_may(self, rita, tara, lost):
        page = reverse("admin:orders_order_change", args=[lost.pk])

        assert address(lost) in signed_in(rita).get(page).content.decode()
        assert address(lost) not in signed_in(tara).get(page).content.decode()


class TestTwoPeople:
    @pytest.fixture
    def proposed(self, rita, lost):
        Account.objects.update(mode="live")
        post(signed_in(rita), lost, **filled(lost))
        return Resolution.objects.get()

    def test_the_first_person_can_only_take_it_back(self, rita, lost, proposed):
        client = signed_in(rita)
        page = client.get(address(lost)).content.decode()
        assert "You asked for this. Someone else decides" in page

        forged = post(client, lost, decision="approve", reason="it is me again", word=lost.order_ref)

        assert forged.status_code == 400
        assert Order.objects.get(pk=lost.pk).status == "UNKNOWN"

    def test_a_second_one_of_the_same_role_cannot_approve_either(self, lost, proposed):
        other = factories.make_person("rosa", role="risk-1")

        answer = post(
            signed_in(other), lost, decision="approve", reason="looks right to me", word=lost.order_ref
        )

        assert answer.status_code == 400
        assert Order.objects.get(pk=lost.pk).status == "UNKNOWN"

    def test_the_second_sees_exactly_what_was_proposed_and_approves(self, ravi, lost, proposed):
        client = signed_in(ravi)
        page = client.get(address(lost)).content.decode()
        assert EVIDENCE in page
        assert "40 at 233.10" in page

        agreed = {"decision": "approve", "reason": "read it as well", "word": lost.order_ref}

        unproven = post(client, lost, **agreed, password="guessed")
        answer = post(client, lost, **agreed, password=factories.PASSWORD)

        assert (unproven.status_code, answer.status_code) == (400, 302)
        assert AuditEvent.objects.filter(kind="stepup.failed", actor="user:ravi").count() == 1
        assert Order.objects.get(pk=lost.pk).status == "FILLED"

    def test_approving_wants_the_reference_typed_refusing_does_not(self, ravi, lost, proposed):
        client = signed_in(ravi)

        untyped = post(client, lost, decision="approve", reason="read it as well", word="")
        refused = post(client, lost, decision="refuse", reason="page 2 says otherwise")

        assert (untyped.status_code, refused.status_code) == (400, 302)
        proposed.refresh_from_db()
        assert (proposed.state, Order.objects.get(pk=lost.pk).status) == ("REFUSED", "UNKNOWN")
