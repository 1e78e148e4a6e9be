"""Read-only rows, and actions that ask for a reason."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.messages import get_messages

from tests import factories
from tests.common import admin_urls

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.common.admin_urls")]


@pytest.fixture
def group():
    return Group.objects.create(name="floor")


@pytest.fixture
def root(client):
    client.force_login(factories.make_person("root", is_superuser=True))
    return client


@pytest.fixture(autouse=True)
def done():
    admin_urls.done.clear()
    return admin_urls.done


def path(group):
    return f"/floor/auth/group/{group.pk}/close/"


class TestReadOnly:
    def test_even_a_superuser_adds_changes_and_deletes_nothing(self, root, group):
        answers = [
            root.post("/floor/auth/group/add/", {"name": "other"}),
            root.post(f"/floor/auth/group/{group.pk}/change/", {"name": "other"}),
            root.post(f"/floor/auth/group/{group.pk}/delete/", {"post": "yes"}),
        ]

        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert Group.objects.filter(name="floor").exists()
        assert not Group.objects.filter(name="other").exists()


class TestReasonedAction:
    def test_calls_the_service_with_person_row_and_reason(self, root, group, done):
        response = root.post(path(group), {"_form_submitted": "on", "reason": "left the desk"})

        assert response.status_code == 302
        assert done == [("root", "floor", "left the desk")]

    @pytest.mark.parametrize("reason", ["", " ", "no", "x" * 201])
    def test_asks_again_without_a_reason(self, root, group, done, reason):
        response = root.post(path(group), {"_form_submitted": "on", "reason": reason})

        assert (response.status_code, done) == (200, [])

    def test_a_get_changes_nothing(self, root, group, done):
        root.get(path(group) + "?_form_submitted=on&reason=left+the+desk")

        assert done == []

    def test_a_refusal_becomes_a_message(self, root, group, done):
        response = root.post(path(group), {"_form_submitted": "on", "reason": "not now"})

        [message] = get_messages(response.wsgi_request)
        assert str(message) == "It cannot be closed now (NOT_MODIFIABLE)"

    def test_a_dialog_is_told_to_go_back_to_the_list(self, root, group):
        response = root.post(
            path(group), {"_form_submitted": "on", "reason": "left the desk"}, HTTP_HX_REQUEST="true"
        )

        assert (response.status_code, response["HX-Redirect"]) == (204, "/floor/auth/group/")

    @pytest.mark.parametrize("codenames", [[], ["view_group"], ["change_group"]])
    def test_needs_its_permission_and_the_right_to_look(self, client, oskar, group, done, codenames):
        oskar.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(oskar)

        response = client.post(path(group), {"_form_submitted": "on", "reason": "left the desk"})

        assert (response.status_code, done) == (403, [])

    def test_an_unknown_row_is_refused(self, root, done):
        response = root.post(
            "/floor/auth/group/999999/close/", {"_form_submitted": "on", "reason": "why not"}
        )

        assert (response.status_code, done) == (403, [])
