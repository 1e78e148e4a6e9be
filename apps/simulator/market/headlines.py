"""Invented news, as a function of (seed, stock, day) and of nothing else.

Each stock has up to two headlines a day, about the price move of the day before, so that
news and bars agree. Any headline can be found again by its article id.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from apps.simulator.instruments.hours import DAY_S, eastern_date, midnight
from apps.simulator.instruments.universe import Instrument, instrument_of
from apps.simulator.market.prices import HEAD
from apps.simulator.market.quotes import Market

PROVIDERS = {
    "BRFG": "Briefing.com General Market Columns",
    "BRFUPDN": "Briefing.com Analyst Actions",
    "DJNL": "Dow Jones Newsletters",
}
_PER_DAY = (0, 1, 1, 2)
_COLUMNS = ("{name}: shares {moved} {percent}% on the day", "{symbol} {moved} {percent}% in busy trading")
_RATINGS = ("{name}: rating of {symbol} kept at neutral after the stock {moved} {percent}%",)


@dataclass(frozen=True, slots=True)
class Headline:
    """One piece of news; `at` in epoch seconds."""

    article_id: str
    provider: str
    at: int
    text: str


def headlines_of(market: Market, instrument: Instrument, day: date) -> list[Headline]:
    """Return the news of a US/Eastern day, newest first."""
    random = Random(f"{market.seed}:{instrument.symbol}:news:{day.toordinal()}")
    count = random.choice(_PER_DAY)
    found = [_headline(market, instrument, day, random=random, place=place) for place in range(count)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _headline(market: Market, instrument: Instrument, day: date, *, random: Random, place: int) -> Headline:
    path, ordinal = market.path(instrument), day.toordinal()
    change = math.expm1(path.level(ordinal) - path.level(ordinal - 1)) * 100
    provider = random.choice(tuple(PROVIDERS))
    template = random.choice(_RATINGS if provider == "BRFUPDN" else _COLUMNS)
    text = template.format(
        name=instrument.name,
        symbol=instrument.symbol,
        moved="rose" if change >= 0 else "fell",
        percent=f"{abs(change):.1f}",
    )
    article_id = f"{provider}${instrument.con_id:08x}{ordinal:06x}{place:x}"
    return Headline(article_id, provider, midnight(day) + random.randrange(DAY_S), text)


def headlines_before(market: Market, instrument: Instrument, end: float) -> Iterator[Headline]:
    """Yield the news up to a moment, newest first, back to the first day with prices."""
    for ordinal in range(eastern_date(end).toordinal(), HEAD.toordinal(), -1):
        for one in headlines_of(market, instrument, date.fromordinal(ordinal)):
            if one.at <= end:
                yield one


def headline_with_id(market: Market, article_id: str, *, now: float) -> Headline | None:
    """Return the headline of an article, or None if there is none published under this id."""
    try:
        numbers = article_id.split("$")[1]
        instrument, day = instrument_of(int(numbers[:8], 16)), date.fromordinal(int(numbers[8:14], 16))
    except (IndexError, KeyError, ValueError, OverflowError):
        return None
    if not HEAD < day <= eastern_date(now):
        return None
    found = [one for one in headlines_of(market, instrument, day) if one.article_id == article_id]
    return found[0] if found and found[0].at <= now else None
