"""The generic ticks a client may add to a line by number, and for which instruments.

Only what the numbers mean and which list is legal. The figures themselves are statistics.py
and volatility.py, their place on the wire is requests/market_data.py.
"""

from __future__ import annotations

from dataclasses import dataclass

MARKET_DATA_OFF = "mdoff"
NEWS = 292
_STOCKS, _DERIVATIVES, _FUTURES = "STK", "OPT FOP WAR", "FUT CONTFUT FOP"
_MOVED = "STK OPT FOP WAR FUT CONTFUT IND CASH CFD CRYPTO CMDTY BAG"


@dataclass(frozen=True, slots=True)
class GenericTick:
    """One number of the list; `sec_types` are those it is legal for."""

    code: int
    name: str
    sec_types: tuple[str, ...]


def _table(*rows: tuple[int, str, str]) -> dict[int, GenericTick]:
    return {code: GenericTick(code, name, tuple(types.split())) for code, name, types in rows}


GENERIC_TICKS = _table(
    (100, "Option Volume", f"{_STOCKS} IND {_DERIVATIVES}"),
    (101, "Option Open Interest", f"{_STOCKS} IND {_DERIVATIVES}"),
    (104, "Historical Volatility", f"{_STOCKS} IND"),
    (105, "Average Opt Volume", f"{_STOCKS} IND"),
    (106, "impvolat", f"{_STOCKS} IND {_DERIVATIVES}"),
    (162, "Index Future Premium", "IND"),
    (165, "Misc. Stats", f"{_MOVED} BOND FUND"),
    (220, "Creditman, Mark Price", f"{_MOVED} BOND"),
    (221, "Creditman, Mark Price", f"{_MOVED} BOND"),
    (225, "Auction", f"{_MOVED} BOND"),
    (232, "Mark Price", f"{_MOVED} BOND"),
    (233, "RTVolume", f"{_MOVED} BOND"),
    (236, "inventory", f"{_STOCKS} BOND CFD"),
    (256, "Inventory (old)", f"{_STOCKS} BOND CFD"),
    (258, "Fundamentals", _STOCKS),
    (292, "Wide_news", f"{_MOVED} NEWS"),
    (293, "TradeCount", _MOVED),
    (294, "TradeRate", _MOVED),
    (295, "VolumeRate", _MOVED),
    (318, "LastRTHTrade", _MOVED),
    (375, "RTTrdVolume", _MOVED),
    (411, "rthistvol", f"{_STOCKS} IND FUT CONTFUT"),
    (456, "IBDividends", f"{_STOCKS} CFD"),
    (460, "Bond Factor Multiplier", "BOND"),
    (576, "EtfNavBidAsk", _STOCKS),
    (577, "EtfNavLast", _STOCKS),
    (578, "EtfNavClose", _STOCKS),
    (586, "IPOPrice", _STOCKS),
    (588, "Futures Open Interest", _FUTURES),
    (595, "Short-Term Volume X Mins", _MOVED),
    (614, "EtfNavMisc", _STOCKS),
    (619, "Slow Mark Price", f"{_MOVED} BOND"),
    (623, "EtfFrozenNavLast", _STOCKS),
)


class BadGenericList(Exception):
    """A list with a number nobody knows, or not for this kind of instrument."""


@dataclass(frozen=True, slots=True)
class AskedTicks:
    """A list, understood. `news` are the providers asked for, empty for all of them."""

    codes: frozenset[int] = frozenset()
    news: tuple[str, ...] = ()
    has_market_data: bool = True


def parse_generic_ticks(text: str, *, sec_type: str) -> AskedTicks:
    """Return what a comma-separated list asks for. Raises BadGenericList."""
    codes: set[int] = set()
    providers: tuple[str, ...] = ()
    has_market_data = True
    for word in (one.strip() for one in text.split(",")):
        number, _, detail = word.partition(":")
        if word.lower() == MARKET_DATA_OFF:
            has_market_data = False
        elif word:
            codes.add(_code(number, text=text, sec_type=sec_type))
            if detail and number == str(NEWS):
                providers = tuple(detail.split("+"))
    return AskedTicks(frozenset(codes), providers, has_market_data)


def _code(number: str, *, text: str, sec_type: str) -> int:
    legal = legal_ticks(sec_type)
    code = int(number) if number.isdecimal() and len(number) < 6 else -1
    if code in {one.code for one in legal}:
        return code
    listed = ",".join(f"{one.code}({one.name})" for one in legal)
    raise BadGenericList(
        f"Error validating request:-'bG' : cause - Incorrect generic tick list of {text}.  "
        f"Legal ones for ({sec_type}) are: {listed}"
    )


def legal_ticks(sec_type: str) -> list[GenericTick]:
    """Return the generic ticks of a kind of instrument, by number."""
    return [one for one in GENERIC_TICKS.values() if sec_type in one.sec_types]
