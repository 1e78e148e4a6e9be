"""Rows that nobody adds, changes or deletes."""

import pytest
from django.contrib.auth.models import Group

from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.common.admin_urls")]


@pytest.fixture
def group():
    return Group.objects.create(name="floor")


@pytest.fixture
def root(client):
    client.force_login(factories.make_person("root", is_superuser=True))
    return client


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
