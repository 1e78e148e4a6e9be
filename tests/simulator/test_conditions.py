"""Orders that wait for conditions: each type, how they join, and those that cancel."""

from __future__ import annotations

from datetime import datetime

import pytest

from apps.simulator.clock import EASTERN
from tests.simulator.floor import Floor

AAPL, MSFT = "265598", "272093"


@pytest.fixture
def floor():
    """A venue where AAPL stands at 230.00 and MSFT at 400.00."""
    floor = Floor()
    floor.price(230)
    floor.price(400, "MSFT")
    return floor


def price(is_more, value, *, con_id=MSFT, join="a"):
    return ("1", join, str(int(is_more)), str(value), con_id, "SMART", "0")


class TestConditions:
    def test_of_price_look_at_another_instrument(self, floor):
        floor.place(1, conditions=(price(True, 410),))
        floor.wait(2)
        before = floor.status(1)
        floor.price(411, "MSFT")
        floor.wait(1)

        assert (before, floor.status(1)) == (["PreSubmitted"], ["Filled"])

    def test_of_time_wait_for_it(self, floor):
        floor.place(1, conditions=(("3", "a", "1", "20261118 15:00:05 UTC"),))
        floor.wait(4)
        before = floor.status(1)
        floor.wait(2)

        assert (before, floor.status(1)) == (["PreSubmitted"], ["Filled"])

    def test_of_margin_compare_the_cushion(self, floor):
        floor.place(1, conditions=(("4", "a", "0", "20"),))
        floor.place(2, conditions=(("4", "a", "1", "20"),))

        assert floor.status(1, 2) == ["PreSubmitted", "Filled"]

    def test_of_execution_wait_for_a_trade_in_the_symbol(self, floor):
        floor.place(1, conditions=(("5", "a", "STK", "SMART", "MSFT"),))
        before = floor.status(1)
        floor.place(2, symbol="MSFT")
        floor.wait(1)

        assert (before, floor.status(1)) == (["PreSubmitted"], ["Filled"])

    def test_of_volume_compare_the_day_s(self, floor):
        floor.place(1, conditions=(("6", "a", "1", "1000", MSFT, "SMART"),))
        floor.place(2, conditions=(("6", "a", "1", "900000000", MSFT, "SMART"),))

        assert floor.status(1, 2) == ["Filled", "PreSubmitted"]

    def test_of_change_compare_with_yesterday_s_close(self, floor):
        floor.place(1, conditions=(("7", "a", "1", "50", MSFT, "SMART"),))
        before = floor.status(1)
        floor.price(900, "MSFT")
        floor.wait(1)

        assert (before, floor.status(1)) == (["PreSubmitted"], ["Filled"])

    @pytest.mark.parametrize(
        ("conditions", "holds"),
        [
            ((price(True, 390), price(True, 410)), False),
            ((price(True, 390, join="o"), price(True, 410)), True),
            ((price(True, 410, join="o"), price(True, 390)), True),
            ((price(True, 410), price(True, 390, join="o"), price(True, 395)), True),
            ((price(True, 410), price(True, 390, join="o"), price(True, 420)), False),
        ],
    )
    def test_join_by_and_before_or(self, floor, conditions, holds):
        floor.place(1, conditions=conditions)

        assert floor.status(1) == ["Filled" if holds else "PreSubmitted"]

    def test_once_met_stay_met(self, floor):
        floor.place(1, "LMT", limit=229, conditions=(price(True, 410),))
        floor.price(411, "MSFT")
        floor.wait(1)
        floor.price(400, "MSFT")
        floor.price(228)

        assert floor.status(1) == ["Filled"]

    def test_may_cancel_the_order_instead(self, floor):
        floor.place(1, "LMT", limit=200, conditions=(price(True, 410),), conditionsCancelOrder=1)
        before = floor.status(1)
        floor.price(411, "MSFT")
        floor.wait(1)

        assert (before, floor.status(1)) == (["Submitted"], ["Cancelled"])

    @pytest.mark.parametrize(("ignores", "expected"), [(0, "PreSubmitted"), (1, "Filled")])
    def test_look_outside_regular_hours_only_if_told(self, ignores, expected):
        floor = Floor(at=datetime(2026, 11, 18, 8, 0, tzinfo=EASTERN), hours="nyse")
        floor.price(230)
        floor.price(411, "MSFT")
        floor.place(1, outsideRth=1, conditions=(price(True, 410),), conditionsIgnoreRth=ignores)
        floor.wait(1)

        assert floor.status(1) == [expected]

    @pytest.mark.parametrize(
        ("code", "condition"),
        [
            (147, price(True, 410, con_id="1")),
            (337, ("3", "a", "1", "soon")),
            (321, price(True, "high")),
            (321, ("4", "a", "1", "")),
            (321, ("9", "a", "1", "")),
        ],
    )
    def test_that_make_no_sense_are_refused(self, floor, code, condition):
        floor.place(1, conditions=(condition,))

        assert floor.codes(1) == [code]
