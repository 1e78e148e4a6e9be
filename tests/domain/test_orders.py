"""The table of moves, and what groups of statuses promise."""

from itertools import product

import pytest

from apps.domain.orders import (
    CLOSED,
    GROUPS,
    IN_DOUBT,
    LATE_EVIDENCE,
    NEVER_SENT,
    OPEN,
    UNSENT,
    OrderStatus,
    is_late_evidence,
    may_move,
)


class TestGroups:
    def test_every_status_is_in_exactly_one(self) -> None:
        members = [status for group in GROUPS.values() for status in group]

        assert sorted(members) == sorted(OrderStatus)


class TestMoves:
    @pytest.mark.parametrize("after", sorted(IN_DOUBT | OPEN))
    def test_nothing_leads_back_to_unsent(self, after: OrderStatus) -> None:
        assert not any(may_move(after, unsent) for unsent in UNSENT)

    def test_only_accepted_becomes_in_flight(self) -> None:
        sources = [status for status in OrderStatus if may_move(status, OrderStatus.IN_FLIGHT)]

        assert sources == [OrderStatus.ACCEPTED]

    def test_closed_is_left_by_late_evidence_alone(self) -> None:
        assert not any(may_move(closed, after) for closed, after in product(CLOSED, OrderStatus))

    @pytest.mark.parametrize("status", sorted(NEVER_SENT | UNSENT))
    def test_what_our_rows_never_sent_is_believed_when_the_broker_has_it(self, status: OrderStatus) -> None:
        assert all(is_late_evidence(status, after) for after in OPEN)
        assert not any(may_move(status, after) for after in OPEN)

    def test_no_evidence_leads_to_a_status_before_the_broker(self) -> None:
        reached = {after for targets in LATE_EVIDENCE.values() for after in targets}

        assert not reached & (UNSENT | IN_DOUBT | NEVER_SENT)

    def test_an_unknown_order_is_never_sent_again(self) -> None:
        assert not may_move(OrderStatus.UNKNOWN, OrderStatus.IN_FLIGHT)
        assert not may_move(OrderStatus.UNKNOWN, OrderStatus.EXPIRED_UNSENT)
