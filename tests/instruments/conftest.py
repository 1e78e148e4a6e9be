"""Instruments as the broker would describe them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.domain.instruments import InstrumentSpec, TickRule

AAPL = InstrumentSpec(
    ib_con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    name="APPLE INC",
    multiplier="",
    min_tick=Decimal("0.01"),
    lot_size=Decimal(1),
    time_zone="US/Eastern",
    trading_hours="20261120:0400-20261120:2000;20261121:CLOSED",
    liquid_hours="20261120:0930-20261120:1600;20261121:CLOSED",
    tick_rules=(TickRule(Decimal(0), Decimal("0.0001")), TickRule(Decimal(1), Decimal("0.01"))),
)
BRK_B = replace(AAPL, ib_con_id=72063691, symbol="BRK B", local_symbol="BRK B", primary_exchange="NYSE")


@pytest.fixture
def aapl():
    return AAPL
