"""Numbers, times, bars and contract details as values."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from apps.broker.ib import encodings, translate
from apps.broker.port import CandleQuery
from apps.domain.candles import CandleInterval
from apps.domain.instruments import TickRule

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, 10:00 in New York


def bar(day: str, **changed: float) -> SimpleNamespace:
    values = {
        "open": 1.5,
        "high": 2.0,
        "low": 1.0,
        "close": 1.75,
        "volume": 1200.0,
        "average": 1.6,
        **changed,
    }
    return SimpleNamespace(date=day, **values)


def candle(day: str, interval: CandleInterval, **changed: float) -> object:
    query = CandleQuery(265598, interval, "1 D", "TRADES", regular_hours_only=True)
    return translate.candle(bar(day, **changed), query, zone="US/Eastern", now=NOW)


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "text"), [(151.02, "151.02"), (100.0, "100"), (0.1, "0.1"), (-7.25, "-7.25"), (0.0, "0")]
    )
    def test_is_the_shortest_decimal(self, value: float, text: str) -> None:
        assert str(encodings.number(value)) == text

    @pytest.mark.parametrize(
        "value", [1.7976931348623157e308, 1.7e38, float("nan"), float("inf"), float("-inf"), "", "words"]
    )
    def test_unset_is_none(self, value: float | str) -> None:
        assert encodings.number(value) is None

    @pytest.mark.parametrize(
        ("told", "kept"),
        [
            (227.43333333333334, "227.43333333"),
            (0.1 + 0.2, "0.3"),
            (227.4, "227.4"),
            (1e25, "1E+25"),
            (33.333333335, "33.33333334"),
        ],
    )
    def test_of_a_trade_is_what_the_books_keep(self, told: float, kept: str) -> None:
        assert encodings.booked(told) == Decimal(kept)
        assert encodings.booked(encodings.booked(told)) == Decimal(kept)

    def test_of_a_trade_never_becomes_nothing(self) -> None:
        with pytest.raises(ValueError, match="too small"):
            encodings.booked(1e-9)


class TestText:
    def test_escapes_are_undone_and_controls_removed(self) -> None:
        assert encodings.readable("Soci\\u00e9t\\u00e9\nG\x00\u200b") == "Société G"

    def test_is_bounded(self) -> None:
        assert len(encodings.readable("x" * 10_000)) == 2_000


class TestCandle:
    def test_of_minutes_starts_at_its_instant(self) -> None:
        made = candle("1795183200", CandleInterval.M5)

        assert made.start == datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
        assert made.session_date == date(2026, 11, 20)
        assert made.final

    def test_that_runs_is_not_final(self) -> None:
        assert not candle(str(int(NOW.timestamp()) - 60), CandleInterval.M5).final

    @pytest.mark.parametrize(
        ("day", "interval", "final"),
        [
            ("20261119", CandleInterval.D1, True),
            ("20261120", CandleInterval.D1, False),
            ("20261113", CandleInterval.W1, True),
            ("20261116", CandleInterval.W1, False),
            ("20261030", CandleInterval.MO1, True),
            ("20261102", CandleInterval.MO1, False),
        ],
    )
    def test_of_days_is_final_when_its_time_is_over_at_the_exchange(
        self, day: str, interval: CandleInterval, final: bool
    ) -> None:
        made = candle(day, interval)

        assert made.start == datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
        assert made.final is final

    def test_late_in_the_evening_in_new_york_today_is_not_over(self) -> None:
        query = CandleQuery(265598, CandleInterval.D1, "1 D", "TRADES", regular_hours_only=True)
        evening = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

        assert not translate.candle(bar("20261120"), query, zone="US/Eastern", now=evening).final

    @pytest.mark.parametrize("average", [0.0, -1.0, 1.7976931348623157e308])
    def test_without_an_average_has_no_vwap(self, average: float) -> None:
        assert candle("20261119", CandleInterval.D1, average=average).vwap is None

    def test_without_trades_has_no_volume(self) -> None:
        assert candle("20261119", CandleInterval.D1, volume=-1.0).volume == 0

    def test_without_prices_is_none(self) -> None:
        with pytest.raises(ValueError, match="missing"):
            candle("20261119", CandleInterval.D1, close=float("nan"))


class TestInstrument:
    def test_takes_the_rule_of_its_own_exchange(self) -> None:
        details = SimpleNamespace(
            marketRuleIds="26,557,26",
            validExchanges="NYSE,SMART,ISLAND",
            contract=SimpleNamespace(exchange="SMART"),
        )

        assert translate.market_rule_id(details) == 557

    @pytest.mark.parametrize("rules", ["", "x,y"])
    def test_may_have_no_rule(self, rules: str) -> None:
        details = SimpleNamespace(
            marketRuleIds=rules, validExchanges="SMART", contract=SimpleNamespace(exchange="SMART")
        )

        assert translate.market_rule_id(details) is None

    def test_rules_ascend(self) -> None:
        increments = [
            SimpleNamespace(lowEdge=1.0, increment=0.01),
            SimpleNamespace(lowEdge=0.0, increment=0.0001),
        ]

        assert translate.tick_rules(increments) == (
            TickRule(Decimal(0), Decimal("0.0001")),
            TickRule(Decimal(1), Decimal("0.01")),
        )
