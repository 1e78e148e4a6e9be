"""Our words and theirs."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from apps.bridge import numbers, words
from apps.domain.candles import CandleInterval
from apps.domain.orders import CLOSED, OrderStatus

UNSET = Decimal("1.7976931348623157e308")


class TestStatuses:
    """The table of section 3.3, and the executor's exception."""

    @pytest.mark.parametrize(
        ("status", "broker", "shown"),
        [
            ("PENDING_APPROVAL", "", "ApiPending"),
            ("ACCEPTED", "", "ApiPending"),
            ("IN_FLIGHT", "", "PendingSubmit"),
            ("UNKNOWN", "", "PendingSubmit"),
            ("WORKING", "", "Submitted"),
            ("WORKING", "Submitted", "Submitted"),
            ("WORKING", "PreSubmitted", "PreSubmitted"),
            ("WORKING", "Inactive", "PreSubmitted"),
            ("PARTIALLY_FILLED", "Submitted", "Submitted"),
            ("PENDING_CANCEL", "Submitted", "PendingCancel"),
            ("FILLED", "Filled", "Filled"),
            ("CANCELLED", "Cancelled", "Cancelled"),
            ("DENIED", "", "Inactive"),
            ("REJECTED", "Inactive", "Inactive"),
            ("EXPIRED_UNSENT", "", "ApiCancelled"),
            ("CANCELLED_UNSENT", "", "ApiCancelled"),
            ("NOT_PLACED", "", "ApiCancelled"),
        ],
    )
    def test_compat(self, status: str, broker: str, shown: str) -> None:
        assert words.compat_status(OrderStatus(status), broker) == shown

    def test_every_status_has_a_word(self) -> None:
        assert all(words.compat_status(status, "") for status in OrderStatus)

    @pytest.mark.parametrize("status", sorted(OrderStatus))
    def test_the_executor_stops_at_every_end_and_only_there(self, status: OrderStatus) -> None:
        stops = words.executor_status(status, "") in {"Filled", "Cancelled"}

        assert stops is (status in CLOSED)

    def test_doubt_is_never_shown_as_cancelled(self) -> None:
        assert words.executor_status(OrderStatus.UNKNOWN, "") == "PendingSubmit"


class TestDurations:
    """IB's durations, bounded."""

    @pytest.mark.parametrize(
        ("text", "interval"),
        [("1 D", "1m"), ("86400 S", "1m"), ("365 D", "1D"), ("52 W", "1W"), ("12 M", "1D"), ("20 Y", "1M")],
    )
    def test_within_bounds(self, text: str, interval: str) -> None:
        assert words.read_duration(text, CandleInterval(interval)).text == text

    @pytest.mark.parametrize(
        ("text", "interval"), [("366 D", "1D"), ("0 D", "1D"), ("21 Y", "1M"), ("1 Y", "1m"), ("30 S", "1m")]
    )
    def test_out_of_bounds(self, text: str, interval: str) -> None:
        with pytest.raises(words.DurationOutOfRange):
            words.read_duration(text, CandleInterval(interval))

    @pytest.mark.parametrize("interval", ["1m", "5m", "15m", "1h", "1D", "1W"])
    @pytest.mark.parametrize("limit", [1, 7, 250, 1000])
    def test_a_stretch_holds_enough_bars_and_is_allowed(self, limit: int, interval: str) -> None:
        every = CandleInterval(interval)

        duration = words.read_duration(words.duration_of_bars(limit, every), every)

        sessions = duration.seconds / 86_400 * 5 / 7
        per_session = 390 * 60 // every.length.total_seconds() if every.is_intraday else 1
        bars = duration.seconds / 86_400 / 7 if interval == "1W" else sessions * per_session
        assert bars >= limit


class TestNumbers:
    """W3 to W5."""

    @pytest.mark.parametrize("absent", [None, UNSET, -UNSET, Decimal("NaN"), Decimal("Infinity")])
    def test_the_unknown_is_0_in_frozen_fields_and_null_in_ours(self, absent: Decimal | None) -> None:
        assert numbers.number(absent) == 0.0
        assert numbers.whole(absent) == 0
        assert numbers.number_or_none(absent) is None

    @pytest.mark.parametrize(
        ("value", "written"),
        [("227.43", "227.43"), ("0.1", "0.1"), ("100", "100.0"), ("-0", "0.0"), ("0.00012345", "0.00012345")],
    )
    def test_prices_print_as_they_are(self, value: str, written: str) -> None:
        assert repr(numbers.number(Decimal(value))) == written

    def test_whole_numbers_are_integers(self) -> None:
        assert repr(numbers.whole(Decimal("18230411.9"))) == "18230411"
        assert repr(numbers.whole(Decimal("-3.0"))) == "-3"

    @pytest.mark.parametrize(
        ("value", "text"), [("10.00000000", "10"), ("0.5", "0.5"), ("1E+3", "1000"), ("0", "0")]
    )
    def test_exact_text_is_plain(self, value: str, text: str) -> None:
        assert numbers.exact(Decimal(value)) == text

    def test_times_are_utc_with_a_zone(self) -> None:
        local = datetime(2026, 3, 11, 11, 30, 4, 120_000, tzinfo=timezone(timedelta(hours=-4)))

        assert numbers.instant(local) == "2026-03-11T15:30:04.120000Z"
        assert numbers.stamp(datetime(2026, 3, 10, tzinfo=UTC)) == "2026-03-10T00:00:00Z"
