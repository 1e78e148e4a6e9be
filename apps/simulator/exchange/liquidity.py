"""What stands in the market's book for our orders to take: its depth, less what they took.

The book is drawn anew every second (quotes.py), and with it what was taken is there again.
Prices are points. Which order may take is working.py's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.simulator.market.depth import asks_of, bids_of
from apps.simulator.market.looks import Look
from apps.simulator.market.quotes import Market


@dataclass(slots=True)
class Offer:
    """A price of the opposite side, and the shares left there."""

    points: int
    shares: float


@dataclass(slots=True)
class _Taken:
    """What was taken of one side in one second, by price."""

    second: int
    shares: dict[int, float] = field(default_factory=dict)


class Liquidity:
    """The opposite side of every instrument."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._taken: dict[tuple[int, bool], _Taken] = {}

    def offers(self, look: Look, *, to_buyer: bool, limit: int | None) -> list[Offer]:
        """Return what can be taken now within a limit (None: at any price), best price first."""
        best = look.quote.ask if to_buyer else look.quote.bid
        if limit is not None and not _is_within(best, limit, to_buyer=to_buyer):
            return []
        side = asks_of if to_buyer else bids_of
        taken = self._taken_of(look, to_buyer=to_buyer).shares
        return [
            Offer(level.points, level.size - taken.get(level.points, 0.0))
            for level in side(self._market, look.instrument, look.quote)
            if (limit is None or _is_within(level.points, limit, to_buyer=to_buyer))
            and level.size > taken.get(level.points, 0.0)
        ]

    def take(self, look: Look, *, to_buyer: bool, points: int, shares: float) -> None:
        """Strike off what one of our orders took at a price."""
        taken = self._taken_of(look, to_buyer=to_buyer).shares
        taken[points] = taken.get(points, 0.0) + shares

    def _taken_of(self, look: Look, *, to_buyer: bool) -> _Taken:
        key = (look.instrument.con_id, to_buyer)
        found = self._taken.get(key)
        if found is None or found.second != int(look.now):
            found = self._taken[key] = _Taken(int(look.now))
        return found


def _is_within(points: int, limit: int, *, to_buyer: bool) -> bool:
    return points <= limit if to_buyer else points >= limit
