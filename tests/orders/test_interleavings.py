"""What the broker says about an order, in every order and up to four times: the books end the same.

Each round is one seed: which facts are repeated, and where each of them falls. A failure names it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

from django.db import connection, transaction

from apps.domain.events import BrokerOrder, OrderStatusReport
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.orders import Sender
from apps.domain.quotes import Quote
from apps.instruments.models import Instrument
from apps.orders.models import Execution, Order, OrderEvent
from apps.orders.services.facts import (
    record_broker_order,
    record_commission,
    record_execution,
    record_status,
)
from apps.orders.services.families import submit_bracket
from apps.safety.models import Incident
from tests.generated import SEED, Figures, count_of, undisturbed
from tests.orders.conftest import BUY_10, Tara, execution, fly
from tests.orders.test_facts import shown, status

#: Half of them are of the plain order, the rest of the other three kinds.
ROUNDS = count_of("ROUNDS", full=10_000, small=100)
PROGRESS_EVERY = 1_000

Fact = BrokerOrder | OrderStatusReport | ExecutionReport | CommissionReport


@dataclass(frozen=True)
class Story:
    """One order's facts; `perm_id` is the broker's name of it."""

    order: Order
    perm_id: int

    def open(self, word: str) -> Fact:
        return replace(shown(self.order, word), ib_perm_id=self.perm_id)

    def status(self, word: str, filled: int = 0) -> Fact:
        return replace(status(self.order, word, filled=filled), ib_perm_id=self.perm_id)

    def fill(self, name: str, quantity: int, *, revision: int = 1, price: str = "227.40") -> Fact:
        report = execution(self.order, exec_id=f"{self.perm_id}.{name}.{revision:02d}", quantity=quantity)
        return replace(report, ib_perm_id=self.perm_id, price=Decimal(price))

    def fee(self, name: str, *, revision: int = 1) -> Fact:
        return CommissionReport(f"{self.perm_id}.{name}.{revision:02d}", Decimal("1.00"), "USD", None)

    def filled_in_two(self) -> list[Fact]:
        """Ten in two fills, the second of which is corrected in its price."""
        return [
            self.open("PreSubmitted"),
            self.open("Submitted"),
            self.status("PreSubmitted"),
            self.status("Submitted", 4),
            self.status("Filled", 10),
            self.fill("a", 4),
            self.fill("b", 6),
            self.fill("b", 6, revision=2, price="227.30"),
            self.fee("a"),
            self.fee("b"),
            self.fee("b", revision=2),
        ]


def shuffled(facts: list[Fact], random: Random) -> list[Fact]:
    """Return the facts, a third of them two to four times, in a random order."""
    dealt = [
        one for one in facts for _ in range(random.choice([1, 1, 2, 3, 4]) if random.random() < 0.5 else 1)
    ]
    random.shuffle(dealt)
    return dealt


def book(facts: list[Fact], sender: Sender) -> None:
    """Book facts as the inbox does: a commission that comes first waits for its execution."""
    early: dict[str, CommissionReport] = {}
    for fact in facts:
        match fact:
            case ExecutionReport():
                record_execution(fact, sender=sender)
                if fact.ib_exec_id in early:
                    assert record_commission(early.pop(fact.ib_exec_id), sender=sender)
            case CommissionReport():
                if not record_commission(fact, sender=sender):
                    early[fact.ib_exec_id] = fact
            case BrokerOrder():
                record_broker_order(fact, sender=sender, cause="open_order")
            case OrderStatusReport():
                record_status(fact, sender=sender)
    assert early == {}


@contextmanager
def undone() -> Iterator[None]:
    """Take everything back at the end, so that each round begins with the same rows."""
    before, bells = transaction.savepoint(), len(connection.run_on_commit)
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)
        del connection.run_on_commit[bells:]  # else each round searches those of all before it


def end_of(order: Order) -> tuple[Any, ...]:
    """Return what must be the same whatever the order of arrival was."""
    order.refresh_from_db()
    rows = Execution.objects.filter(order=order)
    return (
        order.status,
        order.filled_quantity,
        order.average_price,
        order.ib_perm_ids,
        rows.filter(superseded=False).count(),
        sum(row.commission or 0 for row in rows),
        rows.count(),
    )


def assert_events_tell_all() -> None:
    for order in Order.objects.all():
        events = list(OrderEvent.objects.filter(order=order).order_by("seq"))
        assert [event.seq for event in events] == list(range(1, order.seq + 1))
        assert all(after.from_status == before.to_status for before, after in pairwise(events))


def play(rounds: int, one_round: Callable[[Random], None]) -> None:
    """Play rounds with one seed after the other; a failure says which."""
    figures = Figures("interleavings")
    with undisturbed():
        for done, seed in enumerate(range(SEED, SEED + rounds), start=1):
            _play_one(seed, one_round)
            if done % PROGRESS_EVERY == 0 or done == rounds:
                figures.say(f"{done} rounds", steps=done, how_it_stands="0 violations")


def _play_one(seed: int, one_round: Callable[[Random], None]) -> None:
    with undone():
        try:
            one_round(Random(seed))
        except AssertionError as error:
            again = f"again with GENERATED_SEED={seed} GENERATED_ROUNDS=10"
            raise AssertionError(f"round of seed {seed}: {error}; {again}") from error


class TestAnyInterleaving:
    def test_of_one_order_ends_in_the_same_row(self, flying: Order, sender: Sender) -> None:
        story = Story(flying, 1_873_204_411)

        def one_round(random: Random) -> None:
            book(shuffled(story.filled_in_two(), random), sender)

            average = (4 * Decimal("227.40") + 6 * Decimal("227.30")) / 10
            assert end_of(flying) == ("FILLED", 10, average, [story.perm_id], 2, 3, 3)
            assert_events_tell_all()
            assert not Incident.objects.exists()

        play(ROUNDS // 2, one_round)

    def test_of_a_fill_that_shrinks_counts_what_is_left(self, flying: Order, sender: Sender) -> None:
        story = Story(flying, 1_873_204_411)
        facts = [*story.filled_in_two(), story.fill("b", 5, revision=3)]

        def one_round(random: Random) -> None:
            book(shuffled(facts, random), sender)

            assert end_of(flying)[:2] == ("PARTIALLY_FILLED", 9)
            assert_events_tell_all()

        play(ROUNDS // 5, one_round)

    def test_of_a_cancel_that_crosses_a_fill_keeps_the_fill(self, flying: Order, sender: Sender) -> None:
        story = Story(flying, 1_873_204_411)
        facts = [
            story.open("Submitted"),
            story.status("Submitted", 4),
            story.status("PendingCancel", 4),
            story.status("Cancelled", 4),
            story.fill("a", 4),
            story.fee("a"),
        ]

        def one_round(random: Random) -> None:
            book(shuffled(facts, random), sender)

            assert end_of(flying)[:2] == ("CANCELLED", 4)
            assert_events_tell_all()

        play(ROUNDS // 5, one_round)

    def test_of_a_bracket_ends_each_order_as_the_broker_did(
        self, aapl: Instrument, sender: Sender, picture: dict[int, Quote], tara: Tara
    ) -> None:
        bracket = submit_bracket(
            BUY_10, take_profit=Decimal(240), stop_loss=Decimal(221), client_order_id="swing-0001", by=tara
        )
        fly(bracket.parent, sender, picture)
        entry, profit, stop = (
            Story(order, 700 + number) for number, order in enumerate(Order.objects.order_by("pk"))
        )
        facts = [
            *entry.filled_in_two(),
            *(one.open("PreSubmitted") for one in (profit, stop)),
            *(one.status("Submitted") for one in (profit, stop)),
            profit.fill("a", 10),
            profit.fee("a"),
            profit.status("Filled", 10),
            stop.status("Cancelled"),
        ]

        def one_round(random: Random) -> None:
            book(shuffled(facts, random), sender)

            ends = [end_of(one.order)[:2] for one in (entry, profit, stop)]
            assert ends == [("FILLED", 10), ("FILLED", 10), ("CANCELLED", 0)]
            assert_events_tell_all()

        play(ROUNDS // 10, one_round)


class TestShuffled:
    def test_repeats_up_to_four_times_and_loses_nothing(self, flying: Order) -> None:
        facts = Story(flying, 7).filled_in_two()

        counts = [Counter(map(repr, shuffled(facts, Random(seed)))) for seed in range(30)]

        assert all(set(one) == set(map(repr, facts)) for one in counts)
        assert {count for one in counts for count in one.values()} == {1, 2, 3, 4}
