"""An order's page: its whole story, safe whatever the broker wrote, and the same as JSON."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.orders.models import Order
from tests.console import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return scene.make_desk()


def seen_by(person, path):
    client = Client()
    client.force_login(person)
    return client.get(path)


def page_of(person, key):
    order = Order.objects.get(client_order_id=key)
    return seen_by(person, reverse("admin:orders_order_change", args=[order.pk])).content.decode()


class TestStory:
    def test_tells_steps_fills_gates_and_words(self, tara, desk):
        scene.make_story(desk)

        page = page_of(tara, "rb-2211-10")

        for said in (
            "ACCEPTED by gate 1",
            "IN_FLIGHT after gate 2",
            "UNKNOWN: the broker may have it",
            "Found at the broker: WORKING",
            "FILLED: 15 at 233.08",
            "Commission 0.40 USD.",
            "was in doubt for 45.5 s",
            "Order Message: BUY 40 AAPL",
            "error 399",
        ):
            assert said in page

    def test_tells_what_a_number_of_the_broker_means(self, tara, desk):
        page = page_of(tara, "rb-2211-04")

        assert "Rejected by the broker, 201" in page

    @pytest.mark.parametrize("number", range(1, 10))
    def test_stands_for_every_mood_of_an_order(self, tara, desk, number):
        page = page_of(tara, f"rb-2211-{number:02}")

        assert "Timeline" in page
        assert "<img src=x" not in page

    def test_says_so_where_there_is_nothing(self, tara, desk):
        page = page_of(tara, "rb-2211-03")

        assert "No execution yet." in page
        assert "The broker has not said anything about it." in page

    def test_is_reached_by_its_public_id(self, tara, desk):
        order = Order.objects.get(client_order_id="rb-2211-01")

        answer = seen_by(tara, reverse("console:story", args=[order.uuid]))

        assert answer["Location"] == reverse("admin:orders_order_change", args=[order.pk])

    def test_is_the_same_as_json(self, tara, oskar, desk):
        order = Order.objects.get(client_order_id="rb-2211-07")
        path = reverse("console:story_json", args=[order.uuid])

        body = json.loads(seen_by(tara, path).content)

        assert body["uuid"] == str(order.uuid)
        assert body["data"][0]["kind"] == "asked"
        assert seen_by(oskar, path).status_code == 403

    def test_costs_a_bounded_number_of_queries(self, tara, desk, django_assert_max_num_queries):
        order = Order.objects.get(client_order_id="rb-2211-07")
        client = Client()
        client.force_login(tara)

        with django_assert_max_num_queries(24):
            client.get(reverse("admin:orders_order_change", args=[order.pk]))


class TestRecoveryEvidence:
    def test_names_the_gap_the_order_was_found_after(self, tara, desk):
        Order.objects.filter(client_order_id="rb-2211-07").update(
            in_flight_at=datetime.now(UTC) - timedelta(minutes=15)
        )
        report = scene.make_recovery(desk)

        page = page_of(tara, "rb-2211-07")

        assert "Recovery evidence" in page
        assert "IB Gateway closed the connection" in page
        assert reverse("admin:gateway_recovery_change", args=[report.pk]) in page

    def test_is_not_there_for_an_order_of_which_no_report_speaks(self, tara, desk):
        Order.objects.filter(client_order_id="rb-2211-07").update(
            in_flight_at=datetime.now(UTC) - timedelta(minutes=15)
        )
        scene.make_recovery(desk, rematched=[], fills_recovered=[])

        assert "Recovery evidence" not in page_of(tara, "rb-2211-07")

    def test_says_which_session_ended_without_a_word(self, tara, desk):
        scene.make_story(desk)
        Order.objects.filter(client_order_id="rb-2211-10").update(broker_session=411)

        page = page_of(tara, "rb-2211-10")

        assert "Broker session 411, in which it was written, ended without a word about it." in page
