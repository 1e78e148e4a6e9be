"""Names that are functions of the order itself."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.domain.identity import fingerprint, is_client_order_id, is_our_ref, order_ref, plain
from apps.domain.orders import OrderTicket, OrderType, Side

TICKET = OrderTicket(
    account="DU1234567",
    symbol="AAPL",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    quantity=Decimal(10),
    limit_price=Decimal("227.40"),
)


class TestOrderRef:
    @pytest.mark.parametrize(
        ("account", "expected"),
        [("DU1234567", "jb:HUDYBLC4P7SKU7J4TPI2D3IAPR"), ("DU7654321", "jb:3APLVQLLGXZTGWCZKY4SQUWQKQ")],
    )
    def test_matches_the_published_vectors(self, account: str, expected: str) -> None:
        assert order_ref(account, "jax-2026-11-20-0001") == expected

    @given(st.text(), st.text())
    def test_is_always_29_characters_of_ours(self, account: str, key: str) -> None:
        ref = order_ref(account, key)

        assert len(ref) == 29
        assert is_our_ref(ref)


class TestFingerprint:
    @pytest.mark.parametrize("same", ["10", "10.0", "10.000", "1E+1"])
    def test_agrees_on_every_spelling_of_a_number(self, same: str) -> None:
        assert fingerprint(replace(TICKET, quantity=Decimal(same))) == fingerprint(TICKET)

    def test_leaves_out_what_is_about_the_request(self) -> None:
        assert fingerprint(replace(TICKET, tag="x", expires_in_s=3)) == fingerprint(TICKET)

    @pytest.mark.parametrize(
        "changes",
        [
            {"account": "DU7654321"},
            {"symbol": "MSFT"},
            {"side": Side.SELL},
            {"order_type": OrderType.STOP_LIMIT},
            {"quantity": Decimal(11)},
            {"limit_price": Decimal("227.41")},
            {"stop_price": Decimal(220)},
            {"outside_rth": True},
        ],
    )
    def test_differs_in_everything_else(self, changes: dict[str, object]) -> None:
        assert fingerprint(replace(TICKET, **changes)) != fingerprint(TICKET)  # type: ignore[arg-type]


class TestClientOrderId:
    @pytest.mark.parametrize("good", ["a" * 8, "a" * 64, "swing-2026.03:11_7"])
    def test_accepts(self, good: str) -> None:
        assert is_client_order_id(good)

    @pytest.mark.parametrize(
        "bad", ["a" * 7, "a" * 65, "-aaaaaaa", "aaaaaaa\n", "aaaa aaaa", "ключ-0001", ""]
    )
    def test_refuses(self, bad: str) -> None:
        assert not is_client_order_id(bad)


class TestPlain:
    @given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
    def test_keeps_the_value_and_shows_no_exponent(self, number: Decimal) -> None:
        text = plain(number)

        assert Decimal(text) == number
        assert "E" not in text
