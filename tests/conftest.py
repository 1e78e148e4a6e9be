"""What all tests share: the people, a key, and a database as the migrations left it."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from apps.access.services import IssuedKey
from apps.audit import append_only
from apps.common.aio import shutdown_lanes
from tests import factories


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a Redis where there is none."""
    if os.environ.get("REDIS_URL"):
        return
    for item in items:
        if item.get_closest_marker("redis"):
            item.add_marker(pytest.mark.skip(reason="REDIS_URL is not set"))


def _put_back(case: TransactionTestCase) -> None:
    """Leave the database after a transactional test as the migrations left it.

    Django would empty it and make content types and permissions anew, which takes longer than
    the test, and forget the rows of our own migrations. SQLite empties tables by DELETE, which
    the audit's own trigger refuses.
    """
    shutdown_lanes()
    if connection.vendor == "sqlite":
        append_only.remove(connection)
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False, inhibit_post_migrate=True)
    connection.creation.deserialize_db_from_string(connection._test_serialized_contents)
    if connection.vendor == "sqlite":
        append_only.install(connection)


TransactionTestCase._fixture_teardown = _put_back  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Make the test database once, remember the rows of migrations; end the lanes before it goes."""
    with django_db_blocker.unblock():
        connection._test_serialized_contents = connection.creation.serialize_db_to_string()
    yield
    shutdown_lanes()


@pytest.fixture
def tara(db: None) -> User:
    """Tara trades."""
    return factories.make_person("tara", role="trader")


@pytest.fixture
def rita(db: None) -> User:
    """Rita watches risk and proposes."""
    return factories.make_person("rita", role="risk-1")


@pytest.fixture
def ravi(db: None) -> User:
    """Ravi watches risk and approves."""
    return factories.make_person("ravi", role="risk-2")


@pytest.fixture
def oskar(db: None) -> User:
    """Oskar is staff without a role: he must see nothing."""
    return factories.make_person("oskar")


@pytest.fixture
def api_key(db: None) -> IssuedKey:
    """Tara's key: reads, places and cancels in DU1234567."""
    return factories.make_api_key()


@pytest.fixture
def api(api_key: IssuedKey) -> APIClient:
    """Call the API from this machine with Tara's key."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_key.token}")
    return client
