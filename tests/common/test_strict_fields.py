"""The strict fields, cell by cell of the bad-input matrix."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from apps.common.problems import flat_errors
from apps.common.strict import (
    ClientKeyField,
    NativeQuantityField,
    PriceField,
    QuantityField,
    StrictBooleanField,
    StrictChoiceField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    SymbolField,
    parse_json,
)
from apps.domain.instruments import normalise_symbol


class Ticket(StrictSerializer):
    """An order as the frozen surface reads it."""

    symbol = SymbolField()
    action = StrictChoiceField(("BUY", "SELL"), upper=True)
    quantity = QuantityField()
    limit_price = PriceField(required=False)
    tif = StrictChoiceField(("DAY", "GTC"), required=False)
    outside_rth = StrictBooleanField(required=False)
    client_order_id = ClientKeyField(required=False)
    expires_in = StrictIntegerField(min_value=1, max_value=60, required=False)


class NativeTicket(StrictSerializer):
    """An order as the native surface reads it."""

    quantity = NativeQuantityField()


class Group(StrictSerializer):
    """Something with an order inside."""

    legs = Ticket(many=True)


GOOD = {"symbol": "AAPL", "action": "BUY", "quantity": 10}


def codes(serializer_class, data):
    """Return field → code of every error."""
    serializer = serializer_class(data=data)
    try:
        serializer.is_valid(raise_exception=True)
    except ValidationError as error:
        return {found["field"]: found["code"] for found in flat_errors(error.detail)}
    return {}


def values(serializer_class, data):
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class TestSymbol:
    @pytest.mark.parametrize(
        "bad",
        [
            "",
            " AAPL",
            "AAPL\n",
            "\uff21\uff21\uff30\uff2c",
            "\u0410APL",
            "A\u200bPL",
            "AAPL\0STK",
            "A" * 65,
            123,
            None,
            ["AAPL"],
            {"symbol": "AAPL"},
            True,
            "\u0131",
        ],
        ids=repr,
    )
    def test_refuses(self, bad):
        assert codes(Ticket, GOOD | {"symbol": bad}) == {"symbol": "VALIDATION_SYMBOL"}

    @pytest.mark.parametrize("spelling", ["BRK.B", "BRK-B", "BRK B", "brk b", "Brk.b"])
    def test_reads_all_spellings_of_one_instrument_as_one(self, spelling):
        assert values(Ticket, GOOD | {"symbol": spelling})["symbol"] == "BRK B"

    @given(st.text(max_size=30))
    def test_normalises_whatever_it_accepts_once_and_for_all(self, text):
        if codes(Ticket, GOOD | {"symbol": text}):
            return
        symbol = values(Ticket, GOOD | {"symbol": text})["symbol"]

        assert normalise_symbol(symbol) == symbol
        assert symbol.isascii()


class TestChoice:
    @pytest.mark.parametrize(
        "bad", ["buy ", "B", "SSHORT", "SLONG", "", 1, None, True, ["BUY"], "\uff42uy"], ids=repr
    )
    def test_refuses(self, bad):
        assert codes(Ticket, GOOD | {"action": bad}) == {"action": "VALIDATION_CHOICE"}

    def test_reads_either_case_only_where_it_says_so(self):
        assert values(Ticket, GOOD | {"action": "sell"})["action"] == "SELL"
        assert codes(Ticket, GOOD | {"tif": "gtc"}) == {"tif": "VALIDATION_CHOICE"}


class TestQuantity:
    @pytest.mark.parametrize(
        "text",
        [
            "0",
            "-1",
            "0.5",
            '"\u0661\u0662"',
            '"1_000"',
            '" 1 "',
            "1e3",
            "1.0",
            '"10"',
            "true",
            "null",
            '"0x10"',
        ],
    )
    def test_compat_refuses(self, text):
        assert codes(Ticket, GOOD | {"quantity": parse_json(text.encode())}) == {
            "quantity": "VALIDATION_QUANTITY"
        }

    @pytest.mark.parametrize("text", ["10000001", "2147483647", "2147483648", "1" + "0" * 30])
    def test_refuses_what_no_order_can_have(self, text):
        assert codes(Ticket, GOOD | {"quantity": parse_json(text.encode())}) == {
            "quantity": "VALIDATION_RANGE"
        }

    @pytest.mark.parametrize("text", ["10", "10.0", '"10"', '"10.0"'])
    def test_native_reads_every_plain_form(self, text):
        quantity = values(NativeTicket, {"quantity": parse_json(text.encode())})["quantity"]

        assert str(quantity) == "10"

    @pytest.mark.parametrize(
        "text", ["0", "-1", "0.5", '"1e1"', "1e1", '"٣"', '" 10"', '"1_0"', '"+1"', '"10."', "true", "null"]
    )
    def test_native_refuses(self, text):
        assert codes(NativeTicket, {"quantity": parse_json(text.encode())}) == {
            "quantity": "VALIDATION_QUANTITY"
        }


class TestPrice:
    @pytest.mark.parametrize(
        "text",
        [
            '"10,5"',
            '"1_0"',
            '"\uff11\uff12"',
            "true",
            "[1]",
            '""',
            '"1e3"',
            "1e3",
            '" 1"',
            '"NaN"',
            '"01"',
            '".5"',
        ],
    )
    def test_refuses_strange_spellings(self, text):
        assert codes(Ticket, GOOD | {"limit_price": parse_json(text.encode())}) == {
            "limit_price": "VALIDATION_PRICE"
        }

    @pytest.mark.parametrize(
        "text", ["0", "-1", "1.7976931348623157e308", "0.123456789", '"0.000012345"', "1000001", "0.00009"]
    )
    def test_refuses_what_is_out_of_the_envelope(self, text):
        assert codes(Ticket, GOOD | {"limit_price": parse_json(text.encode())}) == {
            "limit_price": "VALIDATION_RANGE"
        }

    @given(st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(1_000_000), places=8, allow_nan=False))
    def test_reads_number_and_string_alike_and_exactly(self, price):
        number = values(Ticket, GOOD | {"limit_price": parse_json(f"{price:f}".encode())})["limit_price"]
        string = values(Ticket, GOOD | {"limit_price": f"{price:f}"})["limit_price"]

        assert number == string == price

    def test_trailing_zeros_are_no_decimals(self):
        assert values(Ticket, GOOD | {"limit_price": "10.500000000000"})["limit_price"] == Decimal("10.5")


class TestOthers:
    @pytest.mark.parametrize("bad", ["yes", "on", "false", "true", 1, 0, "", []], ids=repr)
    def test_a_flag_is_a_json_boolean_only(self, bad):
        assert codes(Ticket, GOOD | {"outside_rth": bad}) == {"outside_rth": "VALIDATION_CHOICE"}

    @pytest.mark.parametrize(
        "bad",
        [
            "a" * 7,
            "a" * 65,
            "a b c d e",
            "abcdefgh\n",
            "abc\x07defg",
            "😀" * 8,
            "abcdefg\0",
            "../../../",
            "=cmd()xx",
        ],
        ids=repr,
    )
    def test_a_key_has_its_form(self, bad):
        assert codes(Ticket, GOOD | {"client_order_id": bad}) == {"client_order_id": "VALIDATION_KEY"}

    @pytest.mark.parametrize("bad", [0, -1, 61, "5", 10**9, True, Decimal("5.0")], ids=repr)
    def test_an_integer_is_in_range_and_an_integer(self, bad):
        assert codes(Ticket, GOOD | {"expires_in": bad}) == {"expires_in": "VALIDATION_RANGE"}

    @pytest.mark.parametrize(
        "bad",
        ["", " x", "x ", "a\u200bb", "a\nb", "a\x1bb", "a\u2028b", "\ufeffa", "x" * 11, 1, None],
        ids=repr,
    )
    def test_text_is_visible_and_taken_as_it_is(self, bad):
        class Note(StrictSerializer):
            note = StrictTextField(max_length=10)

        assert codes(Note, {"note": bad}) == {"note": "VALIDATION_CHOICE"}
        assert values(Note, {"note": "Üß 株 ok"}) == {"note": "Üß 株 ok"}


class TestSerializer:
    def test_null_counts_as_absent(self):
        assert "limit_price" not in values(Ticket, GOOD | {"limit_price": None})
        assert codes(Ticket, GOOD | {"quantity": None}) == {"quantity": "VALIDATION_QUANTITY"}

    def test_a_missing_field_has_the_code_of_its_kind(self):
        assert codes(Ticket, {}) == {
            "symbol": "VALIDATION_SYMBOL",
            "action": "VALIDATION_CHOICE",
            "quantity": "VALIDATION_QUANTITY",
        }

    def test_refuses_a_field_it_does_not_know(self):
        assert codes(Ticket, GOOD | {"limitprice": 10}) == {"limitprice": "VALIDATION_UNKNOWN_FIELD"}

    def test_refuses_an_unknown_field_that_is_null(self):
        assert codes(Ticket, GOOD | {"limitprice": None}) == {"limitprice": "VALIDATION_UNKNOWN_FIELD"}

    def test_tells_all_errors_at_once(self):
        found = codes(Ticket, {"symbol": 1, "action": "BUY", "quantity": "x", "qty": 1})

        assert found == {
            "qty": "VALIDATION_UNKNOWN_FIELD",
            "symbol": "VALIDATION_SYMBOL",
            "quantity": "VALIDATION_QUANTITY",
        }

    def test_names_fields_inside_lists_by_their_path(self):
        assert codes(Group, {"legs": [GOOD, GOOD | {"quantity": 0, "x": 1}]}) == {
            "legs[1].quantity": "VALIDATION_QUANTITY",
            "legs[1].x": "VALIDATION_UNKNOWN_FIELD",
        }

    @pytest.mark.parametrize("data", [[], "x", None, 1], ids=repr)
    def test_refuses_what_is_no_object(self, data):
        assert all(code.startswith("VALIDATION_") for code in codes(Ticket, data).values())
        assert codes(Ticket, data)

    @given(
        st.dictionaries(
            st.sampled_from([*GOOD, "limit_price", "tif", "outside_rth", "client_order_id", "typo"]),
            st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.decimals(allow_nan=False),
        )
    )
    def test_what_it_accepts_means_the_same_when_sent_again(self, data):
        if codes(Ticket, data):
            return
        first = values(Ticket, data)

        assert values(Ticket, dict(first)) == first
