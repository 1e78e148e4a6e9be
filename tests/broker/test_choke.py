"""The last look before the socket: what passes, and that nothing else does."""

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.ib.choke import check_built, check_intent, field_count
from apps.broker.ib.library import fresh_ib
from apps.broker.ib.translate import order_contract, order_terms
from apps.broker.port import FrameRefused
from apps.domain.events import OrderFrame
from apps.domain.orders import OrderType, Side
from tests.broker.conftest import order_frame

TEXTS = [field.name for field in fields(OrderFrame) if field.type in ("str", str)]
BAD_TEXTS = ["A\0B", "A\nB", "A\x7f", "A\x1b", "\uff21\uff21PL", "\u0410", "A\u200b", "é", "x" * 100]
BAD_QUANTITIES = [
    "0",
    "-5",
    "0.5",
    "10000001",
    "2147483647",
    "1.7976931348623157e308",
    "NaN",
    "sNaN",
    "Infinity",
]
BAD_PRICES = ["0", "-1", "0.00001", "1000000.01", "1.7976931348623157e308", "NaN", "-Infinity", "1.123456789"]

words = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)
symbols = st.from_regex(r"[A-Z0-9][A-Z0-9 .\-/]{0,20}", fullmatch=True)
prices = st.decimals("0.0001", "1000000", places=4)


@st.composite
def frames(draw: st.DrawFn) -> OrderFrame:
    """Frames as they may be asked for."""
    order_type = draw(st.sampled_from(OrderType))
    return OrderFrame(
        ib_order_id=draw(st.integers(1, 10**9 - 1)),
        order_ref=draw(words),
        account=draw(words),
        ib_con_id=draw(st.integers(1, 2**31 - 1)),
        symbol=draw(symbols),
        sec_type=draw(words),
        exchange=draw(words),
        currency=draw(words),
        side=draw(st.sampled_from(Side)),
        order_type=order_type,
        quantity=Decimal(draw(st.integers(1, 10_000_000))),
        limit_price=draw(prices) if order_type.needs_limit else None,
        stop_price=draw(prices) if order_type.needs_stop else None,
        time_in_force=draw(st.sampled_from(["DAY", "GTC"])),
        outside_rth=draw(st.booleans()),
        parent_ib_order_id=draw(st.integers(0, 10**9 - 1)),
        transmit=draw(st.booleans()),
        oca_group=draw(st.sampled_from(["", "pair"])),
    )


def built(frame: OrderFrame, server_version: int) -> list[str]:
    """Return the fields the library writes for a frame."""
    written: list[str] = []
    client = fresh_ib().client
    client._serverVersion = server_version
    client.connState = client.CONNECTED
    client.sendMsg = written.append
    client.placeOrder(frame.ib_order_id, order_contract(frame), order_terms(frame))
    client.connState = client.DISCONNECTED
    return written[0].split("\0")[:-1]


class TestIntent:
    def test_an_ordinary_order_passes(self) -> None:
        check_intent(order_frame())

    @pytest.mark.parametrize("name", TEXTS)
    @pytest.mark.parametrize("text", BAD_TEXTS)
    def test_a_text_that_could_shift_or_disguise_is_refused(self, name: str, text: str) -> None:
        with pytest.raises(FrameRefused):
            check_intent(order_frame(**{name: text}))

    @pytest.mark.parametrize("name", [name for name in TEXTS if name != "oca_group"])
    def test_an_empty_text_is_refused(self, name: str) -> None:
        with pytest.raises(FrameRefused):
            check_intent(order_frame(**{name: ""}))

    @pytest.mark.parametrize("symbol", ["aapl", " AAPL", "AAPL_", "-A", "A" * 22])
    def test_what_is_no_symbol_is_refused(self, symbol: str) -> None:
        with pytest.raises(FrameRefused):
            check_intent(order_frame(symbol=symbol))

    @pytest.mark.parametrize("text", BAD_QUANTITIES)
    def test_a_quantity_outside_the_envelope_is_refused(self, text: str) -> None:
        with pytest.raises(FrameRefused):
            check_intent(order_frame(quantity=Decimal(text)))

    @pytest.mark.parametrize("name", ["limit_price", "stop_price"])
    @pytest.mark.parametrize("text", BAD_PRICES)
    def test_a_price_outside_the_envelope_is_refused(self, name: str, text: str) -> None:
        prices = {"limit_price": Decimal(10), "stop_price": Decimal(10), name: Decimal(text)}

        with pytest.raises(FrameRefused):
            check_intent(order_frame(order_type=OrderType.STOP_LIMIT, **prices))

    @pytest.mark.parametrize(
        ("order_type", "limit", "stop"),
        [
            (OrderType.LIMIT, None, None),
            (OrderType.LIMIT, 10, 10),
            (OrderType.MARKET, 10, None),
            (OrderType.STOP, 10, None),
            (OrderType.STOP_LIMIT, 10, None),
        ],
    )
    def test_prices_must_fit_the_order_type(
        self, order_type: OrderType, limit: int | None, stop: int | None
    ) -> None:
        with pytest.raises(FrameRefused):
            check_intent(
                order_frame(
                    order_type=order_type,
                    limit_price=None if limit is None else Decimal(limit),
                    stop_price=None if stop is None else Decimal(stop),
                )
            )

    @pytest.mark.parametrize("ib_order_id", [0, -1, 1_000_000_000, 2**31])
    def test_an_order_id_out_of_its_range_is_refused(self, ib_order_id: int) -> None:
        with pytest.raises(FrameRefused):
            check_intent(order_frame(ib_order_id))


class TestBuiltFrame:
    @given(frame=frames(), server_version=st.sampled_from([157, 161, 163, 166, 169, 173, 176]))
    def test_what_the_library_builds_for_an_intent_passes(
        self, frame: OrderFrame, server_version: int
    ) -> None:
        check_intent(frame)

        check_built(built(frame, server_version), frame, server_version=server_version)

    @given(frame=frames(), position=st.integers(0, 34), other=words)
    def test_any_other_word_in_a_named_field_is_refused(
        self, frame: OrderFrame, position: int, other: str
    ) -> None:
        fields = built(frame, 176)
        fields[position] += other

        with pytest.raises(FrameRefused):
            check_built(fields, frame, server_version=176)

    @pytest.mark.parametrize("change", [lambda f: [*f, ""], lambda f: f[:-1], lambda f: []])
    def test_another_number_of_fields_is_refused(self, change: object) -> None:
        fields: Sequence[str] = change(built(order_frame(), 176))

        with pytest.raises(FrameRefused):
            check_built(fields, order_frame(), server_version=176)

    @pytest.mark.parametrize("position", [47, 85])
    def test_a_group_or_a_what_if_nobody_asked_for_is_refused(self, position: int) -> None:
        fields = built(order_frame(), 176)
        fields[position] = "1"

        with pytest.raises(FrameRefused):
            check_built(fields, order_frame(), server_version=176)

    @pytest.mark.parametrize(("version", "count"), [(157, 110), (161, 112), (176, 115), (178, 114)])
    def test_counts_fields_as_the_protocol_does(self, version: int, count: int) -> None:
        assert field_count(version) == count
