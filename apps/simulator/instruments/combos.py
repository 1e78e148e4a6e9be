"""Combinations: several legs traded as one, priced at the sum of them.

A combination exists once somebody has named its legs; its number follows from them, so
that the same legs are the same instrument in every session and after every restart.
"""

from __future__ import annotations

from collections import OrderedDict
from zlib import crc32

from apps.simulator.instruments.instrument import Instrument, Leg

FIRST_ID = 2_117_000_000
_IDS = 30_000_000
_KEPT = 10_000
_known: OrderedDict[int, Instrument] = OrderedDict()

#: What a combination of contracts is called as a security type.
BAG = "BAG"


def combo_of(legs: tuple[Leg, ...], *, symbol: str, currency: str, multiplier: float) -> Instrument:
    """Return the combination of legs, remembered from now on under its number.

    Prices are those of one of the whole; `multiplier` is that of its legs.
    """
    text = ";".join(f"{one.con_id}*{one.signed_ratio}" for one in legs)
    con_id = FIRST_ID + crc32(text.encode()) % _IDS
    found = Instrument(
        con_id=con_id, symbol=symbol, name="", primary_exchange="", stock_type="", industry="",
        start_price=1.0, daily_volatility=0.0, average_volume=0, spread_ticks=1, sec_type="BAG",
        currency=currency, multiplier=multiplier, exchange="SMART", valid_exchanges=("SMART",),
        local_symbol=text, trading_class="COMB", lot=1, legs=legs,
    )  # fmt: skip
    _known[con_id] = found
    if len(_known) > _KEPT:
        _known.popitem(last=False)
    return found


def combo_with_id(con_id: int) -> Instrument | None:
    """Return a combination somebody has named, or None."""
    return _known.get(con_id)
