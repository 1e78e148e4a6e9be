"""A flood of ticks on demand: more of them than the market has, as in the minute of an opening.

The ticks stand on a grid of the venue's clock and their values come from the quote of
their quarter of a second, so the same seed and clock give the same flood. Which market
data lines are open is the sessions' business; how many ticks are wanted is a fault switch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from zlib import crc32

from apps.simulator.clients.market_lines import MarketLine
from apps.simulator.protocol.messages import Message, quantity_text, tick_price, tick_size
from apps.simulator.market.quotes import Market, Quote
from apps.simulator.tick_types import Tick
from apps.simulator.instruments.universe import Instrument
from apps.simulator.wire import encode

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

#: How often a flood is let out in real time: a pulse would be one gulp every quarter of a second.
BEAT_S = 0.01
#: What a clock that was moved by hand jumped over is lost, as with any conflated feed.
_CATCH_UP_S = 0.25
_QUARTERS = 4
_KEPT_FRAMES = 256
_KEPT_LINES = 4096
_STIR = 0x9E3779B1

#: Price tick, price in points, size; on the wire it becomes a price tick and its size tick.
_Pair = tuple[Tick, int, float]
_SIZE_OF = {Tick.BID: Tick.BID_SIZE, Tick.ASK: Tick.ASK_SIZE, Tick.LAST: Tick.LAST_SIZE}


class Bursts:
    """The flood of one venue: every client's lines together get the ticks a second asked for."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._seen_at = 0.0
        self._quotes: dict[int, tuple[int, Quote]] = {}
        self._frames: dict[tuple[int, int, int], _Frames] = {}

    def pulse(self, now: float, *, ticks_per_s: float, sessions: Iterable[ClientSession]) -> None:
        """Send each client the ticks that became due since the last pulse."""
        since, self._seen_at = max(self._seen_at, now - _CATCH_UP_S), now
        if not ticks_per_s or not self._market.is_open(now):
            return
        tapes: dict[tuple[int, float], list[_Pair]] = {}
        for session in sessions:
            lines = [one for one in session.streams.values() if isinstance(one, MarketLine) and one.is_live]
            pairs_per_s = ticks_per_s / 2 / max(1, len(lines))
            for line in lines:
                key = (line.instrument.con_id, pairs_per_s)
                if key not in tapes:
                    tapes[key] = self._tape(line.instrument, pairs_per_s, since=since, until=now)
                self._send(session, line, tapes[key])

    def _tape(self, instrument: Instrument, pairs_per_s: float, *, since: float, until: float) -> list[_Pair]:
        """Return what becomes due in (since, until]; nothing while trading in it is halted."""
        if instrument.symbol in self._market.halted:
            return []
        salt = crc32(f"{self._market.seed}:{instrument.symbol}:burst".encode())
        places = range(int(since * pairs_per_s) + 1, int(until * pairs_per_s) + 1)
        return [
            _pair(self._quote(instrument, int(place / pairs_per_s * _QUARTERS)), place, salt)
            for place in places
        ]

    def _quote(self, instrument: Instrument, quarter: int) -> Quote:
        kept = self._quotes.get(instrument.con_id)
        if kept is None or kept[0] != quarter:
            quote = self._market.quote(instrument, quarter / _QUARTERS)
            kept = self._quotes[instrument.con_id] = (quarter, quote)
        return kept[1]

    def _send(self, session: ClientSession, line: MarketLine, tape: list[_Pair]) -> None:
        if not tape:
            return
        frames = self._frames_for(session.version, line)
        if session.takes_frames:
            session.write_frames(b"".join(map(frames.__getitem__, tape)))
        else:
            for pair in tape:
                for message in frames.messages(pair):
                    session.send(message)
        line.forget_sides()

    def _frames_for(self, version: int, line: MarketLine) -> _Frames:
        """Return the frames kept for a line; clients that number their requests alike share them."""
        key = (version, line.request_id, line.instrument.con_id)
        found = self._frames.get(key)
        if found is None or len(found) > _KEPT_FRAMES:
            if len(self._frames) >= _KEPT_LINES:
                self._frames.clear()
            found = self._frames[key] = _Frames(version, line)
        return found


class _Frames(dict[_Pair, bytes]):
    """The bytes of each pair of ticks, written at its first use."""

    def __init__(self, version: int, line: MarketLine) -> None:
        super().__init__()
        self._version = version
        self._request_id = line.request_id
        self._instrument = line.instrument
        self._text = line.instrument.text

    def __missing__(self, pair: _Pair) -> bytes:
        found = self[pair] = b"".join(map(encode, self.messages(pair)))
        return found

    def messages(self, pair: _Pair) -> tuple[Message, Message]:
        """Return the price tick and the size tick that follows it."""
        tick, points, size = pair
        text = quantity_text(self._version, self._instrument, size)
        return (
            tick_price(self._request_id, tick, self._text(points), text),
            tick_size(self._request_id, _SIZE_OF[tick], text),
        )


def _pair(quote: Quote, place: int, salt: int) -> _Pair:
    """Return the pair at a place of the grid: bid, ask and trade in turn, never inside the quote."""
    dice = ((place * _STIR + salt) & 0xFFFFFFFF) >> 12
    times = 1 + (dice >> 1) % 4
    side = place % 3
    if side == 0:
        return Tick.BID, max(1, quote.bid - (dice & 1)), quote.bid_size * times
    if side == 1:
        return Tick.ASK, quote.ask + (dice & 1), quote.ask_size * times
    return Tick.LAST, quote.ask if dice & 1 else quote.bid, quote.last_size * times
