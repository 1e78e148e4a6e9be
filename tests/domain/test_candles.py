"""Spans of candles, and hours out of IB's text."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.domain.calendar import parse_hours, session_word, zone_of
from apps.domain.candles import (
    Candle,
    CandleInterval,
    Span,
    UnalignedSpan,
    missing_spans,
    session_stamp,
)

NINE_THIRTY = datetime(2026, 3, 11, 13, 30, tzinfo=UTC)


def candle(minute: int, *, final: bool = True) -> Candle:
    one = Decimal(1)
    start = NINE_THIRTY + timedelta(minutes=minute)
    return Candle(start, start.date(), one, one, one, one, one, None, final)


def span(first: int, last: int) -> Span:
    return Span(NINE_THIRTY + timedelta(minutes=first), NINE_THIRTY + timedelta(minutes=last))


class TestMissingSpans:
    @pytest.mark.parametrize(
        ("stored", "expected"),
        [
            ([], [span(0, 10)]),
            ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], []),
            ([0, 1], [span(2, 10)]),
            ([4, 5], [span(0, 4), span(6, 10)]),
            ([9], [span(0, 9)]),
        ],
    )
    def test_names_the_gaps(self, stored: list[int], expected: list[Span]) -> None:
        assert missing_spans([candle(m) for m in stored], span(0, 10), CandleInterval.M1) == expected

    def test_a_candle_that_still_forms_is_missing(self) -> None:
        stored = [candle(0), candle(1, final=False)]

        assert missing_spans(stored, span(0, 2), CandleInterval.M1) == [span(1, 2)]

    def test_refuses_a_span_off_the_grid(self) -> None:
        odd = Span(NINE_THIRTY + timedelta(seconds=7), NINE_THIRTY + timedelta(minutes=1))

        with pytest.raises(UnalignedSpan):
            missing_spans([], odd, CandleInterval.M1)

    @given(st.sets(st.integers(0, 30)))
    def test_gaps_and_candles_tile_the_span(self, minutes: set[int]) -> None:
        stored = [candle(minute) for minute in sorted(minutes)]

        gaps = missing_spans(stored, span(0, 31), CandleInterval.M1)

        covered = sum((gap.end - gap.start for gap in gaps), timedelta())
        assert covered == timedelta(minutes=31 - len(minutes))
        assert all(first.end < second.start for first, second in itertools.pairwise(gaps))


class TestSessionStamp:
    def test_is_midnight_utc_of_the_trading_day(self) -> None:
        assert session_stamp(date(2026, 3, 10)) == datetime(2026, 3, 10, tzinfo=UTC)


class TestHours:
    TRADING = "20260311:0400-20260311:2000;20260312:CLOSED"
    LIQUID = "20260311:0930-20260311:1600;20260312:CLOSED"

    @pytest.mark.parametrize(
        ("clock", "word"),
        [
            ("03:59", "closed"),
            ("04:00", "pre"),
            ("09:30", "regular"),
            ("15:59", "regular"),
            ("16:00", "post"),
            ("20:00", "closed"),
        ],
    )
    def test_tells_the_session(self, clock: str, word: str) -> None:
        new_york = zone_of("US/Eastern")
        now = datetime.fromisoformat(f"2026-03-11T{clock}").replace(tzinfo=new_york)

        assert (
            session_word(parse_hours(self.TRADING, new_york), parse_hours(self.LIQUID, new_york), now) == word
        )

    def test_the_day_the_clocks_change_is_23_hours_long(self) -> None:
        day = parse_hours("20260308:0000-20260309:0000", ZoneInfo("America/New_York"))[0]

        assert day.closes_at - day.opens_at == timedelta(hours=23)

    @pytest.mark.parametrize("text", ["", "nonsense", "20260311:CLOSED", "2026:0930-20260311:1600"])
    def test_leaves_out_what_it_cannot_read(self, text: str) -> None:
        assert parse_hours(text, ZoneInfo("UTC")) == []
