"""What a client's contract block means: none, one or several instruments.

One finder for each kind of security; each returns what may be meant, and the block itself
says what fits (listings.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta

from apps.simulator.instruments.combos import combo_of
from apps.simulator.instruments.contracts_for_difference import difference_on
from apps.simulator.instruments.futures import ROOTS, UNDERLYINGS, Root, futures_of, lead_contract
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.listings import AskedContract, isin_of
from apps.simulator.instruments.option_chains import FUTURE_ROOTS, OptionRoot, option_root, options_of
from apps.simulator.instruments.small_stocks import small_stocks_beginning, small_stocks_named_like
from apps.simulator.instruments.spot_instruments import BOND_TERMS, SPOT
from apps.simulator.instruments.stocks import STOCKS
from apps.simulator.instruments.universe import known_instrument, stock_named

MAX_HITS = 16
_STOCK_EXCHANGES = ("ISLAND",)
# An option or future is listed for so long before its last day.
_LISTED_DAYS = 800
# Who says nothing of the kind means the stock.
_DEFAULT_KIND = "STK"


def matching_instruments(asked: AskedContract, today: date) -> list[Instrument]:
    """Return everything a client may mean; empty if there is no such thing."""
    if asked.sec_type == "BAG":
        return _combination(asked)
    if asked.con_id:
        return _with_number(asked, today)
    finder = _FINDERS.get(asked.sec_type or _DEFAULT_KIND)
    if finder is None or not (asked.symbol or asked.local_symbol or asked.sec_id):
        return []
    found = finder(asked, today)
    return [*found] if finder is _stocks else [one for one in found if asked.fits(one)]


def _combination(asked: AskedContract) -> list[Instrument]:
    parts = [known_instrument(one.con_id) for one in asked.legs]
    known = [one for one in parts if one is not None and one.is_tradable and not one.legs]
    is_sound = all(one.ratio > 0 and one.action in ("BUY", "SELL") for one in asked.legs)
    if not known or len(known) < len(parts) or not is_sound:
        return []
    multipliers = {one.multiplier for one in known}
    multiplier = multipliers.pop() if len(multipliers) == 1 else 1.0
    symbol = asked.symbol or known[0].symbol
    return [combo_of(asked.legs, symbol=symbol, currency=known[0].currency, multiplier=multiplier)]


def _with_number(asked: AskedContract, today: date) -> list[Instrument]:
    found = known_instrument(asked.con_id)
    if found is None or (is_expired(found, today) and not asked.include_expired):
        return []
    if found.expiry > f"{today + timedelta(days=_LISTED_DAYS):%Y%m%d}" and found.is_option:
        return []
    if asked.sec_type == "CONTFUT" and found.sec_type == "FUT":
        return [_continuous(found)]
    return [found]


def is_expired(instrument: Instrument, today: date) -> bool:
    """Return whether an instrument's last day is over."""
    return bool(instrument.expiry) and instrument.expiry < f"{today:%Y%m%d}"


def _stocks(asked: AskedContract, today: date) -> Iterable[Instrument]:
    found = stock_named(asked.symbol or asked.local_symbol)
    if asked.sec_id_type == "ISIN" and not asked.symbol:
        found = next((one for one in STOCKS if isin_of(one) == asked.sec_id), None)
    if found is None:
        return ()
    # The local symbol is checked in either spelling of a share class, and by nothing else.
    is_same = not asked.local_symbol or stock_named(asked.local_symbol) is found
    is_there = asked.exchange in ("", *found.valid_exchanges, *_STOCK_EXCHANGES)
    is_open = not asked.currency or asked.currency == found.currency
    return (found,) if is_same and is_there and is_open else ()


def _differences(asked: AskedContract, today: date) -> Iterable[Instrument]:
    stock = stock_named(asked.symbol or asked.local_symbol.removesuffix("n"))
    return (difference_on(stock),) if stock else ()


def _spot(asked: AskedContract, today: date) -> Iterable[Instrument]:
    symbol = asked.symbol.upper()
    return (
        one for one in (*SPOT, *UNDERLYINGS) if one.sec_type == asked.sec_type and symbol in ("", one.symbol)
    )


def _bonds(asked: AskedContract, today: date) -> Iterable[Instrument]:
    wanted = asked.sec_id or asked.symbol
    return (
        one for one in SPOT if one.sec_type == "BOND" and wanted in (one.symbol, BOND_TERMS[one.con_id].cusip)
    )


def _roots_meant(asked: AskedContract) -> list[Root]:
    return [
        one
        for one in ROOTS
        if asked.symbol.upper() == one.symbol
        or (not asked.symbol and asked.local_symbol.startswith(one.code))
    ]


def _futures(asked: AskedContract, today: date) -> Iterable[Instrument]:
    for root in _roots_meant(asked):
        yield from futures_of(root, today, with_expired=asked.include_expired)


def _continuous_futures(asked: AskedContract, today: date) -> Iterable[Instrument]:
    return (_continuous(lead_contract(root, today)) for root in _roots_meant(asked))


def _both_futures(asked: AskedContract, today: date) -> Iterable[Instrument]:
    return (*_futures(asked, today), *_continuous_futures(asked, today))


def _continuous(lead: Instrument) -> Instrument:
    return replace(lead, sec_type="CONTFUT")


def _options(asked: AskedContract, today: date) -> Iterable[Instrument]:
    symbol = asked.symbol or asked.local_symbol[:6].strip()
    return _options_of(option_root(symbol.upper().replace(" ", ".")), asked, today)


def _future_options(asked: AskedContract, today: date) -> Iterable[Instrument]:
    symbols = (asked.symbol.upper(),) if asked.symbol else FUTURE_ROOTS
    for symbol in symbols:
        yield from _options_of(option_root(symbol, "FOP"), asked, today)


def _options_of(root: OptionRoot | None, asked: AskedContract, today: date) -> Iterable[Instrument]:
    if root is None:
        return ()
    return options_of(
        root,
        today,
        expiry=asked.expiry,
        strike=asked.strike,
        right=asked.right,
        with_expired=asked.include_expired,
    )


_FINDERS: dict[str, Callable[[AskedContract, date], Iterable[Instrument]]] = {
    "STK": _stocks,
    "CFD": _differences,
    "CASH": _spot,
    "IND": _spot,
    "CRYPTO": _spot,
    "CMDTY": _spot,
    "BOND": _bonds,
    "FUT": _futures,
    "CONTFUT": _continuous_futures,
    "FUT+CONTFUT": _both_futures,
    "OPT": _options,
    "FOP": _future_options,
}


def search(pattern: str) -> list[Instrument]:
    """Return what a user may mean by a few letters: symbols first, well-known ones before the others."""
    wanted = pattern.upper().strip()
    if not wanted:
        return []
    leading = [one for one in (*STOCKS, *SPOT, *UNDERLYINGS) if one.sec_type != "BOND"]
    found = [one for one in leading if one.symbol.startswith(wanted) or one.local_symbol.startswith(wanted)]
    found.sort(key=lambda one: len(one.symbol))
    found += small_stocks_beginning(wanted, limit=MAX_HITS)
    if len(found) < MAX_HITS:
        named = [one for one in leading if wanted in one.name.upper()]
        named += small_stocks_named_like(wanted, limit=MAX_HITS)
        found += [one for one in named if one not in found]
    return found[:MAX_HITS]
