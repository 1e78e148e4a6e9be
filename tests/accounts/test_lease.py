"""One gateway at a time, by the clock of the database."""

from datetime import timedelta
from functools import partial

import pytest
from django.db.models import Exists
from django.utils import timezone

from apps.accounts.models import Account, Connection, Lease
from apps.accounts.selectors import ConnectionNotFound, lease_of
from apps.accounts.services import release_lease, renew_lease, take_lease
from apps.domain.orders import Sender
from tests.racing import race

pytestmark = pytest.mark.django_db


def let_run_out():
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


class TestTakingTheLease:
    def test_gives_the_first_owner_epoch_one(self, connection):
        assert take_lease(connection_name="main", owner="gateway-a") == 1

    def test_refuses_a_second_owner_while_the_first_holds_it(self, connection):
        take_lease(connection_name="main", owner="gateway-a")

        assert take_lease(connection_name="main", owner="gateway-b") is None

    def test_raises_the_epoch_at_a_take_over(self, connection):
        take_lease(connection_name="main", owner="gateway-a")
        let_run_out()

        assert take_lease(connection_name="main", owner="gateway-b") == 2

    def test_raises_the_epoch_when_the_owner_takes_it_again(self, connection):
        take_lease(connection_name="main", owner="gateway-a")

        assert take_lease(connection_name="main", owner="gateway-a") == 2

    def test_needs_a_registered_connection(self):
        with pytest.raises(ConnectionNotFound):
            take_lease(connection_name="nobody", owner="gateway-a")

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_lets_exactly_one_of_fifty_win(self, connection):
        contenders = [
            partial(take_lease, connection_name="main", owner=f"gateway-{number}") for number in range(50)
        ]

        epochs = race(contenders)

        assert sorted(epochs, key=str) == [1] + [None] * 49
        assert Lease.objects.get().owner == f"gateway-{epochs.index(1)}"

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_lets_exactly_one_of_fifty_take_over(self, connection):
        take_lease(connection_name="main", owner="gateway-dead")
        let_run_out()
        contenders = [
            partial(take_lease, connection_name="main", owner=f"gateway-{number}") for number in range(50)
        ]

        epochs = race(contenders)

        assert sorted(epochs, key=str) == [2] + [None] * 49


class TestKeepingTheLease:
    def test_renews_for_its_owner_and_gives_a_sign_of_life(self, epoch):
        Lease.objects.update(expires_at=timezone.now() + timedelta(seconds=1))

        assert renew_lease(connection_name="main", owner="gateway-a", epoch=epoch)

        assert Lease.objects.get().expires_at > timezone.now() + timedelta(seconds=10)
        assert Connection.objects.get().heartbeat_at is not None

    @pytest.mark.parametrize(("owner", "ahead"), [("gateway-b", 0), ("gateway-a", 1), ("gateway-a", -1)])
    def test_refuses_another_owner_or_epoch(self, epoch, owner, ahead):
        assert not renew_lease(connection_name="main", owner=owner, epoch=epoch + ahead)

    def test_does_not_revive_what_ran_out(self, epoch):
        let_run_out()

        assert not renew_lease(connection_name="main", owner="gateway-a", epoch=epoch)

    def test_release_lets_the_next_owner_in_at_once(self, epoch):
        release_lease(connection_name="main", owner="gateway-a", epoch=epoch)

        assert take_lease(connection_name="main", owner="gateway-b") == epoch + 1

    def test_release_of_a_lost_lease_leaves_the_new_owner_alone(self, epoch):
        let_run_out()
        newer = take_lease(connection_name="main", owner="gateway-b")

        release_lease(connection_name="main", owner="gateway-a", epoch=epoch)

        assert renew_lease(connection_name="main", owner="gateway-b", epoch=newer)


class TestLeaseOf:
    def sender(self, epoch, owner="gateway-a"):
        return Sender("main", owner, epoch, session=1, client_id=1, next_valid_id=1)

    def test_exists_for_the_owner_inside_an_update(self, account, epoch):
        held = lease_of(self.sender(epoch), lasting=timedelta(seconds=2))

        assert Account.objects.filter(Exists(held)).update(alias="ours") == 1

    def test_does_not_exist_if_it_would_not_last(self, epoch):
        assert not lease_of(self.sender(epoch), lasting=timedelta(seconds=20)).exists()

    def test_does_not_exist_for_an_old_epoch_or_another_owner(self, epoch):
        assert not lease_of(self.sender(epoch - 1), lasting=timedelta()).exists()
        assert not lease_of(self.sender(epoch, "gateway-b"), lasting=timedelta()).exists()
