"""What a quantity is worth: multipliers, futures without a price to pay, foreign money."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.instruments.values import commission_for, in_own_money, margin_on, notional

STOCK = BY_SYMBOL["AAPL"]
OPTION = replace(STOCK, sec_type="OPT", multiplier=100.0)
FUTURE = replace(STOCK, sec_type="FUT", multiplier=50.0, point=0.25)
YEN = replace(STOCK, sec_type="CASH", currency="JPY", point=0.005)


class TestNotional:
    def test_counts_the_multiplier_and_the_sign(self):
        assert notional(STOCK, -3, 200.0) == -600
        assert notional(OPTION, 2, 1.25) == 250
        assert notional(FUTURE, 1, 5900.25) == 295_012.5

    def test_turns_foreign_money_into_dollars_and_back(self):
        dollars = notional(YEN, 10_000, 150.0)

        assert 9_000 < dollars < 11_000
        assert in_own_money(YEN, dollars) == pytest.approx(1_500_000)


class TestCharges:
    def test_depend_on_the_kind(self):
        assert commission_for(OPTION, 10, 5_000) == pytest.approx(6.5)
        assert commission_for(FUTURE, 2, 590_000) == pytest.approx(4.5)
        assert commission_for(replace(STOCK, sec_type="CASH"), 1_000, 1_000) == 2.0

    def test_bind_less_margin_for_a_future_than_for_a_stock(self):
        assert margin_on(FUTURE, 100_000) < margin_on(STOCK, 100_000) == 25_000
        assert margin_on(STOCK, -100) == -25


class TestPoints:
    @pytest.mark.parametrize(
        ("point", "points", "text"),
        [(0.01, 22_850, "228.50"), (0.25, 23_649, "5912.25"), (0.00005, 21_701, "1.08505"), (1.0, 7, "7.00")],
    )
    def test_are_written_with_the_digits_of_the_point(self, point, points, text):
        instrument = replace(STOCK, point=point)

        assert instrument.text(points) == text
        assert instrument.points(float(text)) == points
        assert instrument.price(points) == float(text)
