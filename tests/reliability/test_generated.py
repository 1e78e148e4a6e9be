"""Whatever happens, in whatever order: the promises hold after every step and at the end.

How much is tried, and how to try the same again, stands in tests/generated.py.
"""

import os
from collections.abc import Iterator

import hypothesis
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from apps.accounts.models import Connection
from apps.common.db import DbClock, database_now
from apps.domain.orders import Side
from apps.gateway.models import Difference
from apps.orders.models import Order, OrderChange
from tests.generated import SEED, Figures, count_of, undisturbed
from tests.reliability.machine import TAKEN, OrderMachine, Stage

EXAMPLES = count_of("EXAMPLES", full=2_000, small=20)
STEPS = count_of("STEPS", full=60, small=30)
PROGRESS_EVERY = 25

#: To find a failure is one thing, to shrink it another: GENERATED_SHRINK=1 does that too.
FINDING = (Phase.explicit, Phase.generate)
RUN = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(*FINDING, Phase.shrink) if os.environ.get("GENERATED_SHRINK") else FINDING,
)


class WatchedMachine(OrderMachine):
    """Says now and then how far it has come."""

    figures = Figures("generated")

    def teardown(self) -> None:
        super().teardown()
        if TAKEN["examples"] % PROGRESS_EVERY == 0:
            self.say("so far")

    @classmethod
    def begin_counting(cls) -> None:
        TAKEN.clear()
        cls.figures = Figures("generated")

    @classmethod
    def say(cls, how_it_stands: str) -> None:
        tried = f"{TAKEN['examples']} examples of {STEPS} steps, {TAKEN['steps']} steps checked"
        cls.figures.say(tried, steps=TAKEN["steps"], how_it_stands=how_it_stands)


@pytest.mark.django_db(transaction=True)
class TestAnythingThatCanHappen:
    @pytest.mark.slow
    @pytest.mark.database
    def test_leaves_every_promise_kept(self) -> None:
        WatchedMachine.begin_counting()

        with undisturbed():
            try:
                run_state_machine_as_test(hypothesis.seed(SEED)(WatchedMachine), settings=RUN)
            except BaseException:
                WatchedMachine.say(f"VIOLATED: again with GENERATED_SEED={SEED}")
                raise
        WatchedMachine.say("0 violations")


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
class TestTheClock:
    def test_moves_under_both_the_product_and_its_database(self, machine: OrderMachine) -> None:
        looks = (timezone.now, database_now, Connection.objects.values_list(DbClock(), flat=True).get)
        before = [look() for look in looks]

        machine.let_time_pass(3600, timers_run=False)

        moved = [(look() - then).total_seconds() for look, then in zip(looks, before, strict=True)]
        assert moved == pytest.approx([3600] * 3, abs=1)


@pytest.fixture
def machine(transactional_db: None) -> Iterator[OrderMachine]:
    """A machine that is led by hand, and looked at after each call by the test."""
    machine = OrderMachine()
    yield machine
    machine.teardown()


class TestSequencesThatOnceBrokeAPromise:
    """Each was found by the machine, shrunk by hand, and is kept for ever."""

    def test_a_family_counts_its_own_orders_against_the_limit(self, machine: OrderMachine) -> None:
        for _ in range(6):
            machine.place(Side.BUY, 1, False, "", Stage.ASKED)

        machine.place_bracket(1, "", Stage.ASKED)

        assert Order.objects.filter(status="ACCEPTED").count() == 6
        assert {row.reason_codes[0] for row in Order.objects.filter(status="DENIED")} == {
            "RISK_MAX_OPEN_ORDERS"
        }

    def test_an_order_that_ended_inactive_while_nobody_listened_has_ended(
        self, machine: OrderMachine
    ) -> None:
        machine.place(Side.BUY, 6, False, "", Stage.HEARD)
        machine.disconnect(loses_unread=False, lands_plans=True)
        machine.end_order(0, "Inactive", 201)

        machine.connect(rolled_back=False, reads_old_first=False)

        assert Order.objects.get().status == "CANCELLED"

    def test_a_filled_order_of_which_a_correction_took_some_back_has_ended(
        self, machine: OrderMachine
    ) -> None:
        machine.place(Side.BUY, 4, False, "", Stage.TRADED)
        machine.correct(0, 1)
        machine.go_on(Stage.HEARD)

        machine.begin_look(is_whole=True)

        order = Order.objects.get()
        assert (order.status, order.filled_quantity) == ("CANCELLED", 1)

    def test_a_smaller_quantity_that_filled_while_nobody_listened_was_the_whole_order(
        self, machine: OrderMachine
    ) -> None:
        machine.place(Side.BUY, 10, False, "", Stage.HEARD)
        machine.ask_change(0, 6, False, Stage.WRITTEN)
        machine.disconnect(loses_unread=False, lands_plans=False)
        machine.read_old_socket(is_lost=False)
        machine.trade(0, 6)

        machine.connect(rolled_back=False, reads_old_first=False)

        order = Order.objects.get()
        assert (order.status, order.quantity, order.filled_quantity) == ("FILLED", 6, 6)
        assert OrderChange.objects.get().state == "APPLIED"

    def test_busts_that_cancel_each_other_out_are_a_difference_and_no_guess(
        self, machine: OrderMachine
    ) -> None:
        machine.place(Side.BUY, 4, False, "", Stage.TRADED)
        machine.place(Side.SELL, 4, False, "", Stage.TRADED)
        machine.correct(0, 0)
        machine.correct(0, 0)

        machine.begin_look(is_whole=True)

        assert list(Order.objects.values_list("filled_quantity", flat=True)) == [4, 4]
        assert set(Difference.objects.values_list("kind", flat=True)) == {"unexplained_fill"}

    def test_a_bust_that_only_the_position_has_told_makes_room_for_orders(
        self, machine: OrderMachine
    ) -> None:
        machine.place(Side.BUY, 10, False, "", Stage.READ)
        machine.trade(0, 10)
        machine.correct(0, 0)
        machine.go_on(Stage.HEARD)

        for _ in range(4):
            machine.place(Side.BUY, 10, False, "", Stage.ASKED)

        last = Order.objects.order_by("-pk").values_list("status", flat=True)
        assert list(last) == ["DENIED", "ACCEPTED", "ACCEPTED", "ACCEPTED", "FILLED"]

    def test_a_sale_that_was_declared_void_while_nobody_listened_may_be_made_again(
        self, machine: OrderMachine
    ) -> None:
        machine.place(Side.SELL, 6, False, "", Stage.TRADED)
        machine.crash(loses_unread=True, only_sleeps=False)
        machine.trade(0, 6)
        machine.correct(0, 0)
        machine.connect(rolled_back=False, reads_old_first=True)

        machine.place(Side.SELL, 6, True, "", Stage.ASKED)

        assert Order.objects.latest("pk").status == "ACCEPTED"
