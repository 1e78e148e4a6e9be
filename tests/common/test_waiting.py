"""Waiting for a row: quick on a ring, bounded, and holding nothing."""

from threading import Thread

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from apps.common import waiting
from apps.common.bell import ring
from apps.common.clock import boottime
from apps.common.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def floor_group():
    return Group.objects.filter(name="floor").first()


def make_group():
    Group.objects.create(name="floor")
    ring("groups")
    connection.close()


class TestWaitUntil:
    def test_does_not_wait_for_what_is_there(self):
        make_group()

        assert wait_until(floor_group, topics=["groups"], deadline_s=0) is not None

    def test_sees_what_another_thread_commits(self):
        writer = Thread(target=make_group)
        writer.start()

        found = wait_until(floor_group, topics=["groups"], deadline_s=10)

        writer.join()
        assert found is not None

    def test_sees_it_without_a_ring_too(self):
        writer = Thread(target=make_group)
        writer.start()

        found = wait_until(floor_group, topics=[], deadline_s=10, poll_s=0.05)

        writer.join()
        assert found is not None

    def test_gives_up_at_its_deadline(self):
        begun = boottime()

        found = wait_until(floor_group, topics=["groups"], deadline_s=0.2)

        assert found is None
        assert 0.2 <= boottime() - begun < 2

    def test_takes_zero_and_empty_for_found(self):
        assert wait_until(lambda: 0, topics=[], deadline_s=0) == 0
        assert wait_until(list, topics=[], deadline_s=0) == []

    def test_holds_no_connection_while_it_waits(self, monkeypatch):
        held = []

        class Bell:
            def wait(self, timeout_s):
                held.append(connection.connection)

        waiting._look_again(floor_group, Bell(), until=boottime() + 0.05, poll_s=0.05)

        assert set(held) == {None}

    def test_refuses_to_wait_inside_a_transaction(self):
        with transaction.atomic(), pytest.raises(transaction.TransactionManagementError):
            wait_until(floor_group, topics=[], deadline_s=1)

    def test_without_a_free_place_it_looks_once(self, monkeypatch):
        from threading import BoundedSemaphore

        places = BoundedSemaphore(1)
        places.acquire()
        monkeypatch.setattr(waiting, "_places", places)
        begun = boottime()

        assert wait_until(floor_group, topics=[], deadline_s=5) is None
        assert boottime() - begun < 1


@pytest.mark.django_db(transaction=False)
class TestInsideAnOrdinaryTest:
    def test_may_wait_although_the_test_is_one_transaction(self):
        assert wait_until(floor_group, topics=[], deadline_s=0.05) is None
