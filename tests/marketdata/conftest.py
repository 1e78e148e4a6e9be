"""Instruments with prices, and a board of this process that starts empty."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.common.clock import boottime
from apps.domain.quotes import MarketDataType, Quote
from apps.instruments.services import store_instrument
from apps.marketdata import board
from tests.instruments.conftest import AAPL, BRK_B


def quote(con_id=AAPL.ib_con_id, *, age_s=0.0, **changes):
    made = Quote(
        ib_con_id=con_id,
        symbol="AAPL",
        exchange="SMART",
        currency="USD",
        market_data_type=MarketDataType.LIVE,
        received_at=datetime.now(UTC),
        received_boottime=boottime() - age_s,
        bid=Decimal("227.42"),
        ask=Decimal("227.44"),
        last=Decimal("227.43"),
        close=Decimal("226.05"),
    )
    return replace(made, **changes)


@pytest.fixture
def aapl(db):
    return store_instrument(AAPL)


@pytest.fixture
def brk_b(db):
    return store_instrument(BRK_B)


@pytest.fixture
def empty_board():
    board.clear()
    yield board
    board.clear()
