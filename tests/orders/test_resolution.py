"""What cannot be known is said by people: whole, with evidence, in live by two of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.access.stepup import FRESH_FOR_S, StepUp, StepUpNeeded
from apps.accounts.models import Account, Connection, Phase
from apps.audit.models import AuditEvent
from apps.common.clock import boottime
from apps.domain.orders import OrderStatus, Sender
from apps.orders.models import Execution, Order, OrderEvent, Resolution
from apps.orders.services.facts import record_execution, record_status
from apps.orders.services.resolution import (
    APPROVE,
    RESOLVE,
    EnteredFill,
    EvidenceOutOfRange,
    FillsDoNotFit,
    NotResolvable,
    ProposalVoid,
    SecondPersonNeeded,
    approve_resolution,
    propose_resolution,
    refuse_resolution,
)
from apps.positions.models import Position
from apps.positions.services import open_ledger
from apps.safety.models import Incident
from tests.orders.conftest import execution
from tests.orders.test_facts import now_of, status

RITA, RAVI = "user:rita", "user:ravi"
STATEMENT = "Statement of 20 Nov, page 2"
S = OrderStatus


@pytest.fixture
def vanished(flying: Order, sender: Sender) -> Order:
    """An order that the broker has shown once and that no list names any more."""
    record_status(status(flying, "Submitted"), sender=sender)
    Order.objects.update(status=S.UNKNOWN, in_flight_at=timezone.now() - timedelta(minutes=5))
    open_ledger(account=flying.account, unsettled=(), now=timezone.now())
    return now_of(flying)


@pytest.fixture
def live(account: Account) -> None:
    """The account holds real money."""
    Account.objects.update(mode="live")


def fill(quantity: int = 10, price: str = "227.40") -> EnteredFill:
    return EnteredFill(Decimal(quantity), Decimal(price), datetime.now(UTC) - timedelta(minutes=1))


def forget_it_was_seen(*, days_ago: int) -> None:
    written_at = timezone.now() - timedelta(days=days_ago, seconds=1)
    Order.objects.update(broker_status="", ib_perm_ids=[], in_flight_at=written_at)


def propose(order: Order, outcome: OrderStatus, *fills: EnteredFill, because: str = STATEMENT) -> Resolution:
    proof = StepUp(RITA, RESOLVE, f"order:{order.uuid}", boottime())
    return propose_resolution(order.pk, outcome, fills=fills, because=because, by=RITA, proof=proof)


def approve(proposal: Resolution, *, by: str = RAVI) -> Resolution:
    proof = StepUp(by, APPROVE, f"resolution:{proposal.uuid}", boottime())
    return approve_resolution(proposal.uuid, by=by, because="Read the same statement", proof=proof)


class TestOnePersonInPaper:
    def test_not_placed(self, vanished: Order) -> None:
        Order.objects.update(
            broker_status="", ib_perm_ids=[], in_flight_at=timezone.now() - timedelta(days=2)
        )

        resolution = propose(vanished, S.NOT_PLACED)

        assert (resolution.state, now_of(vanished).status) == ("APPLIED", "NOT_PLACED")

    def test_cancelled_with_the_part_that_filled(self, vanished: Order) -> None:
        propose(vanished, S.CANCELLED, fill(4))

        order = now_of(vanished)
        assert (order.status, order.filled_quantity, order.average_price) == (
            "CANCELLED",
            4,
            Decimal("227.4"),
        )

    def test_filled_books_the_entered_fills_as_such(self, vanished: Order) -> None:
        propose(vanished, S.FILLED, fill(4, "227.40"), fill(6, "227.50"))

        order = now_of(vanished)
        assert (order.status, order.filled_quantity, order.average_price) == ("FILLED", 10, Decimal("227.46"))
        assert list(Execution.objects.values_list("synthetic", flat=True)) == [True, True]
        assert Position.objects.get().ledger_quantity == 10

    def test_leaves_both_events_and_the_evidence_in_the_audit(self, vanished: Order) -> None:
        propose(vanished, S.CANCELLED)

        causes = list(OrderEvent.objects.order_by("seq").values_list("cause", flat=True))
        assert causes[-2:] == ["resolution_proposed", "resolved_by_hand"]
        line = AuditEvent.objects.get(kind="order.resolved_by_hand")
        assert (line.actor, line.after["because"], line.after["by"]) == (RITA, STATEMENT, [RITA])

    def test_in_doubt_since_before_the_window_needs_no_sight(self, vanished: Order) -> None:
        Order.objects.update(
            broker_status="", ib_perm_ids=[], in_flight_at=timezone.now() - timedelta(days=2)
        )

        assert propose(vanished, S.FILLED, fill()).state == "APPLIED"


class TestRefusals:
    def test_while_the_lists_still_decide(self, vanished: Order) -> None:
        forget_it_was_seen(days_ago=0)

        with pytest.raises(NotResolvable, match="lists still decide"):
            propose(vanished, S.NOT_PLACED)

    def test_while_the_connection_is_not_ready(self, vanished: Order) -> None:
        Connection.objects.update(phase=Phase.DISCONNECTED)

        with pytest.raises(NotResolvable, match="not READY"):
            propose(vanished, S.CANCELLED)

    @pytest.mark.parametrize("word", ["WORKING", "FILLED", "IN_FLIGHT"])
    def test_of_an_order_that_is_not_unknown(self, vanished: Order, word: str) -> None:
        Order.objects.update(status=word)

        with pytest.raises(NotResolvable, match=word):
            propose(vanished, S.CANCELLED)

    @pytest.mark.parametrize(
        ("outcome", "quantities"),
        [(S.FILLED, []), (S.FILLED, [9]), (S.FILLED, [6, 5]), (S.CANCELLED, [10]), (S.NOT_PLACED, [1])],
    )
    def test_of_fills_that_do_not_fit(
        self, vanished: Order, outcome: OrderStatus, quantities: list[int]
    ) -> None:
        with pytest.raises(FillsDoNotFit):
            propose(vanished, outcome, *map(fill, quantities))

        assert not Execution.objects.exists()

    def test_of_a_fill_outside_the_order_s_life(self, vanished: Order) -> None:
        early = replace(fill(), executed_at=timezone.now() - timedelta(hours=1))
        late = replace(fill(), executed_at=timezone.now() + timedelta(minutes=1))

        for wrong in (early, late):
            with pytest.raises(FillsDoNotFit):
                propose(vanished, S.FILLED, wrong)

    def test_of_an_outcome_only_the_broker_can_say(self, vanished: Order) -> None:
        with pytest.raises(NotResolvable):
            propose(vanished, S.REJECTED)

    @pytest.mark.parametrize("because", ["", "   x   ", "y" * 201])
    def test_without_evidence(self, vanished: Order, because: str) -> None:
        with pytest.raises(EvidenceOutOfRange):
            propose(vanished, S.CANCELLED, because=because)


@pytest.mark.usefixtures("live")
class TestTwoPeopleInLive:
    def test_the_first_only_proposes(self, vanished: Order) -> None:
        proposal = propose(vanished, S.FILLED, fill())

        assert (proposal.state, now_of(vanished).status) == ("PROPOSED", "UNKNOWN")
        assert not Execution.objects.exists()

    def test_another_person_makes_it_true_with_both_names(self, vanished: Order) -> None:
        proposal = propose(vanished, S.FILLED, fill())

        approve(proposal)

        assert now_of(vanished).status == "FILLED"
        line = AuditEvent.objects.get(kind="order.resolved_by_hand")
        assert (line.after["by"], line.after["because"]) == ([RITA, RAVI], STATEMENT)
        proposal.refresh_from_db()
        assert (proposal.state, proposal.decided_by) == ("APPLIED", RAVI)

    def test_the_same_person_cannot(self, vanished: Order) -> None:
        proposal = propose(vanished, S.CANCELLED)

        with pytest.raises(SecondPersonNeeded):
            approve(proposal, by=RITA)

        assert now_of(vanished).status == "UNKNOWN"

    def test_a_word_of_the_broker_in_between_voids_it(self, vanished: Order, sender: Sender) -> None:
        proposal = propose(vanished, S.CANCELLED)

        record_execution(execution(vanished, quantity=4), sender=sender)
        Order.objects.update(status=S.UNKNOWN)

        with pytest.raises(ProposalVoid):
            approve(proposal)

    def test_after_half_an_hour_it_is_void_and_a_new_one_may_come(self, vanished: Order) -> None:
        proposal = propose(vanished, S.CANCELLED)
        Resolution.objects.update(expires_at=timezone.now())

        with pytest.raises(ProposalVoid):
            approve(proposal)
        propose(vanished, S.FILLED, fill())

        assert sorted(Resolution.objects.values_list("state", flat=True)) == ["PROPOSED", "VOID"]

    def test_approving_twice_applies_once(self, vanished: Order) -> None:
        proposal = propose(vanished, S.FILLED, fill())
        approve(proposal)

        with pytest.raises(ProposalVoid):
            approve(proposal)

        assert Execution.objects.count() == 1

    def test_one_proposal_at_a_time(self, vanished: Order) -> None:
        propose(vanished, S.CANCELLED)

        with pytest.raises(NotResolvable, match="Another proposal"):
            propose(vanished, S.FILLED, fill())

    def test_a_refusal_changes_nothing_but_the_record(self, vanished: Order) -> None:
        proposal = propose(vanished, S.CANCELLED)

        refuse_resolution(proposal.uuid, by=RAVI, because="The statement says otherwise")

        assert now_of(vanished).status == "UNKNOWN"
        assert AuditEvent.objects.filter(kind="order.resolution_refused", actor=RAVI).count() == 1


class TestTheBrokersLateWord:
    def test_the_same_fill_supersedes_the_entered_one(self, vanished: Order, sender: Sender) -> None:
        propose(vanished, S.FILLED, fill())

        record_execution(execution(vanished), sender=sender)

        order = now_of(vanished)
        assert (order.status, order.filled_quantity) == ("FILLED", 10)
        assert Execution.objects.get(synthetic=True).superseded
        assert [one.kind for one in Incident.objects.all()] == ["resolution_contradicted"]
        assert Position.objects.get().ledger_quantity == 10

    def test_in_parts_it_reopens_until_the_parts_are_there(self, vanished: Order, sender: Sender) -> None:
        propose(vanished, S.FILLED, fill())

        record_execution(execution(vanished, exec_id="a.b.01.01", quantity=4), sender=sender)
        assert now_of(vanished).status == "PARTIALLY_FILLED"
        record_execution(execution(vanished, exec_id="a.b.02.01", quantity=6), sender=sender)

        order = now_of(vanished)
        assert (order.status, order.filled_quantity) == ("FILLED", 10)
        assert Position.objects.get().ledger_quantity == 10

    def test_only_the_entered_fill_of_that_quantity_goes(self, vanished: Order, sender: Sender) -> None:
        propose(vanished, S.FILLED, fill(4), fill(6))

        record_execution(execution(vanished, quantity=6), sender=sender)

        kept = Execution.objects.filter(superseded=False)
        assert sorted((one.quantity, one.synthetic) for one in kept) == [(4, True), (6, False)]
        assert now_of(vanished).filled_quantity == 10

    def test_a_fill_after_cancelled_by_hand_reduces_trading(self, vanished: Order, sender: Sender) -> None:
        propose(vanished, S.CANCELLED)

        record_execution(execution(vanished), sender=sender)

        assert now_of(vanished).status == "FILLED"
        [incident] = Incident.objects.all()
        assert (incident.kind, incident.trips) == ("fill_after_cancelled", True)


class TestStepUp:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"actor": RAVI},
            {"act": APPROVE},
            {"subject": "order:another"},
            {"at": -FRESH_FOR_S},
        ],
    )
    def test_of_another_person_act_or_object_or_an_old_one_is_none(
        self, vanished: Order, wrong: dict[str, str]
    ) -> None:
        proof = StepUp(RITA, RESOLVE, f"order:{vanished.uuid}", boottime())

        with pytest.raises(StepUpNeeded):
            propose_resolution(
                vanished.pk, S.CANCELLED, fills=(), because=STATEMENT, by=RITA, proof=replace(proof, **wrong)
            )

        assert now_of(vanished).status == S.UNKNOWN
        assert not Resolution.objects.exists()

    def test_is_asked_of_the_second_person_as_well(self, vanished: Order, live: None) -> None:
        proposal = propose(vanished, S.CANCELLED)
        first_ones = StepUp(RITA, RESOLVE, f"order:{vanished.uuid}", boottime())

        with pytest.raises(StepUpNeeded):
            approve_resolution(proposal.uuid, by=RAVI, because=STATEMENT, proof=first_ones)

        assert now_of(vanished).status == S.UNKNOWN
