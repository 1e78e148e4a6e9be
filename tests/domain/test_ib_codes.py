"""IB's message numbers as data."""

import pytest

from apps.domain.codes import CODES
from apps.domain.ib_codes import IB_CODES, IbKind, OrderEffect, ib_code, is_informative, is_reject


class TestTable:
    def test_every_line_is_complete(self) -> None:
        assert all(code.title and code.cause and code.fix for code in IB_CODES.values())

    def test_names_only_codes_we_have(self) -> None:
        assert {code.our_code for code in IB_CODES.values()} - {""} <= set(CODES)

    @pytest.mark.parametrize("number", [354, 10089, 10168, 10186])
    def test_no_right_to_data_has_one_code(self, number: int) -> None:
        assert IB_CODES[number].our_code == "NO_MARKET_DATA"


class TestReading:
    def test_a_number_nobody_knows_decides_nothing(self) -> None:
        code = ib_code(19_999)

        assert (code.kind, code.order_effect) == (IbKind.UNKNOWN, OrderEffect.UNKNOWN)
        assert not is_informative(19_999)
        assert not is_reject(19_999)

    @pytest.mark.parametrize("number", [399, 404, 481, 2109, 10349])
    def test_remarks_leave_the_order_alive(self, number: int) -> None:
        assert ib_code(number).order_effect is OrderEffect.LIVES
        assert is_informative(number)

    @pytest.mark.parametrize("number", [104, 105, 135, 136, 161, 202, 10147, 10148, 10311])
    def test_hints_are_no_rejects(self, number: int) -> None:
        assert not is_reject(number)

    @pytest.mark.parametrize("number", [2104, 2150, 1100, 10167])
    def test_what_only_informs_ends_no_request(self, number: int) -> None:
        assert is_informative(number)

    @pytest.mark.parametrize("number", [103, 110, 200, 201, 203, 321, 10006])
    def test_rejects_are_known(self, number: int) -> None:
        assert is_reject(number)
