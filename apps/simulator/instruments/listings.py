"""What contract details add to an instrument, and what a client says to mean one or several.

Everything here is a reading of the instrument's kind; which instruments fit a request is
lookup.py, the wire form is contract_messages.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.instruments.futures import ROOT_BY_SYMBOL, contract_month
from apps.simulator.instruments.instrument import Instrument, Leg
from apps.simulator.instruments.option_chains import option_root
from apps.simulator.instruments.spot_instruments import BOND_TERMS
from apps.simulator.instruments.universe import instrument_of

_STOCK_ORDERS = "ACTIVETIM,ADJUST,ALLOC,DAY,GTC,IOC,LMT,MKT,OCA,OUTSIDERTH,STP,STPLMT,TRAIL,WHATIF"
_ORDER_TYPES = {
    "FUT": "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AVGCOST,BASKET,COND,DAY,GTC,IOC,LIT,LMT,MIT,MKT,MTL,"
    "NGCOMB,OCA,OUTSIDERTH,PEGBENCH,SCALE,SNAPMID,SNAPMKT,SNAPREL,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,"
    "TRAILMIT,WHATIF",
    "OPT": "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AON,COND,DAY,FOK,GTC,IOC,LIT,LMT,MIT,MKT,MTL,OCA,"
    "OPENCLOSE,PEGSTK,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,VOLAT,WHATIF",
    "CASH": "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AVGCOST,BASKET,CASHQTY,COND,CONDORDTYPE,DAY,GAT,GTC,GTD,"
    "HID,IOC,LIT,LMT,MIT,MKT,NONALGO,OCA,OUTSIDERTH,REL,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,"
    "TRAILMIT,WHATIF",
    "CRYPTO": "ALGO,CASHQTY,DAY,GTC,IOC,LMT,MKT,WHATIF",
    "IND": "ALERT",
    "BOND": "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,DAY,GTC,LMT,MKT,OCA,WHATIF",
}
_SIZES = {
    "STK": ("0.0001", "0.0001", "100"),
    "CASH": ("0.01", "0.01", "0.01"),
    "CRYPTO": ("0.00001", "0.00001", "0.00001"),
}
_ZONES = {"CME": "US/Central", "CBOT": "US/Central"}
_AGGREGATION_GROUPS = {"STK": 1, "CASH": 4, "FUT": 2_147_483_647, "CONTFUT": 2_147_483_647}


@dataclass(frozen=True, slots=True)
class Listing:
    """What contract details tell beside the instrument; empty where a kind has no such thing."""

    instrument: Instrument
    order_types: str
    sizes: tuple[str, str, str]
    zone: str
    aggregation_group: int
    market_name: str
    contract_month: str = ""
    under_symbol: str = ""
    under_sec_type: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    isin: str = ""
    cusip: str = ""


def listing_of(instrument: Instrument) -> Listing:
    """Return an instrument as contract details describe it."""
    sec_type = instrument.sec_type
    kind = {"CONTFUT": "FUT", "FOP": "OPT"}.get(sec_type, sec_type)
    under = instrument_of(instrument.under_con_id) if instrument.under_con_id else None
    return Listing(
        instrument=instrument,
        order_types=_ORDER_TYPES.get(kind, _STOCK_ORDERS),
        sizes=_SIZES.get(kind, ("1", "1", "1")),
        zone=_ZONES.get(instrument.exchange, "US/Eastern"),
        aggregation_group=_AGGREGATION_GROUPS.get(sec_type, 2),
        market_name=instrument.trading_class,
        contract_month=_month_of(instrument),
        under_symbol=under.symbol if under else "",
        under_sec_type=under.sec_type if under else "",
        industry=instrument.industry,
        category=instrument.industry,
        subcategory=instrument.stock_type,
        isin=isin_of(instrument) if instrument.is_stock else "",
        cusip=BOND_TERMS[instrument.con_id].cusip if sec_type == "BOND" else "",
    )


def isin_of(stock: Instrument) -> str:
    """Return a number of the right form; it belongs to the simulator's instrument only."""
    return f"US{stock.con_id:010d}"[:12]


def _month_of(instrument: Instrument) -> str:
    if instrument.sec_type in ("FUT", "CONTFUT"):
        return contract_month(instrument)
    return instrument.expiry[:6]


def derivatives_of(instrument: Instrument) -> list[str]:
    """Return the kinds of contracts there are on an instrument, as a search names them."""
    if instrument.is_stock:
        return ["CFD", "OPT"] if option_root(instrument.symbol) else ["CFD"]
    if instrument.sec_type != "IND":
        return []
    found = ["FUT"] if instrument.symbol in ROOT_BY_SYMBOL else []
    if option_root(instrument.symbol, "FOP"):
        found.append("FOP")
    return [*found, "OPT"] if option_root(instrument.symbol) and not found else found


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedContract:
    """The contract block of a request; an empty field leaves it open."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    sec_id_type: str = ""
    sec_id: str = ""
    include_expired: bool = False
    legs: tuple[Leg, ...] = ()

    def fits(self, instrument: Instrument) -> bool:
        """Return whether nothing that was said speaks against an instrument."""
        pairs = (
            (self.local_symbol, instrument.local_symbol),
            (self.currency, instrument.currency),
            (self.right, instrument.right),
            (self.multiplier, instrument.multiplier_text),
            (self.trading_class, instrument.trading_class),
            (self.strike, instrument.strike),
        )
        is_meant = all(not wanted or wanted == actual for wanted, actual in pairs)
        return is_meant and self._is_there(instrument) and self._is_then(instrument)

    def _is_there(self, instrument: Instrument) -> bool:
        places = (*instrument.valid_exchanges, instrument.exchange, "SMART" if instrument.is_option else "")
        return not self.exchange or self.exchange in places

    def _is_then(self, instrument: Instrument) -> bool:
        # A month stands for the contract named after it, or for all the days in it.
        wanted = self.expiry
        if len(wanted) == 6 and instrument.sec_type == "FUT":
            return wanted == contract_month(instrument)
        return instrument.expiry.startswith(wanted)


def right_of(text: str) -> str:
    """Return `C`, `P` or nothing for any spelling of an option's right."""
    return {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}.get(text.strip().upper(), "")
