"""The lists of the keys and of the audit: to read, whoever asks."""

import pytest
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client):
    client.force_login(factories.make_person("root", is_superuser=True))
    return client


def url(name, *args):
    return reverse(f"admin:access_apikey_{name}", args=args)


class TestKeys:
    def test_are_listed_and_shown_without_their_hash(self, root, api_key):
        pages = [root.get(url("changelist")), root.get(url("change", api_key.key.pk))]

        for page in pages:
            text = page.content.decode()
            assert page.status_code == 200
            assert api_key.key.key_id in text
            assert api_key.key.secret_hash not in text

    @pytest.mark.parametrize("state", ["alive", "expired", "revoked", "leaked"])
    def test_are_filtered_by_state(self, root, api_key, state):
        page = root.get(url("changelist"), {"state": state})

        assert (api_key.key.key_id in page.content.decode()) is (state == "alive")

    def test_even_a_superuser_changes_none(self, root, api_key):
        root.post(url("change", api_key.key.pk), {"label": "mine", "scopes": '["kill"]'})
        adding = root.get(url("add"))
        deleting = root.post(url("delete", api_key.key.pk), {"post": "yes"})

        api_key.key.refresh_from_db()
        assert api_key.key.label == "Tara's backend"
        assert (adding.status_code, deleting.status_code) == (403, 403)

    def test_oskar_sees_nothing(self, client, oskar, api_key):
        client.force_login(oskar)

        assert client.get(url("changelist")).status_code == 403
        assert client.get(url("change", api_key.key.pk)).status_code == 403


class TestAudit:
    def test_is_there_to_read(self, root, api_key):
        page = root.get(reverse("admin:audit_auditevent_changelist"))

        assert page.status_code == 200
        assert "key.issued" in page.content.decode()
