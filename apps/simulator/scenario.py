"""Scenarios: small files that say how a simulator begins."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from apps.simulator.config import BadConfig
from apps.simulator.faults import BadFault
from apps.simulator.universe import instrument_named
from apps.simulator.venue import Venue

_FOLDER = Path(__file__).parent / "scenarios"


def scenario_names() -> list[str]:
    """Return the scenarios there are."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read_scenario(name: str) -> dict[str, Any]:
    """Return a scenario's content. Raises BadConfig if there is none of that name."""
    if name not in scenario_names():
        raise BadConfig(f"unknown scenario {name!r}; known: {', '.join(scenario_names())}")
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="ascii"))


def apply_scenario(venue: Venue, name: str) -> None:
    """Set prices and switches as a scenario says."""
    content = read_scenario(name)
    for symbol, price in content.get("prices", {}).items():
        instrument = instrument_named(symbol)
        if instrument is None:
            raise BadConfig(f"scenario {name!r} sets a price of an unknown symbol: {symbol!r}")
        venue.set_price(instrument, instrument.points(price), hold=False)
    for fault in content.get("faults", []):
        arguments = {key: value for key, value in fault.items() if key != "name"}
        try:
            venue.faults.switch(fault["name"], arguments)
        except BadFault as error:
            raise BadConfig(str(error)) from error
