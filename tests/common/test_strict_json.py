"""The JSON parser: what it refuses, and that it changes nothing it accepts."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.jsontext import to_json
from apps.common.strict import MAX_BYTES, BodyTooLarge, InvalidJson, parse_json

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | _TEXT
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)

REFUSED = {
    "a deep array": b"[" * 100_000,
    "a deep array that fits": b"[" * 9 + b"]" * 9,
    "deep objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "nine levels": b'{"a":' * 9 + b"1" + b"}" * 9,
    "5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "41 digits": b'{"a":' + b"1" * 41 + b"}",
    "41 decimals": b'{"a":0.' + b"1" * 41 + b"}",
    "an exponent beyond any range": b'{"a":1e999}',
    "a vanishing exponent": b'{"a":1e-999}',
    "an exponent beyond Decimal": b'{"a":1e99999999999999999999}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "minus Infinity": b'{"a":-Infinity}',
    "a key twice": b'{"a":1,"a":2}',
    "a key twice below": b'{"b":{"a":1,"a":1}}',
    "a key twice, once escaped": b'{"a":1,"\\u0061":2}',
    "a BOM": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without BOM": '{"a":1}'.encode("utf-16-le"),
    "a lone surrogate": b'{"a":"\\ud800"}',
    "a lone surrogate as key": b'{"\\udfff":1}',
    "NUL, escaped": b'{"a":"x\\u0000y"}',
    "NUL, raw": b'{"a":"x\0y"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "single quotes": b"{'a':1}",
    "a trailing comma": b'{"a":1,}',
    "a comment": b'{"a":1}//x',
    "two values": b'{"a":1}{"b":2}',
    "a leading zero": b'{"a":01}',
    "a plus sign": b'{"a":+1}',
    "a bare point": b'{"a":.5}',
    "nothing": b"",
    "blanks": b"  \n",
}


class TestParser:
    @pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
    def test_refuses(self, body):
        with pytest.raises((InvalidJson, BodyTooLarge)):
            parse_json(body)

    def test_accepts_exactly_16_kib(self):
        body = b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}'

        assert len(parse_json(body)["a"]) == MAX_BYTES - 8
        with pytest.raises(BodyTooLarge):
            parse_json(body + b" ")

    def test_accepts_eight_levels(self):
        assert parse_json(b"[" * 8 + b"]" * 8) == [[[[[[[[]]]]]]]]

    def test_does_not_count_brackets_inside_strings(self):
        assert parse_json(b'{"a":"[[[[[[[[[[{{{{\\"[[["}') == {"a": '[[[[[[[[[[{{{{"[[['}

    def test_reads_numbers_from_their_own_text(self):
        found = parse_json(b'{"price":0.1,"big":12345678901234567890.123456789,"quantity":10}')

        assert found == {
            "price": Decimal("0.1"),
            "big": Decimal("12345678901234567890.123456789"),
            "quantity": 10,
        }
        assert type(found["quantity"]) is int

    def test_reads_a_pair_of_surrogates_as_one_character(self):
        assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"

    @given(_VALUES)
    def test_changes_nothing_it_accepts(self, value):
        assert parse_json(json.dumps(value).encode()) == value

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9))
    def test_gives_a_decimal_back_as_it_was_written(self, value):
        assert format(parse_json(f"{value:f}".encode()), "f") == f"{value:f}"

    @given(st.binary(max_size=200))
    def test_answers_any_bytes_with_a_value_or_a_refusal(self, body):
        with suppress(InvalidJson):
            assert to_json(parse_json(body))
