"""Orders bound to each other: OCA groups, brackets, hedges, and what one's end does to the others."""

from __future__ import annotations

import pytest

from tests.simulator.floor import Floor


@pytest.fixture
def floor():
    """A venue where NFLX stands at 800.00: bid 799.85, ask 800.15."""
    floor = Floor()
    floor.price(800, "NFLX")
    return floor


def place(floor, order_id, kind="LMT", **terms):
    return floor.place(order_id, kind, symbol="NFLX", **terms)


class TestOcaGroup:
    def test_of_type_1_ends_with_the_first_share(self, floor):
        place(floor, 1, quantity=3000, limit=700, oca="g", oca_type=1)
        place(floor, 2, quantity=3000, limit=800.15, oca="g", oca_type=1)

        assert 0 < floor.order(2).filled < 3000
        assert floor.status(1, 2) == ["Cancelled", "Submitted"]

    @pytest.mark.parametrize("oca_type", [2, 3])
    def test_of_the_reducing_types_loses_the_same_part(self, floor, oca_type):
        place(floor, 1, quantity=6000, limit=700, oca="g", oca_type=oca_type)
        place(floor, 2, quantity=3000, limit=800.15, oca="g", oca_type=oca_type)
        part = floor.order(2).filled / 3000

        assert 0 < part < 1
        assert floor.order(1).quantity == pytest.approx(6000 * (1 - part), abs=1)

    def test_ends_when_one_is_filled_whole(self, floor):
        place(floor, 1, quantity=6000, limit=700, oca="g", oca_type=3)
        place(floor, 2, quantity=100, limit=800.15, oca="g", oca_type=3)

        assert floor.status(1, 2) == ["Cancelled", "Filled"]

    def test_outlives_the_cancel_of_one(self, floor):
        place(floor, 1, limit=700, oca="g", oca_type=1)
        place(floor, 2, limit=710, oca="g", oca_type=1)
        floor.cancel(1)

        assert floor.status(1, 2) == ["Cancelled", "Submitted"]

    def test_may_span_clients(self, floor):
        place(floor, 1, limit=700, oca="g", oca_type=1)
        floor.place(1, symbol="NFLX", oca="g", oca_type=1, client=2)

        assert floor.status(1) == ["Cancelled"]


class TestBracket:
    def bracket(self, floor, *, quantity=100, limit=790.0):
        place(floor, 1, quantity=quantity, limit=limit, transmit=False)
        place(floor, 2, action="SELL", quantity=quantity, limit=850, parent=1, transmit=False)
        place(floor, 3, "STP", action="SELL", quantity=quantity, aux=750, parent=1)

    def test_wakes_its_children_when_the_parent_is_filled(self, floor):
        self.bracket(floor)
        before = floor.status(1, 2, 3)
        floor.price(785, "NFLX")

        assert before == ["Submitted", "PreSubmitted", "PreSubmitted"]
        assert floor.status(1, 2, 3) == ["Filled", "Submitted", "PreSubmitted"]
        assert floor.order(3).why_held == "trigger"

    def test_keeps_its_children_asleep_while_the_parent_is_filled_in_part(self, floor):
        self.bracket(floor, quantity=3000, limit=800.15)

        assert 0 < floor.order(1).filled < 3000
        assert floor.status(2, 3) == ["PreSubmitted", "PreSubmitted"]

    def test_cut_short_protects_what_it_opened(self, floor):
        self.bracket(floor, quantity=3000, limit=800.15)
        opened = floor.order(1).filled
        floor.cancel(1)
        floor.wait(1)

        assert floor.status(1, 2, 3) == ["Cancelled", "Submitted", "PreSubmitted"]
        assert floor.order(2).quantity == floor.order(3).quantity == opened

    def test_ends_whole_when_nothing_was_opened(self, floor):
        self.bracket(floor)
        floor.cancel(1)

        assert floor.status(1, 2, 3) == ["Cancelled"] * 3

    def test_shrinks_its_stop_by_what_the_target_closed(self, floor):
        self.bracket(floor, quantity=3000, limit=805)
        floor.wait(10)
        floor.price(850.15, "NFLX")
        closed = floor.order(2).filled

        assert 0 < closed < 3000
        assert floor.order(3).quantity == 3000 - closed

    def test_of_two_targets_keeps_the_stop_for_the_rest(self, floor):
        place(floor, 1, limit=805, transmit=False)
        place(floor, 2, action="SELL", quantity=50, limit=810, parent=1, transmit=False)
        place(floor, 3, action="SELL", quantity=50, limit=820, parent=1, transmit=False)
        place(floor, 4, "STP", action="SELL", aux=750, parent=1)
        floor.price(815, "NFLX")

        assert floor.status(2, 3, 4) == ["Filled", "Submitted", "PreSubmitted"]
        assert (floor.order(3).quantity, floor.order(4).quantity) == (50, 50)

    def test_of_three_generations_is_released_by_its_last(self, floor):
        place(floor, 1, limit=790, transmit=False)
        place(floor, 2, action="SELL", limit=850, parent=1, transmit=False)
        place(floor, 3, limit=790, parent=2)
        before = floor.status(1, 2, 3)
        floor.price(785, "NFLX")
        between = floor.status(1, 2, 3)
        floor.price(860, "NFLX")
        floor.price(785, "NFLX")

        assert before == ["Submitted", "PreSubmitted", "PreSubmitted"]
        assert between == ["Filled", "Submitted", "PreSubmitted"]
        assert floor.status(1, 2, 3) == ["Filled"] * 3

    def test_may_let_a_child_cancel_its_parent(self, floor):
        place(floor, 1, limit=700, transmit=False)
        place(floor, 2, action="SELL", limit=850, parent=1, autoCancelParent=1)
        floor.cancel(2)

        assert floor.status(1, 2) == ["Cancelled", "Cancelled"]

    def test_parent_that_is_killed_takes_its_children_along(self, floor):
        place(floor, 1, limit=700, tif="FOK", transmit=False)
        place(floor, 2, action="SELL", limit=850, parent=1)

        assert floor.status(1, 2) == ["Inactive", "Cancelled"]


class TestHedge:
    def test_trades_a_ratio_of_what_its_parent_traded(self, floor):
        place(floor, 1, "MKT", quantity=200, transmit=False)
        floor.place(2, action="SELL", quantity=0, parent=1, hedgeType="P", hedgeParam=0.5)

        assert floor.status(1, 2) == ["Filled", "Filled"]
        assert floor.order(2).filled == 100

    def test_of_beta_trades_the_value(self, floor):
        floor.price(200)
        place(floor, 1, "MKT", transmit=False)
        floor.place(2, action="SELL", quantity=0, parent=1, hedgeType="B", hedgeParam=1.5)

        assert floor.order(2).filled == round(floor.order(1).filled_value * 1.5 / 200)

    def test_of_delta_is_refused(self, floor):
        place(floor, 1, "MKT", transmit=False)
        floor.place(2, action="SELL", quantity=0, parent=1, hedgeType="D")

        assert floor.codes(2) == [201]
