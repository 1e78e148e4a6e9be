"""What is neither a stock nor derived from a date: currencies, coins, metals, indices, bonds.

Tables and nothing else. An index that follows a fund names it in FOLLOWS.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.market_rules import (
    BOND_RULE,
    COIN_RULE,
    FX_RULE,
    INDEX_RULE,
    METAL_RULE,
    YEN_RULE,
)

# What nobody is told: the rhythm of things without a volume, for futures that follow them.
SHADOW_VOLUME = 1_000_000

# conId pair price daily% name
_PAIRS = """
12087792 EUR.USD 1.0850 0.45 European Monetary Union Euro
12087797 GBP.USD 1.2700 0.50 British pound
14433401 AUD.USD 0.6500 0.60 Australian dollar
15016059 USD.JPY 153.000 0.55 United States dollar
15016062 USD.CAD 1.3980 0.35 United States dollar
12087820 USD.CHF 0.8850 0.45 United States dollar
"""
# conId symbol price daily% name
_COINS = """
479624278 BTC 91000 2.6 Bitcoin cryptocurrency
495759171 ETH 3100 3.2 Ethereum cryptocurrency
498989715 LTC 88 3.5 Litecoin cryptocurrency
498989721 BCH 430 3.6 Bitcoin Cash cryptocurrency
"""
# conId symbol exchange price daily% follows factor name
_INDICES = """
416904 SPX CBOE 5900 0.9 SPY 10 S&P 500 Stock Index
416843 NDX NASDAQ 20765 1.1 QQQ 41.2 NASDAQ 100 Stock Index
416888 RUT CBOE 2310 1.3 IWM 9.95 Russell 2000 Stock Index
1935181 INDU CME 43400 0.8 DIA 100 Dow Jones Industrial Average
13455763 VIX CBOE 15.5 5.0 - 0 CBOE Volatility Index
"""
_METALS = """
69067924 XAUUSD 2650 0.9 London Gold Spot
77124483 XAGUSD 31 1.6 London Silver Spot
"""
# conId issuer cusip coupon maturity issued price ratings name
_BONDS = """
580000001 US-T 91282CLW9 4 20341115 20241115 98.9 AA+/Aaa US TREASURY N/B
580000002 US-T 912810UE6 5 20541115 20241115 96.4 AA+/Aaa US TREASURY N/B
580000003 AAPL 037833EV8 4 20330510 20230510 99.1 AA+/Aaa APPLE INC
580000004 IBM 459200KX8 5 20330206 20230206 98.2 A-/A3 INTL BUSINESS MACHINES CORP
"""


@dataclass(frozen=True, slots=True)
class BondTerms:
    """What a bond promises. `coupon` in whole percent, as ib_insync reads it; dates as yyyymmdd."""

    cusip: str
    coupon: int
    maturity: str
    issued: str
    ratings: str


def _pair(row: str) -> Instrument:
    con_id, name, price, daily, long_name = row.split(" ", 4)
    symbol, currency = name.split(".")
    is_yen = currency == "JPY"
    return Instrument(
        con_id=int(con_id), symbol=symbol, name=long_name, primary_exchange="", stock_type="", industry="",
        start_price=float(price), daily_volatility=float(daily) / 100, average_volume=SHADOW_VOLUME,
        spread_ticks=1, sec_type="CASH", currency=currency, point=0.005 if is_yen else 0.00005,
        exchange="IDEALPRO", valid_exchanges=("IDEALPRO",), local_symbol=name, trading_class=name,
        rule_id=YEN_RULE if is_yen else FX_RULE, lot=250_000,
    )  # fmt: skip


def _coin(row: str) -> Instrument:
    con_id, symbol, price, daily, name = row.split(" ", 4)
    return Instrument(
        con_id=int(con_id), symbol=symbol, name=name, primary_exchange="", stock_type="", industry="",
        start_price=float(price), daily_volatility=float(daily) / 100, average_volume=900_000_000,
        spread_ticks=max(2, int(float(price) / 40)), sec_type="CRYPTO", exchange="PAXOS",
        valid_exchanges=("PAXOS",), local_symbol=f"{symbol}.USD", trading_class=symbol, rule_id=COIN_RULE,
        lot=0.05, size_step=0.00001,
    )  # fmt: skip


def _index(row: str) -> Instrument:
    con_id, symbol, exchange, price, daily, _, _, name = row.split(" ", 7)
    return index(int(con_id), symbol, exchange, price=float(price), daily=float(daily) / 100, name=name)


def index(
    con_id: int, symbol: str, exchange: str, *, price: float, daily: float, name: str, point: float = 0.01
) -> Instrument:
    """Return a calculated figure: it has a last price, but no quote and no volume."""
    return Instrument(
        con_id=con_id, symbol=symbol, name=name, primary_exchange=exchange, stock_type="", industry="Indices",
        start_price=price, daily_volatility=daily, average_volume=SHADOW_VOLUME, spread_ticks=1,
        sec_type="IND", point=point, exchange=exchange, valid_exchanges=(exchange,), local_symbol=symbol,
        trading_class=symbol, rule_id=INDEX_RULE,
    )  # fmt: skip


def _metal(row: str) -> Instrument:
    con_id, symbol, price, daily, name = row.split(" ", 4)
    return Instrument(
        con_id=int(con_id), symbol=symbol, name=name, primary_exchange="", stock_type="", industry="",
        start_price=float(price), daily_volatility=float(daily) / 100, average_volume=SHADOW_VOLUME,
        spread_ticks=30,
        sec_type="CMDTY", exchange="SMART", valid_exchanges=("SMART", "IBMETAL"), local_symbol=symbol,
        trading_class=symbol, rule_id=METAL_RULE,
    )  # fmt: skip


def _bond(row: str) -> tuple[Instrument, BondTerms]:
    con_id, issuer, cusip, coupon, maturity, issued, price, ratings, name = row.split(" ", 8)
    bond = Instrument(
        con_id=int(con_id), symbol=issuer, name=name, primary_exchange="", stock_type="", industry="",
        start_price=float(price), daily_volatility=0.003, average_volume=40_000, spread_ticks=60,
        # A price is a percentage, a quantity counts thousands of face value.
        sec_type="BOND", point=0.001, multiplier=10.0, exchange="SMART", valid_exchanges=("SMART",),
        local_symbol=f"IBCID{con_id}", trading_class=issuer, rule_id=BOND_RULE, lot=50,
    )  # fmt: skip
    return bond, BondTerms(cusip, int(coupon), maturity, issued, ratings)


def _rows(table: str) -> list[str]:
    return table.strip().splitlines()


_BOND_TABLE = [_bond(row) for row in _rows(_BONDS)]
SPOT: tuple[Instrument, ...] = (
    *(_pair(row) for row in _rows(_PAIRS)),
    *(_index(row) for row in _rows(_INDICES)),
    *(_coin(row) for row in _rows(_COINS)),
    *(_metal(row) for row in _rows(_METALS)),
    *(bond for bond, _ in _BOND_TABLE),
)
SPOT_BY_NAME = {one.local_symbol: one for one in SPOT}
BOND_TERMS: dict[int, BondTerms] = {bond.con_id: terms for bond, terms in _BOND_TABLE}
# An index and the fund whose price, times a factor, it is.
FOLLOWS: dict[int, tuple[str, float]] = {
    int(words[0]): (words[5], float(words[6]))
    for words in (row.split(" ", 7) for row in _rows(_INDICES))
    if words[5] != "-"
}
