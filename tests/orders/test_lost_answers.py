"""The answer to the COMMIT of an acceptance is lost: what the caller hears is what is stored."""

from collections.abc import Callable

import pytest
from django.db import OperationalError, connection

from apps.common.db import CommitUnanswered
from apps.instruments.models import Instrument
from apps.orders.models import Order
from apps.orders.services.intake import submit_order
from tests.orders.conftest import BUY_10, Tara

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

Lose = Callable[..., None]


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Lose:
    """Break the line at the COMMIT that stores an order, and at as many after it as `more` says."""

    def lose(*, happens: bool, more: int = 0) -> None:
        commit = connection._commit
        left = [0]

        def break_off() -> None:
            is_acceptance = Order.objects.exists()
            if not is_acceptance and not left[0]:
                commit()
                return
            left[0] += 1
            if left[0] > more:
                monkeypatch.undo()
            if happens:
                commit()
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(connection, "_commit", break_off)

    return lose


class TestLostAnswer:
    def test_a_commit_that_happened_is_a_success(self, aapl: Instrument, tara: Tara, lose: Lose) -> None:
        lose(happens=True)

        order = submit_order(BUY_10, client_order_id="swing-0001", by=tara).order

        assert (order.pk, order.status) == (Order.objects.get().pk, "ACCEPTED")
        assert submit_order(BUY_10, client_order_id="swing-0001", by=tara).replayed

    def test_a_commit_that_did_not_is_an_error_and_the_key_is_free(
        self, aapl: Instrument, tara: Tara, lose: Lose
    ) -> None:
        lose(happens=False)

        with pytest.raises(OperationalError) as raised:
            submit_order(BUY_10, client_order_id="swing-0001", by=tara)

        assert not isinstance(raised.value, CommitUnanswered)
        assert not Order.objects.exists()
        assert not submit_order(BUY_10, client_order_id="swing-0001", by=tara).replayed

    def test_if_nobody_can_say_the_outcome_is_unknown(self, aapl: Instrument, tara: Tara, lose: Lose) -> None:
        lose(happens=True, more=1)

        with pytest.raises(CommitUnanswered):
            submit_order(BUY_10, client_order_id="swing-0001", by=tara)

        assert submit_order(BUY_10, client_order_id="swing-0001", by=tara).replayed
