"""Open what a configuration names as sources of prices, and refuse what cannot be read."""

from __future__ import annotations

from apps.simulator.config import BadConfig, SimulatorConfig
from apps.simulator.instruments.universe import instrument_named
from apps.simulator.market.corporate_actions import ActionCalendar, BadCalendar, SeededCalendar, read_calendar
from apps.simulator.market.price_sources import NOW, OWN_TIMES, PriceSources
from apps.simulator.market.tapes import BadTape, Track, parse_time, read_tapes


def open_sources(config: SimulatorConfig) -> PriceSources:
    """Return the tapes and the calendar of a configuration. Raises BadConfig."""
    try:
        tapes = read_tapes(config.tapes, find=instrument_named)
        calendar = _calendar_of(config, tapes)
    except (BadTape, BadCalendar) as error:
        raise BadConfig(str(error)) from error
    return PriceSources(tapes=tapes, shift_s=_shift_of(config, tapes), calendar=calendar)


def _calendar_of(config: SimulatorConfig, tapes: dict[int, Track]) -> ActionCalendar:
    if config.calendar is not None:
        return read_calendar(config.calendar, find=instrument_named)
    # A tape shows prices as they were; a split nobody asked for would not be in them.
    return SeededCalendar(config.seed, unsplit=frozenset(tapes))


def _shift_of(config: SimulatorConfig, tapes: dict[int, Track]) -> int:
    """Return by how many seconds all tapes are moved; together they keep their distances."""
    if not tapes or config.tape_start == OWN_TIMES:
        return 0
    now = config.clock.epoch()
    start = now if config.tape_start == NOW else parse_time(config.tape_start)
    if start is None:
        raise BadConfig(f"tape start {config.tape_start!r} is not a time")
    return int(start) - min(one.times[0] for one in tapes.values())
