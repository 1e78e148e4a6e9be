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

    @pytest.mark.parametrize("status", sorted({OrderStatus.DENIED, OrderStatus.CANCELLED_UNSENT}))
    def test_what_was_never_written_cannot_come_back(self, status: OrderStatus) -> None:
        assert status in NEVER_SENT
        assert not any(is_late_evidence(status, after) for after in OrderStatus)

    def test_no_evidence_leads_to_a_status_before_the_broker(self) -> None:
        reached = {after for targets in LATE_EVIDENCE.values() for after in targets}

        assert not reached & (UNSENT | IN_DOUBT | NEVER_SENT)

    def test_an_unknown_order_is_never_sent_again(self) -> None:
        assert not may_move(OrderStatus.UNKNOWN, OrderStatus.IN_FLIGHT)
        assert not may_move(OrderStatus.UNKNOWN, OrderStatus.EXPIRED_UNSENT)
