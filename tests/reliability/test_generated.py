"""Whatever happens, in whatever order: the promises hold after every step and at the end.

GENERATED=nightly takes the full counts (`make generated-test`), else a fixed seed of seconds.
"""

import os
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from apps.domain.orders import Side
from apps.orders.models import Order, OrderChange
from tests.reliability.machine import TAKEN, OrderMachine, Stage

IS_NIGHTLY = os.environ.get("GENERATED") == "nightly"
EXAMPLES = int(os.environ.get("GENERATED_EXAMPLES", "2000" if IS_NIGHTLY else "30"))
STEPS = int(os.environ.get("GENERATED_STEPS", "60" if IS_NIGHTLY else "30"))

RUN = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=not IS_NIGHTLY,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate) if os.environ.get("GENERATED_QUICK") else tuple(Phase),
)


@pytest.mark.django_db(transaction=True)
class TestAnythingThatCanHappen:
    @pytest.mark.slow
    def test_leaves_every_promise_kept(self, capsys: pytest.CaptureFixture[str]) -> None:
        began = time.monotonic()
        TAKEN.clear()

        run_state_machine_as_test(OrderMachine, settings=RUN)

        took = time.monotonic() - began
        with capsys.disabled():
            sys.stdout.write(
                f"\ngenerated: {TAKEN['examples']} examples, {TAKEN['steps']} steps checked,"
                f" {TAKEN['steps'] / took:.0f} steps/s, 0 violations\n"
            )


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
