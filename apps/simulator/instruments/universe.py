"""Everything that has a price, found by its number or its symbol.

The one door to the tables and calendars of instruments: well-known stocks are a table,
the unknown ones rows, futures and options are made from their numbers, combinations exist
once they were named. What a client's contract block means is lookup.py.
"""

from __future__ import annotations

from apps.simulator.instruments.combos import combo_with_id
from apps.simulator.instruments.contracts_for_difference import difference_with_id
from apps.simulator.instruments.futures import UNDERLYINGS, future_with_id
from apps.simulator.instruments.instrument import DIRECT_EXCHANGES, VALID_EXCHANGES, Instrument
from apps.simulator.instruments.option_chains import option_with_id
from apps.simulator.instruments.small_stocks import KNOWN_STOCKS, small_stock_named, small_stock_with_id
from apps.simulator.instruments.spot_instruments import SPOT, SPOT_BY_NAME
from apps.simulator.instruments.stocks import BY_SYMBOL, STOCKS

__all__ = (
    "BY_CON_ID",
    "BY_SYMBOL",
    "DIRECT_EXCHANGES",
    "INSTRUMENTS",
    "KNOWN_STOCKS",
    "VALID_EXCHANGES",
    "Instrument",
    "instrument_named",
    "instrument_of",
    "known_instrument",
    "stock_named",
)

# The leading stocks: what a scan looks at, and what tests go through one by one.
INSTRUMENTS = STOCKS
BY_CON_ID = {one.con_id: one for one in (*STOCKS, *SPOT, *UNDERLYINGS)}
_ROOTS_BY_SYMBOL = {one.symbol: one for one in UNDERLYINGS}
_TOO_LONG = 11
_MAKERS = (small_stock_with_id, future_with_id, option_with_id, difference_with_id, combo_with_id)


def instrument_of(con_id: int) -> Instrument:
    """Return the instrument of a contract id. Raises KeyError if there is none."""
    found = known_instrument(con_id)
    if found is None:
        raise KeyError(con_id)
    return found


def known_instrument(con_id: int) -> Instrument | None:
    """Return the instrument of a contract id, expired ones too, or None if there is none."""
    found = BY_CON_ID.get(con_id)
    if found is not None:
        return found
    return next((one for make in _MAKERS if (one := make(con_id)) is not None), None)


def stock_named(symbol: str) -> Instrument | None:
    """Return the stock of a symbol, in either spelling of its share class, or None."""
    # IB writes a share class with a blank, most data vendors with a point.
    name = symbol.upper().replace(" ", ".")
    return BY_SYMBOL.get(name) or small_stock_named(name)


def instrument_named(name: str) -> Instrument | None:
    """Return what people mean who set prices by hand, or None.

    A stock's symbol, a local symbol like `EUR.USD`, the root of futures, or any contract's number.
    """
    if name.isdecimal() and len(name) < _TOO_LONG:
        return known_instrument(int(name))
    wanted = name.upper()
    return stock_named(name) or SPOT_BY_NAME.get(wanted) or _ROOTS_BY_SYMBOL.get(wanted)
