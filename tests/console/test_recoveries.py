"""What staff read after a time away: one sentence, then what was matched, missed and left."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Connection
from apps.console.words import recovery_sentence
from apps.gateway.models import Recovery
from apps.gateway.services import FoundDifference, record_check, record_differences
from apps.orders.models import Order
from tests.console import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return scene.make_desk()


def seen_by(person, path):
    client = Client()
    client.force_login(person)
    return client.get(path).content.decode()


def page_of(person, report):
    return seen_by(person, reverse("admin:gateway_recovery_change", args=[report.pk]))


class TestSentence:
    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({}, "Away 1 min 52 s. 1 order re-matched, 1 fill recovered, books match."),
            (
                {"orders_rematched": 3, "fills_recovered": [], "differences_left": 2},
                "Away 1 min 52 s. 3 orders re-matched, 0 fills recovered, 2 differences left.",
            ),
            (
                {"gap_from": None},
                "Never connected before. 1 order re-matched, 1 fill recovered, books match.",
            ),
            ({"ready_at": None}, "Away 1 min 52 s. Not READY yet, the broker's lists are being read."),
        ],
    )
    def test_says_what_happened(self, desk, changes, sentence):
        assert recovery_sentence(scene.make_recovery(desk, **changes)) == sentence


class TestPage:
    def test_has_the_sentence_and_the_lists(self, tara, desk):
        report = scene.make_recovery(desk)

        page = page_of(tara, report)

        assert "1 order re-matched, 1 fill recovered, books match." in page
        order = Order.objects.get(client_order_id="rb-2211-07")
        assert reverse("console:story", args=[order.uuid]) in page
        assert "0000e1a7.65c2.01.01" in page
        assert "nothing left over" in page

    def test_says_so_where_there_was_nothing(self, tara, desk):
        report = scene.make_recovery(
            desk, rematched=[], orders_rematched=0, fills_recovered=[], gap_from=None
        )

        page = page_of(tara, report)

        assert "No order of ours was open or in doubt." in page
        assert "No fill was missed." in page
        assert "Nothing. Orders, fills and positions agreed" in page

    def test_names_what_was_left_and_whether_it_still_is(self, tara, desk):
        report = scene.make_recovery(desk, differences_left=1)
        found = FoundDifference("position", "SPY 756733", "SPY is 3 at the broker and 0 by our executions")
        record_differences(desk, found=[found], now=report.ready_at - timedelta(seconds=1))

        page = page_of(tara, report)

        assert "SPY is 3 at the broker and 0 by our executions" in page
        assert "still open" in page

    def test_costs_few_queries(self, tara, desk, django_assert_max_num_queries):
        report = scene.make_recovery(desk)
        client = Client()
        client.force_login(tara)

        with django_assert_max_num_queries(16):
            client.get(reverse("admin:gateway_recovery_change", args=[report.pk]))


class TestConnectionPage:
    def test_shows_the_newest_reports_and_what_differs(self, tara, desk):
        scene.make_recovery(desk)
        found = FoundDifference("in_doubt", "rb-2211-02", "BUY 40 AAPL, UNKNOWN")
        record_differences(desk, found=[found], now=datetime.now(UTC))
        record_check(desk, now=datetime.now(UTC), session=412)

        page = seen_by(tara, reverse("console:connection"))

        assert "Away 1 min 52 s." in page
        assert "BUY 40 AAPL, UNKNOWN" in page

    def test_says_so_while_there_is_nothing(self, tara):
        scene.make_account(scene.make_connection())

        page = seen_by(tara, reverse("console:connection"))

        assert "No report yet." in page
        assert "not compared yet" in page
        assert not Recovery.objects.exists()
        assert Connection.objects.count() == 1
