"""Which stocks a scan finds, and in which order: a reading of the market, and no more.

The table of scans is what the scanner parameters name; a new one needs only its row.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.quotes import Market

INSTRUMENT = "STK"
MAX_ROWS = 50
LOCATIONS = {
    "STK.US": ("US Stocks", ("NASDAQ", "NYSE", "ARCA")),
    "STK.US.MAJOR": ("Listed/NASDAQ", ("NASDAQ", "NYSE", "ARCA")),
    "STK.NASDAQ": ("NASDAQ", ("NASDAQ",)),
    "STK.NYSE": ("NYSE", ("NYSE",)),
    "STK.ARCA": ("ARCA", ("ARCA",)),
}
_STOCK_TYPES = {"CORP": "COMMON", "STOCK": "COMMON", "ETF": "ETF"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one stock does today. `price` in dollars, `change` as a fraction of the last close."""

    instrument: Instrument
    price: float
    change: float
    volume: int

    @property
    def heat(self) -> float:
        """The volume so far in ordinary days' volumes."""
        return self.volume / self.instrument.average_volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a client wants to see; None leaves an edge open."""

    code: str
    location: str
    rows: int = MAX_ROWS
    above_price: float | None = None
    below_price: float | None = None
    above_volume: float | None = None
    stock_type: str = ""

    def admits(self, standing: Standing) -> bool:
        """Return whether a stock passes the filters."""
        instrument = standing.instrument
        wanted_type = _STOCK_TYPES.get(self.stock_type)
        return (
            instrument.primary_exchange in LOCATIONS[self.location][1]
            and wanted_type in (None, instrument.stock_type)
            and (self.above_price is None or standing.price >= self.above_price)
            and (self.below_price is None or standing.price <= self.below_price)
            and (self.above_volume is None or standing.volume >= self.above_volume)
        )


SCANS: dict[str, tuple[str, Callable[[Standing], float]]] = {
    "TOP_PERC_GAIN": ("Top % Gainers", lambda one: -one.change),
    "TOP_PERC_LOSE": ("Top % Losers", lambda one: one.change),
    "MOST_ACTIVE": ("Most Active", lambda one: -one.volume),
    "HOT_BY_VOLUME": ("Hot Contracts by Volume", lambda one: -one.heat),
}


def standing_of(market: Market, instrument: Instrument, now: float) -> Standing:
    """Return how a stock does now against its last close."""
    summary = market.day_summary(instrument, now)
    points = market.last_points(instrument, now)
    change = points / summary.previous_close - 1
    return Standing(instrument, instrument.price(points), change, summary.day.volume)


def ranked(scan: Scan, standings: Iterable[Standing]) -> list[Instrument]:
    """Return what a scan finds, best first."""
    _, key = SCANS[scan.code]
    found = sorted((one for one in standings if scan.admits(one)), key=key)
    return [one.instrument for one in found[: scan.rows]]


def parameters_xml() -> str:
    """Return the scanner parameters: every instrument, location and scan that is answered."""
    root = ET.Element("ScanParameterResponse")
    kinds = ET.SubElement(root, "InstrumentList", varName="instrumentList")
    _append(kinds, "Instrument", name="US Stocks", type=INSTRUMENT, secType="STK")
    places = ET.SubElement(root, "LocationTree", varName="locationTree")
    for code, (name, _) in LOCATIONS.items():
        _append(places, "Location", displayName=name, locationCode=code, instruments=INSTRUMENT)
    scans = ET.SubElement(root, "ScanTypeList", varName="scanTypeList")
    for code, (name, _) in SCANS.items():
        _append(scans, "ScanType", displayName=name, scanCode=code, instruments=INSTRUMENT)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _append(parent: ET.Element, tag: str, **texts: str) -> None:
    element = ET.SubElement(parent, tag)
    for name, text in texts.items():
        ET.SubElement(element, name).text = text
