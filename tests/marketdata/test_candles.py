"""One question for all who ask, one answer for all who wait."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.domain.candles import Candle, CandleInterval
from apps.marketdata.models import CandleRequest, CandleRow
from apps.marketdata.selectors import candles_of, pending_candle_requests
from apps.marketdata.services import refuse_candles, request_candles, store_candles
from apps.marketdata.tasks import drop_old
from tests.racing import race

pytestmark = pytest.mark.django_db

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def candle(minute, *, close="1.5", final=True):
    return Candle(
        start=OPEN + timedelta(minutes=minute),
        session_date=date(2026, 11, 20),
        open=Decimal(1),
        high=Decimal(2),
        low=Decimal("0.5"),
        close=Decimal(close),
        volume=Decimal(100),
        vwap=None,
        final=final,
    )


def ask(instrument, **changes):
    return request_candles(instrument=instrument, interval=CandleInterval.M1, **{"duration": "1 D"} | changes)


class TestAsking:
    def test_the_same_is_one_request(self, aapl):
        assert ask(aapl) == ask(aapl)
        assert [request.instrument for request in pending_candle_requests(10)] == [aapl]

    @pytest.mark.parametrize(
        "change", [{"duration": "2 D"}, {"what_to_show": "MIDPOINT"}, {"regular_hours_only": False}]
    )
    def test_something_else_is_another_request(self, aapl, change):
        assert ask(aapl) != ask(aapl, **change)

    def test_again_within_fifteen_seconds_shares_the_answer(self, aapl):
        request = ask(aapl)
        store_candles(request_id=request.pk, candles=[candle(0)])

        assert ask(aapl) == request

    def test_again_later_asks_the_broker_again(self, aapl):
        request = ask(aapl)
        store_candles(request_id=request.pk, candles=[candle(0)])
        CandleRequest.objects.update(done_at=timezone.now() - timedelta(seconds=16))

        assert ask(aapl) != request

    def test_again_after_a_refusal_asks_the_broker_again(self, aapl):
        request = ask(aapl)
        refuse_candles(request_id=request.pk, code="IB_PACING", detail="slow down", ib_code=162)

        assert ask(aapl) != request

    @pytest.mark.database
    @pytest.mark.django_db(transaction=True)
    def test_at_the_same_moment_makes_one_request(self, aapl):
        asked = race([lambda: ask(aapl) for _ in range(20)])

        assert {request.pk for request in asked} == {CandleRequest.objects.get().pk}


class TestAnswering:
    def test_gives_the_candles_ascending(self, aapl):
        request = ask(aapl)

        done = store_candles(request_id=request.pk, candles=[candle(1), candle(0)])

        assert done.state == "DONE"
        assert candles_of(done) == [candle(0), candle(1)]
        assert (done.first, done.last) == (candle(0).start, candle(1).start)

    def test_replaces_the_candle_that_was_still_forming(self, aapl):
        store_candles(request_id=ask(aapl).pk, candles=[candle(0, close="1.1", final=False)])

        done = store_candles(request_id=ask(aapl, duration="2 D").pk, candles=[candle(0)])

        assert candles_of(done) == [candle(0)]
        assert CandleRow.objects.count() == 1

    def test_keeps_other_questions_apart(self, aapl):
        store_candles(request_id=ask(aapl, regular_hours_only=False).pk, candles=[candle(-30), candle(0)])

        done = store_candles(request_id=ask(aapl).pk, candles=[candle(0)])

        assert candles_of(done) == [candle(0)]

    def test_with_nothing_is_an_answer(self, aapl):
        done = store_candles(request_id=ask(aapl).pk, candles=[])

        assert (done.state, candles_of(done)) == ("DONE", [])

    def test_with_a_refusal_keeps_the_brokers_words(self, aapl):
        request = ask(aapl)

        done = refuse_candles(
            request_id=request.pk, code="NO_MARKET_DATA", detail="No data", ib_code=162, ib_message="HMDS"
        )

        assert (done.state, done.code, done.ib_code, done.ib_message) == (
            "REFUSED",
            "NO_MARKET_DATA",
            162,
            "HMDS",
        )
        assert candles_of(done) == []

    def test_a_second_time_changes_nothing(self, aapl):
        request = ask(aapl)
        store_candles(request_id=request.pk, candles=[candle(0)])

        assert refuse_candles(request_id=request.pk, code="BROKER_TIMEOUT", detail="late") is None

        assert CandleRequest.objects.get().state == "DONE"


class TestDroppingOldRequests:
    def test_keeps_open_ones_and_every_candle(self, aapl):
        store_candles(request_id=ask(aapl).pk, candles=[candle(0)])
        CandleRequest.objects.update(done_at=timezone.now() - timedelta(days=2))
        waiting = ask(aapl)

        assert drop_old() == 1

        assert CandleRequest.objects.get() == waiting
        assert CandleRow.objects.count() == 1
