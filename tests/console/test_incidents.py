"""Incidents on the pages: what happened, what it did to trading, what to do first."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.domain.incidents import IncidentKind
from apps.safety.models import Incident
from apps.safety.services.incidents import record_incident, trip_breakers
from tests.console import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return scene.make_desk()


def seen_by(person, path):
    client = Client()
    client.force_login(person)
    return client.get(path).content.decode()


def tell(account, kind=IncidentKind.OVERFILL, subject="order:1"):
    return record_incident(kind, subject, account=account, detail="15 filled of BUY 10 AAPL")


class TestSafetyPage:
    def test_says_so_while_there_is_none(self, tara, desk):
        assert "No open incident." in seen_by(tara, reverse("console:safety"))

    def test_shows_what_happened_and_what_it_did(self, tara, desk):
        tell(desk)
        trip_breakers()

        page = seen_by(tara, reverse("console:safety"))

        assert "More filled than was ordered" in page
        assert "15 filled of BUY 10 AAPL" in page
        assert "Trading reduced" in page

    def test_leaves_out_what_a_person_closed(self, tara, desk):
        tell(desk)
        Incident.objects.update(closed_at=timezone.now(), closed_by="user:rita")

        assert "No open incident." in seen_by(tara, reverse("console:safety"))


class TestList:
    def test_has_the_open_ones_first(self, tara, desk):
        tell(desk, subject="order:open")
        tell(desk, subject="order:closed")
        Incident.objects.filter(subject="order:closed").update(closed_at=timezone.now())

        page = seen_by(tara, reverse("admin:safety_incident_changelist"))

        assert page.index("order:open") < page.index("order:closed")

    def test_is_nothing_for_staff_without_a_role(self, oskar, desk):
        client = Client()
        client.force_login(oskar)

        assert client.get(reverse("admin:safety_incident_changelist")).status_code == 403

    def test_opens_to_the_evidence(self, tara, desk):
        incident = tell(desk)

        page = seen_by(tara, reverse("admin:safety_incident_change", args=[incident.pk]))

        assert "overfill" in page
