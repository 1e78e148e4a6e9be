"""Any contract the simulator can describe, and what a client says to mean one or several.

Stocks become listings here, currencies and indices stand in a table; options are made by
option_chains.py. Only stocks have prices: what is listed is not therefore tradable.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.universe import MARKET_RULE_ID, VALID_EXCHANGES, Instrument, find_instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What contract details tell; empty where a kind of contract has no such thing."""

    con_id: int
    symbol: str
    sec_type: str
    name: str
    exchange: str
    valid_exchanges: tuple[str, ...]
    local_symbol: str
    trading_class: str
    primary_exchange: str = ""
    currency: str = "USD"
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    min_tick: str = "0.01"
    market_rule_id: int = MARKET_RULE_ID
    sizes: tuple[str, str, str] = ("1", "1", "1")
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    industry: str = ""
    stock_type: str = ""
    isin: str = ""


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

    def find(self) -> Instrument | None:
        """Return the one thing with a price that is meant, or None."""
        return find_instrument(
            con_id=self.con_id,
            symbol=self.symbol or self.local_symbol,
            sec_type=self.sec_type,
            currency=self.currency,
            exchange=self.exchange,
        )

    def fits(self, listing: Listing) -> bool:
        """Return whether nothing that was said speaks against a listing."""
        if self.con_id:
            return self.con_id == listing.con_id
        if not (self.symbol or self.local_symbol):
            return False
        pairs = (
            (self.symbol.upper(), listing.symbol),
            (self.local_symbol, listing.local_symbol),
            (self.sec_type, listing.sec_type),
            (self.currency, listing.currency),
            # A month stands for all its days.
            (self.expiry, listing.expiry[: len(self.expiry)]),
            (self.right, listing.right),
            (self.multiplier, listing.multiplier),
            (self.trading_class, listing.trading_class),
            (self.strike, listing.strike),
        )
        is_meant = all(not wanted or wanted == actual for wanted, actual in pairs)
        return is_meant and (not self.exchange or self.exchange in listing.valid_exchanges)


def right_of(text: str) -> str:
    """Return `C`, `P` or nothing for any spelling of an option's right."""
    return {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}.get(text.strip().upper(), "")


def stock_listing(instrument: Instrument) -> Listing:
    """Return a stock or fund as a listing."""
    return Listing(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type="STK",
        name=instrument.name,
        exchange="SMART",
        valid_exchanges=VALID_EXCHANGES,
        local_symbol=instrument.symbol,
        trading_class=trading_class(instrument),
        primary_exchange=instrument.primary_exchange,
        sizes=("0.0001", "0.0001", "100"),
        industry=instrument.industry,
        stock_type=instrument.stock_type,
        isin=instrument.isin,
    )


def trading_class(instrument: Instrument) -> str:
    """Return the trading class: New York names stand for themselves, Nasdaq calls all NMS."""
    return "NMS" if instrument.primary_exchange == "NASDAQ" else instrument.symbol


def _pair(con_id: int, name: str, *, min_tick: str, rule_id: int, long_name: str) -> Listing:
    symbol, currency = name.split(".")
    return Listing(
        con_id=con_id,
        symbol=symbol,
        sec_type="CASH",
        name=long_name,
        exchange="IDEALPRO",
        valid_exchanges=("IDEALPRO",),
        local_symbol=name,
        trading_class=name,
        currency=currency,
        min_tick=min_tick,
        market_rule_id=rule_id,
        sizes=("0.01", "0.01", "0.01"),
    )


def _index(con_id: int, symbol: str, exchange: str, *, long_name: str) -> Listing:
    return Listing(
        con_id=con_id,
        symbol=symbol,
        sec_type="IND",
        name=long_name,
        exchange=exchange,
        valid_exchanges=(exchange,),
        local_symbol=symbol,
        trading_class=symbol,
        primary_exchange=exchange,
        industry="Indices",
    )


UNPRICED: tuple[Listing, ...] = (
    _pair(12087792, "EUR.USD", min_tick="0.00005", rule_id=239, long_name="European Monetary Union Euro"),
    _pair(12087797, "GBP.USD", min_tick="0.00005", rule_id=239, long_name="British pound"),
    _pair(15016059, "USD.JPY", min_tick="0.005", rule_id=59, long_name="United States dollar"),
    _index(416904, "SPX", "CBOE", long_name="S&P 500 Stock Index"),
    _index(416843, "NDX", "NASDAQ", long_name="NASDAQ 100 Stock Index"),
    _index(13455763, "VIX", "CBOE", long_name="CBOE Volatility Index"),
)
MARKET_RULES = {MARKET_RULE_ID: "0.01"} | {one.market_rule_id: one.min_tick for one in UNPRICED}
