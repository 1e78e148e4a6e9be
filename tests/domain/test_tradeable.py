"""Would an order priced on this quote pass now?"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.domain.quotes import MarketDataType, Quote
from apps.domain.tradeable import tradeable

GOOD = Quote(
    ib_con_id=265598,
    symbol="AAPL",
    exchange="SMART",
    currency="USD",
    market_data_type=MarketDataType.LIVE,
    received_at=datetime(2026, 11, 20, 15, tzinfo=UTC),
    received_boottime=1000.0,
    bid=Decimal("227.42"),
    ask=Decimal("227.44"),
)


def reasons(quote, session="regular", *, now=1001.0, proof_ok=True):
    verdict, codes = tradeable(quote, session, now_boottime=now, proof_ok=proof_ok)
    assert verdict is (codes == [])
    return codes


class TestTradeable:
    @pytest.mark.parametrize("session", ["regular", "pre", "post"])
    def test_a_good_quote_is(self, session):
        assert reasons(GOOD, session) == []

    @pytest.mark.parametrize(
        ("quote", "codes"),
        [
            (replace(GOOD, market_data_type=MarketDataType.DELAYED), ["QUOTE_DELAYED"]),
            (replace(GOOD, market_data_type=MarketDataType.UNKNOWN), ["QUOTE_DELAYED"]),
            (replace(GOOD, market_data_type=MarketDataType.FROZEN), ["QUOTE_STALE"]),
            (
                replace(GOOD, market_data_type=MarketDataType.DELAYED_FROZEN),
                ["QUOTE_DELAYED", "QUOTE_STALE"],
            ),
            (replace(GOOD, bid=None), ["NO_BID"]),
            (replace(GOOD, ask=Decimal(0)), ["NO_ASK"]),
            (replace(GOOD, bid=None, ask=None), ["NO_BID", "NO_ASK"]),
            (replace(GOOD, bid=Decimal(97), ask=Decimal(103)), ["WIDE_SPREAD"]),
            (replace(GOOD, halted=True), ["HALTED"]),
        ],
    )
    def test_names_what_is_wrong_with_a_quote(self, quote, codes):
        assert reasons(quote) == codes

    @pytest.mark.parametrize(("now", "codes"), [(1060.0, []), (1060.1, ["QUOTE_STALE"])])
    def test_a_quote_is_stale_over_sixty_seconds(self, now, codes):
        assert reasons(GOOD, now=now) == codes

    def test_a_spread_of_exactly_five_percent_is_not_wide(self):
        assert reasons(replace(GOOD, bid=Decimal("97.5"), ask=Decimal("102.5"))) == []

    @pytest.mark.parametrize(
        ("session", "codes"),
        [("closed", ["SESSION_CLOSED"]), ("overnight", ["SESSION_CLOSED"]), ("halted", ["HALTED"])],
    )
    def test_names_a_session_without_trading(self, session, codes):
        assert reasons(GOOD, session) == codes

    def test_an_unproven_mode_is_never_tradeable(self):
        assert reasons(GOOD, proof_ok=False) == ["MODE_UNPROVEN"]

    def test_lists_everything_in_a_fixed_order(self):
        dead = replace(GOOD, market_data_type=MarketDataType.DELAYED, bid=None, halted=True)

        assert reasons(dead, "closed", now=2000.0, proof_ok=False) == [
            "QUOTE_DELAYED",
            "QUOTE_STALE",
            "SESSION_CLOSED",
            "NO_BID",
            "HALTED",
            "MODE_UNPROVEN",
        ]
