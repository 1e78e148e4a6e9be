"""What the venue sees of one instrument at one pulse: its quote, and the trades since the last.

Prices are points. The shares of a trade that our own orders got are struck off here, so
that no share of the market's volume is handed out twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.simulator.instruments.hours import extended_at
from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.quotes import Market, Quote

# After a longer sleep only the newest seconds are gone through one by one.
_MOST_SECONDS = 3600


@dataclass(slots=True)
class Second:
    """What was traded in one second: its price, and the shares nobody of ours has got yet."""

    second: int
    points: int
    shares_left: float


@dataclass(slots=True)
class Look:
    """One instrument as it stands, with the seconds since it was last looked at, oldest first.

    `lowest` is the lowest price at which a buyer could have been met, `highest` the highest
    for a seller. `is_new`: it shows something that the look before did not.
    """

    instrument: Instrument
    quote: Quote
    now: float
    is_new: bool
    seconds: list[Second] = field(default_factory=list)
    lowest: int = 0
    highest: int = 0

    def __post_init__(self) -> None:
        traded = [one.points for one in self.seconds]
        self.lowest = min([self.quote.ask, *traded])
        self.highest = max([self.quote.bid, *traded])

    def trades_since(self, when: float) -> list[int]:
        """Return the prices traded since an instant, the present one last."""
        return [*(one.points for one in self.seconds if one.second >= when), self.quote.last]


class Watch:
    """Looks at instruments, and knows what it has seen of each."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._seen: dict[int, tuple[Quote, int]] = {}
        self._unfinished: set[int] = set()

    def look(self, instrument: Instrument, now: float) -> Look:
        """Return the present look."""
        quote = self._market.quote(instrument, now)
        seen = self._seen.get(instrument.con_id)
        shown = (quote, int(now))
        if seen == shown and instrument.con_id not in self._unfinished:
            return Look(instrument, quote, now, is_new=False)
        self._seen[instrument.con_id] = shown
        self._unfinished.discard(instrument.con_id)
        seconds = self._seconds_after(instrument, seen[0].last_second, quote) if seen else []
        return Look(instrument, quote, now, is_new=True, seconds=seconds)

    def look_again(self, con_id: int) -> None:
        """Count the next look as new: something that could be done now was held back."""
        self._unfinished.add(con_id)

    def _seconds_after(self, instrument: Instrument, last_seen: int, quote: Quote) -> list[Second]:
        session = extended_at(self._market.hours_of(instrument), quote.last_second)
        opened = session.start if session else quote.last_second + 1
        end = quote.last_second + 1
        first = max(last_seen + 1, opened, end - _MOST_SECONDS)
        return [
            Second(second, points, float(shares))
            for second, points, shares in self._market.trades(instrument, first, end)
        ]
