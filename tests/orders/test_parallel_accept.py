"""Many requests at the same instant: one order per key, and never more than the limits allow.

I11, I13 and I14 on both databases. In full fifty callers come at once, a hundred times.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps.accounts.models import Account, Connection
from apps.common.db import DbClock
from apps.domain.orders import OrderStatus, OrderTicket, Side
from apps.domain.risk.limits import PAPER_DEFAULTS, to_values
from apps.instruments.models import Instrument
from apps.marketdata.models import ReferencePrice
from apps.orders.models import Order, OrderEvent
from apps.orders.services.families import submit_bracket
from apps.orders.services.intake import (
    IdempotencyKeyConflict,
    InProgress,
    Submission,
    Wishes,
    submit_order,
)
from apps.orders.services.wishes import request_cancel
from apps.orders.snapshots import exposures, not_closed_orders
from apps.safety.models import LimitSet
from tests.generated import count_of
from tests.orders.conftest import BUY_10, Tara, hold, sell
from tests.racing import race

STORMS = count_of("STORMS", full=100, small=1)
CALLERS = count_of("CALLERS", full=50, small=16)
ALLOWED = Wishes(allow_duplicate=True)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def ask(ticket: OrderTicket, key: str, *, name: str = "tara0001") -> Callable[[], Submission]:
    return partial(submit_order, ticket, client_order_id=key, by=Tara(f"key:{name}"), wishes=ALLOWED)


def insist(call: Callable[[], Any]) -> Any:
    """Ask again with the same key while the store is busy, as a caller does after a 503."""
    for _ in range(30):
        with suppress(OperationalError):
            return call()
    return call()


def storm(calls: list[Callable[[], Any]]) -> tuple[list[Any], list[Exception]]:
    """Let all calls go at once; return what they returned and what they raised.

    The gateway lives and prices tick meanwhile, however long the storms before took.
    """
    Connection.objects.update(heartbeat_at=DbClock())
    ReferencePrice.objects.update(received_at=DbClock())
    results = race([partial(insist, call) for call in calls])
    raised = [result for result in results if isinstance(result, Exception)]
    return [result for result in results if not isinstance(result, Exception)], raised


def limit(account: Account, **changes: Any) -> None:
    LimitSet.objects.create(
        account=account,
        version=1,
        values=to_values(replace(PAPER_DEFAULTS, **changes)),
        author="rita",
        reason="a tight day",
        at=timezone.now(),
    )


def reserved(account: Account, instrument: Instrument, side: Side) -> Decimal:
    """Return what the gates count as still tradable on one side."""
    counted = exposures(not_closed_orders(account), instrument)
    return sum((one.remaining for one in counted if one.side is side), Decimal(0))


class TestTheSameKey:
    def test_names_one_order_for_all_callers(self, aapl: Instrument) -> None:
        for number in range(STORMS):
            key = f"storm-{number:05}"

            answers, raised = storm([ask(BUY_10, key, name=f"tara{n:04}") for n in range(CALLERS)])

            assert raised == []
            assert len({answer.order.pk for answer in answers}) == 1
            assert Counter(answer.replayed for answer in answers) == {False: 1, True: CALLERS - 1}
            order = Order.objects.get(client_order_id=key)
            assert OrderEvent.objects.filter(order=order).count() == order.seq == 1
            request_cancel(order.pk, by="key:tara0001")

    def test_with_different_orders_takes_one_and_refuses_the_others(self, aapl: Instrument) -> None:
        for number in range(STORMS):
            key = f"storm-{number:05}"
            tickets = [replace(BUY_10, quantity=Decimal(1 + n % 5)) for n in range(CALLERS)]

            answers, raised = storm([ask(ticket, key) for ticket in tickets])

            order = Order.objects.get(client_order_id=key)
            assert {answer.order.pk for answer in answers} == {order.pk}
            assert len(answers) == sum(ticket.quantity == order.quantity for ticket in tickets)
            assert {type(error) for error in raised} == {IdempotencyKeyConflict}
            request_cancel(order.pk, by="key:tara0001")

    def test_of_a_bracket_makes_one_family(self, aapl: Instrument, tara: Tara) -> None:
        for number in range(STORMS):
            key = f"storm-{number:05}"
            call = partial(
                submit_bracket,
                BUY_10,
                take_profit=Decimal(240),
                stop_loss=Decimal(221),
                client_order_id=key,
                by=tara,
                wishes=ALLOWED,
            )

            answers, raised = storm([call] * CALLERS)

            assert {type(error) for error in raised} <= {InProgress}
            assert answers
            assert len({answer.parent.pk for answer in answers}) == 1
            family = Order.objects.filter(client_order_id__startswith=key)
            assert [order.status for order in family] == ["ACCEPTED"] * 3
            request_cancel(answers[0].parent.pk, by="key:tara0001")


class TestDifferentKeys:
    def test_sell_no_more_than_is_held(self, account: Account, aapl: Instrument) -> None:
        hold(account, aapl, 25)
        for number in range(STORMS):
            calls = [ask(sell(quantity=4), f"storm-{number:05}-{n:03}") for n in range(CALLERS)]

            answers, raised = storm(calls)

            assert raised == []
            assert Counter(answer.order.status for answer in answers) == {
                "ACCEPTED": 6,
                "DENIED": CALLERS - 6,
            }
            assert reserved(account, aapl, Side.SELL) == 24
            self.end_all(account, aapl)

    def test_never_add_up_to_more_than_the_largest_position(self, account: Account, aapl: Instrument) -> None:
        limit(account, max_position=Decimal(65))
        for number in range(STORMS):
            calls = [ask(BUY_10, f"storm-{number:05}-{n:03}") for n in range(CALLERS)]

            answers, raised = storm(calls)

            assert raised == []
            assert Counter(answer.order.status for answer in answers) == {
                "ACCEPTED": 6,
                "DENIED": CALLERS - 6,
            }
            assert reserved(account, aapl, Side.BUY) == 60
            self.end_all(account, aapl)

    def test_never_become_more_open_orders_than_allowed(self, account: Account, aapl: Instrument) -> None:
        limit(account, max_open_orders=7)
        for number in range(STORMS):
            calls = [ask(BUY_10, f"storm-{number:05}-{n:03}") for n in range(CALLERS)]

            answers, raised = storm(calls)

            assert raised == []
            assert Counter(answer.order.status for answer in answers) == {
                "ACCEPTED": 7,
                "DENIED": CALLERS - 7,
            }
            self.end_all(account, aapl)

    def end_all(self, account: Account, aapl: Instrument) -> None:
        """I13: with every order ended nothing is reserved."""
        for order in Order.objects.filter(status=OrderStatus.ACCEPTED):
            request_cancel(order.pk, by="key:tara0001")
        assert reserved(account, aapl, Side.BUY) == reserved(account, aapl, Side.SELL) == 0
