"""Quotes between processes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.domain.quotes import MarketDataType, Quote
from apps.marketdata.codec import from_json, to_json

money = st.none() | st.decimals(min_value="0.0001", max_value=10**6, places=4)
moments = st.integers(10**9, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
quotes = st.builds(
    Quote,
    ib_con_id=st.integers(1, 2**31),
    symbol=st.sampled_from(["AAPL", "BRK B"]),
    exchange=st.just("SMART"),
    currency=st.just("USD"),
    market_data_type=st.sampled_from(MarketDataType),
    received_at=moments,
    received_boottime=st.just(500.0),
    provider_timestamp=st.none() | moments,
    bid=money,
    ask=money,
    last=money,
    volume=money,
    close=money,
    halted=st.booleans(),
)


class TestCodec:
    @given(quotes)
    def test_loses_nothing_on_the_way(self, quote):
        text = json.dumps(to_json(quote, boottime=500.0))

        assert from_json(json.loads(text), boottime=500.0) == quote

    @given(quotes, st.floats(0, 1e6))
    def test_carries_the_age_to_a_host_with_another_boottime(self, quote, age_s):
        data = to_json(quote, boottime=500.0 + age_s)

        arrived = from_json(data, boottime=9_000_000.0)

        assert arrived.age_s(9_000_000.0) == pytest.approx(age_s, abs=0.001)

    @given(quotes)
    def test_writes_decimals_as_text(self, quote):
        data = to_json(replace(quote, bid=Decimal("227.40")), boottime=500.0)

        assert data["bid"] == "227.40"

    @pytest.mark.parametrize("data", [{}, {"ib_con_id": "x"}])
    def test_refuses_anything_else(self, data):
        with pytest.raises((KeyError, ValueError)):
            from_json(data, boottime=0.0)
