"""How much market data and history one login may ask for at once, and how fast.

Counts what is open over all clients, for the lines belong to the login and not to the
connection, and remembers the requests of the last minutes. What is answered to a request
too many is the business of the requests.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass

LINES, DEPTH, TICK_BY_TICK, HISTORY, REAL_TIME_BARS = (
    "market data",
    "market depth",
    "tick-by-tick",
    "history",
    "real-time bars",
)
PACING_TEXT = "Historical data request pacing violation"
_IDENTICAL_S = 15
_BURST_S = 2
_BURST = 6
_WINDOW_S = 600
_WINDOW = 60
# Bars longer than this may be asked for at any pace.
PACED_BAR_S = 30


@dataclass(frozen=True, slots=True)
class DataLimits:
    """What a login may have open; None counts nothing. `is_paced` also limits the rate."""

    lines: int | None = 100
    is_paced: bool = True

    def most(self, kind: str) -> int | None:
        """Return how many subscriptions of a kind may be open at once, None for any number."""
        if self.lines is None:
            return None
        return {
            LINES: self.lines,
            DEPTH: max(3, self.lines // 100),
            TICK_BY_TICK: max(1, self.lines // 20),
            HISTORY: 50,
            REAL_TIME_BARS: 50,
        }[kind]


LIMITS = {
    "real": DataLimits(),
    "counts": DataLimits(is_paced=False),
    "none": DataLimits(lines=None, is_paced=False),
}


@dataclass(frozen=True, slots=True)
class PacedRequest:
    """One request for short bars: what makes it identical, what it loads, and how much."""

    at: float
    whole: Hashable
    source: Hashable
    weight: int


class DataMeter:
    """What one login uses of its limits."""

    def __init__(self, limits: DataLimits) -> None:
        self.limits = limits
        self._open: Counter[str] = Counter()
        self._recent: deque[PacedRequest] = deque()
        self._ticks_asked: dict[int, float] = {}

    def opened(self, kind: str) -> None:
        self._open[kind] += 1

    def closed(self, kind: str) -> None:
        self._open[kind] -= 1

    def is_full(self, kind: str) -> bool:
        """Return whether one more subscription of a kind would be too many."""
        most = self.limits.most(kind)
        return most is not None and self._open[kind] >= most

    def admits_history(self, request: PacedRequest) -> bool:
        """Return whether a request for short bars keeps the pace; one that does not leaves no trace."""
        recent = self._recent
        while recent and recent[0].at <= request.at - _WINDOW_S:
            recent.popleft()
        if any(one.whole == request.whole and one.at > request.at - _IDENTICAL_S for one in recent):
            return False
        burst = [one for one in recent if one.source == request.source and one.at > request.at - _BURST_S]
        if sum(one.weight for one in burst) + request.weight >= _BURST:
            return False
        if sum(one.weight for one in recent) + request.weight > _WINDOW:
            return False
        recent.append(request)
        return True

    def admits_tick_by_tick(self, con_id: int, *, now: float) -> bool:
        """Return whether an instrument's ticks were not asked for in the last seconds."""
        before = self._ticks_asked.get(con_id)
        if before is not None and before > now - _IDENTICAL_S:
            return False
        self._ticks_asked[con_id] = now
        return True
