"""Contracts for difference on stocks: they cost what the stock costs, and send clients there for data."""

from __future__ import annotations

from dataclasses import replace

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.small_stocks import FIRST_ID as FIRST_SMALL
from apps.simulator.instruments.small_stocks import small_stock_with_id
from apps.simulator.instruments.stocks import STOCKS

FIRST_ID = 640_000_000
_FIRST_SMALL_PLACE = 1000
_PLACES = {one.con_id: place for place, one in enumerate(STOCKS)}


def difference_on(stock: Instrument) -> Instrument:
    """Return the contract for difference on a stock."""
    place = _PLACES.get(stock.con_id, stock.con_id - FIRST_SMALL + _FIRST_SMALL_PLACE)
    return replace(
        stock,
        con_id=FIRST_ID + place,
        sec_type="CFD",
        primary_exchange="",
        valid_exchanges=("SMART",),
        local_symbol=f"{stock.symbol}n",
        trading_class=f"{stock.symbol}n",
        under_con_id=stock.con_id,
    )


def difference_with_id(con_id: int) -> Instrument | None:
    """Return the contract of a number, or None if it is no such number."""
    place = con_id - FIRST_ID
    if 0 <= place < len(STOCKS):
        return difference_on(STOCKS[place])
    stock = small_stock_with_id(FIRST_SMALL + place - _FIRST_SMALL_PLACE)
    return difference_on(stock) if stock else None
