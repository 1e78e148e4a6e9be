"""Promises about how figures are written."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.common import figures


class TestMoney:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (Decimal("13855"), "13,855.00"),
            (Decimal("-1419.75"), "\u22121,419.75"),
            (Decimal("0"), "0.00"),
            (Decimal("-0.001"), "0.00"),
            (Decimal("0.125"), "0.13"),
            (Decimal("1E+6"), "1,000,000.00"),
            (None, "–"),
            (Decimal("NaN"), "–"),
            (Decimal("Infinity"), "–"),
            (Decimal("1.7976931348623157E+308"), "–"),
        ],
    )
    def test_has_groups_two_decimals_and_a_real_minus(self, value, text):
        assert figures.money(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (Decimal("339"), "+339.00"),
            (Decimal("-185"), "\u2212185.00"),
            (Decimal("0"), "0.00"),
            (Decimal("0.001"), "0.00"),
            (None, "–"),
        ],
    )
    def test_a_gain_always_carries_its_sign(self, value, text):
        assert figures.signed_money(value) == text


class TestQuantityAndPrice:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (Decimal("100.00000"), "100"),
            (Decimal("1000"), "1,000"),
            (Decimal("0.5"), "0.5"),
            (Decimal("1E+3"), "1,000"),
        ],
    )
    def test_shares_are_whole_unless_they_are_not(self, value, text):
        assert figures.quantity(value) == text

    @pytest.mark.parametrize(
        ("value", "tick", "text"),
        [
            (Decimal("138.5"), None, "138.50"),
            (Decimal("138.55000000"), Decimal("0.01"), "138.55"),
            (Decimal("0.1234"), None, "0.1234"),
            (Decimal("7"), Decimal("0.0001"), "7.0000"),
            (Decimal("138.553"), Decimal("0.01"), "138.553"),
            (None, None, "–"),
        ],
    )
    def test_a_price_has_the_decimals_of_its_tick_and_loses_none(self, value, tick, text):
        assert figures.price(value, tick) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (Decimal("140.175"), "140.175"),
            (Decimal("233.09250000"), "233.0925"),
            (Decimal("231.42"), "231.42"),
            (Decimal("100"), "100.00"),
            (Decimal("33.33333333"), "33.3333"),
            (Decimal("66.66666667"), "66.6667"),
            (None, "–"),
        ],
    )
    def test_an_average_has_up_to_two_decimals_more(self, value, text):
        assert figures.average_price(value, Decimal("0.01")) == text


class TestShare:
    @pytest.mark.parametrize(
        ("used", "limit", "text"),
        [
            (Decimal("301.30"), Decimal("482.12"), "63 %"),
            (Decimal("999.99"), Decimal("1000"), "99 %"),
            (Decimal("1000"), Decimal("1000"), "100 %"),
            (Decimal("0.01"), Decimal("1000"), "1 %"),
            (Decimal("0"), Decimal("1000"), "0 %"),
            (Decimal("1200"), Decimal("1000"), "120 %"),
            (None, Decimal("1"), "–"),
            (Decimal("1"), None, "–"),
        ],
    )
    def test_rounds_up_and_says_99_until_the_limit_is_reached(self, used, limit, text):
        assert figures.share(used, limit) == text


class TestAge:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0.42, "0.4 s"),
            (9.99, "10 s"),
            (47.9, "47 s"),
            (130, "2 min 10 s"),
            (180, "3 min"),
            (17820, "4 h 57 min"),
            (273600, "3 d 4 h"),
            (-2, "0.0 s"),
            (None, "–"),
        ],
    )
    def test_grows_coarser_with_time(self, seconds, text):
        assert figures.age(seconds) == text


class TestClock:
    NOW = datetime(2026, 11, 20, 15, 42, 8, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("moment", "text"),
        [
            (datetime(2026, 11, 20, 15, 30, 58, tzinfo=UTC), "10:30:58"),
            (datetime(2026, 11, 20, 4, 49, 15, tzinfo=UTC), "Thu 19 Nov 23:49:15"),
            (datetime(2025, 1, 2, 15, 0, 0, tzinfo=UTC), "2 Jan 2025 10:00:00"),
            (None, "–"),
        ],
    )
    def test_is_the_exchange_day_and_names_the_date_if_it_is_not_today(self, moment, text):
        assert figures.clock(moment, self.NOW) == text


class TestCount:
    @pytest.mark.parametrize(("number", "text"), [(0, "0 orders"), (1, "1 order"), (1234, "1,234 orders")])
    def test_agrees_with_its_noun(self, number, text):
        assert figures.count(number, "order") == text
