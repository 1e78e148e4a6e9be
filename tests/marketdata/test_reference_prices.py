"""The prices a gate may use, as rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.domain.quotes import MarketDataType
from apps.marketdata.models import ReferencePrice
from apps.marketdata.selectors import aged_reference_price, reference_price
from apps.marketdata.services import record_refusal, store_reference_price, store_reference_prices
from tests.instruments.conftest import AAPL, BRK_B
from tests.marketdata.conftest import quote

pytestmark = pytest.mark.django_db


class TestReferencePrice:
    def test_is_none_before_the_first(self, aapl):
        assert reference_price(aapl) is None

    def test_is_the_newest(self, aapl):
        store_reference_price(quote=quote(), instrument=aapl)
        store_reference_price(quote=quote(bid=None, market_data_type=MarketDataType.DELAYED), instrument=aapl)

        row = reference_price(aapl)
        assert (row.bid, row.ask, row.market_data_type) == (None, Decimal("227.44"), "delayed")

    def test_many_at_once_leave_unknown_instruments_out(self, aapl, brk_b):
        store_reference_prices([quote(), quote(BRK_B.ib_con_id), quote(77), quote(last=Decimal(9))])

        assert reference_price(aapl).last == Decimal(9)
        assert ReferencePrice.objects.count() == 2

    def test_of_nothing_is_nothing(self):
        store_reference_prices([])

        assert not ReferencePrice.objects.exists()


class TestAge:
    @pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(hours=1)])
    def test_is_not_that_of_the_wall_clock_of_whoever_received_it(self, aapl, wrong_by):
        heard = replace(quote(age_s=90), received_at=datetime.now(UTC) + wrong_by)

        store_reference_price(quote=heard, instrument=aapl)

        _, age_s = aged_reference_price(aapl)
        assert 89 < age_s < 95

    def test_is_unknown_after_the_clock_was_set_back(self, aapl):
        store_reference_price(quote=quote(), instrument=aapl)
        ReferencePrice.objects.update(received_at=datetime.now(UTC) + timedelta(hours=1))

        _, age_s = aged_reference_price(aapl)

        assert age_s is None


class TestRefusal:
    def test_keeps_the_old_prices_until_new_ones_come(self, aapl):
        store_reference_price(quote=quote(), instrument=aapl)

        record_refusal(ib_con_id=AAPL.ib_con_id, ib_code=354, text="Not subscribed")

        row = reference_price(aapl)
        assert (row.refusal_code, row.refusal_text, row.last) == (354, "Not subscribed", Decimal("227.43"))

    def test_ends_with_a_price(self, aapl):
        record_refusal(ib_con_id=AAPL.ib_con_id, ib_code=354, text="Not subscribed")

        store_reference_price(quote=quote(), instrument=aapl)

        row = reference_price(aapl)
        assert (row.refusal_code, row.refusal_text) == (None, "")

    def test_of_an_unknown_instrument_is_only_logged(self, caplog):
        record_refusal(ib_con_id=77, ib_code=354, text="Not subscribed")

        assert "refusal of an unknown instrument" in caplog.text
