"""Ten thousand symbols less the well-known: invented US stocks, the same under every seed.

Kept as short rows and made into instruments one by one, when somebody asks for one.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from random import Random
from typing import NamedTuple

from apps.simulator.instruments.futures import UNDERLYINGS
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.spot_instruments import SPOT
from apps.simulator.instruments.stocks import BY_SYMBOL, STOCKS, trading_class_of

KNOWN_STOCKS = 10_000
COUNT = KNOWN_STOCKS - len(STOCKS)
FIRST_ID = 700_000_000
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST_WORDS = (
    "ALDER AMBER ANCHOR APEX ARBOR ARGENT ASPEN ATLAS AURORA BASALT BAY BEACON BIRCH BLUE BOREAL BRIDGE "
    "BRIGHT CANYON CAPITOL CARDINAL CASCADE CEDAR CENTRAL CITADEL CLEAR COASTAL COBALT COLONIAL COMPASS "
    "COPPER CORAL CRESCENT CROWN CRYSTAL DELTA EAGLE EAST ECHO EMBER EVEREST FALCON FIRST FOREST FRONTIER "
    "GARNET GLACIER GOLDEN GRANITE GREAT HARBOR HAWTHORN HERON HIGHLAND HORIZON IRON IVORY JUNIPER KEYSTONE "
    "LAKE LIBERTY LUMEN MAPLE MERIDIAN MIDLAND MONARCH NORTH NOVA OAK OCEAN ONYX ORCHARD PACIFIC PALISADE "
    "PIONEER PRAIRIE QUARTZ RAVEN REDWOOD RIVER SABLE SAGE SENTINEL SIERRA SILVER SOLAR SOUTH SPRUCE "
    "STERLING SUMMIT TERRA THISTLE TIDEWATER TRINITY UNION VALLEY VERTEX VICTORY WEST WILLOW ZENITH"
).split()
_SECOND_WORDS = {
    "Technology": "SYSTEMS SOFTWARE SEMICONDUCTOR NETWORKS DATA ROBOTICS",
    "Financial": "BANCORP CAPITAL INSURANCE TRUST ACQUISITION FINANCIAL",
    "Consumer, Non-cyclical": "THERAPEUTICS BIOSCIENCES PHARMA FOODS MEDICAL HEALTH",
    "Consumer, Cyclical": "MOTORS RETAIL BRANDS RESORTS HOMES APPAREL",
    "Industrial": "INDUSTRIES MACHINERY AEROSPACE LOGISTICS PACKAGING ENGINEERING",
    "Energy": "ENERGY PETROLEUM RESOURCES DRILLING SOLAR PIPELINE",
    "Basic Materials": "MINING CHEMICAL STEEL METALS MATERIALS LITHIUM",
    "Utilities": "POWER WATER ELECTRIC UTILITIES GAS GRID",
    "Communications": "MEDIA WIRELESS INTERACTIVE BROADCASTING TELECOM DIGITAL",
    "Funds": "GROWTH VALUE DIVIDEND INCOME MOMENTUM BOND",
}
_INDUSTRIES = tuple(_SECOND_WORDS)
_SECONDS = tuple(tuple(words.split()) for words in _SECOND_WORDS.values())
_ENDINGS = ("INC", "CORP", "LTD", "HOLDINGS INC", "GROUP INC", "CO", "INC-CLASS A", "PLC")
_EXCHANGES = ("NASDAQ", "NASDAQ", "NYSE", "NYSE", "ARCA", "AMEX")
_FUND_ENDING = "ETF"


class Row(NamedTuple):
    """One stock in short: everything else follows from it."""

    symbol: str
    name: str
    industry: int
    exchange: int
    cents: int
    volatility: float
    volume: int


@lru_cache(maxsize=1)
def rows() -> tuple[Row, ...]:
    """Return all of them, in the order of their numbers."""
    random = Random("small stocks")
    taken = {*BY_SYMBOL, *(one.symbol for one in (*SPOT, *UNDERLYINGS))}
    found: list[Row] = []
    while len(found) < COUNT:
        symbol = "".join(random.choices(_LETTERS, k=random.choice((3, 3, 4, 4, 4))))
        if symbol not in taken:
            taken.add(symbol)
            found.append(_row(random, symbol))
    return tuple(found)


def _row(random: Random, symbol: str) -> Row:
    draw = random.random
    industry = int(draw() * len(_INDUSTRIES))
    seconds = _SECONDS[industry]
    is_fund = _INDUSTRIES[industry] == "Funds"
    ending = _FUND_ENDING if is_fund else _ENDINGS[int(draw() * len(_ENDINGS))]
    words = (
        _FIRST_WORDS[int(draw() * len(_FIRST_WORDS))],
        _FIRST_WORDS[int(draw() * len(_FIRST_WORDS))],
        seconds[int(draw() * len(seconds))],
        ending,
    )
    return Row(
        symbol=symbol,
        name=" ".join(words),
        industry=industry,
        exchange=4 if is_fund else int(draw() * len(_EXCHANGES)),
        cents=int(150 * 2 ** (draw() * 7.5)),
        volatility=round(0.01 + 0.04 * draw() * draw(), 4),
        # A few trade by the million, most by the ten thousand.
        volume=int(20_000 * 2 ** (draw() * draw() * 9)),
    )


@lru_cache(maxsize=1)
def _places() -> dict[str, int]:
    return {row.symbol: place for place, row in enumerate(rows())}


@lru_cache(maxsize=4096)
def _at(place: int) -> Instrument:
    row = rows()[place]
    exchange = _EXCHANGES[row.exchange]
    industry = _INDUSTRIES[row.industry]
    return Instrument(
        con_id=FIRST_ID + place,
        symbol=row.symbol,
        name=row.name,
        primary_exchange=exchange,
        stock_type="ETF" if industry == "Funds" else "COMMON",
        industry=industry,
        start_price=row.cents / 100,
        daily_volatility=row.volatility,
        average_volume=row.volume,
        spread_ticks=1 + row.cents // 4000,
        local_symbol=row.symbol,
        trading_class=trading_class_of(row.symbol, exchange),
    )


def small_stock_with_id(con_id: int) -> Instrument | None:
    """Return the stock of a number, or None if it is no such number."""
    place = con_id - FIRST_ID
    return _at(place) if 0 <= place < COUNT else None


def small_stock_named(symbol: str) -> Instrument | None:
    """Return the stock of a symbol, or None if nobody invented it."""
    place = _places().get(symbol)
    return None if place is None else _at(place)


def small_stocks_beginning(text: str, *, limit: int) -> list[Instrument]:
    """Return the first stocks whose symbol begins with a text, shortest symbols first."""
    found = [place for place, row in enumerate(rows()) if row.symbol.startswith(text)]
    found.sort(key=lambda place: (len(rows()[place].symbol), rows()[place].symbol))
    return [_at(place) for place in found[:limit]]


def small_stocks_named_like(text: str, *, limit: int) -> list[Instrument]:
    """Return the first stocks that bear a text in their name."""
    found = (place for place, row in enumerate(rows()) if text in row.name)
    return [_at(place) for place in islice(found, limit)]
