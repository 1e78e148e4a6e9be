"""One market data line: what a client sees of an instrument, told again only where it changed.

Decides the type of data, live, frozen or delayed, and the order of ticks. The figures of
generic ticks are figures.py, the requests are requests/market_data.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from apps.simulator.protocol import messages
from apps.simulator.protocol.data_messages import EXCHANGE_LETTERS, option_computation
from apps.simulator.market.depth import exchange_of
from apps.simulator.market.entitlements import DELAY_S, DataType, Right, data_type, notice_of, refusal_of
from apps.simulator.market.figures import LIVELY, Figure, Form
from apps.simulator.clients.generic_ticks import NEWS, AskedTicks
from apps.simulator.market.headlines import Headline, headlines_before
from apps.simulator.market.limits import LINES
from apps.simulator.protocol.messages import Out, quantity_text, volume_text
from apps.simulator.market.option_computations import computations_of
from apps.simulator.market.quotes import DaySummary, Quote
from apps.simulator.clients.streams import Stream
from apps.simulator.tick_types import DELAYED_TWINS, Tick
from apps.simulator.instruments.universe import Instrument

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

SNAPSHOT_LIMIT_S = 11
_BID = (Tick.BID, Tick.BID_SIZE, Tick.BID_EXCHANGE, "bid", "bid_size")
_ASK = (Tick.ASK, Tick.ASK_SIZE, Tick.ASK_EXCHANGE, "ask", "ask_size")
_LAST = (Tick.LAST, Tick.LAST_SIZE, Tick.LAST_EXCHANGE, "last", "last_size")
_HIGH_AND_LOW = ((Tick.HIGH, "high"), (Tick.LOW, "low"))
_SIDES = (_BID, _ASK, _LAST)
_NO_QUOTE = "-1"
_NEWS_EVERY_S = 60


class MarketLine(Stream):
    """One subscription; remembers what it sent so that only changes go out."""

    def __init__(
        self,
        session: ClientSession,
        request_id: int,
        instrument: Instrument,
        *,
        asked: AskedTicks | None = None,
        sees_everything: bool = False,
    ) -> None:
        self._session = session
        self._request_id = request_id
        self._instrument = instrument
        self._asked = asked or AskedTicks()
        self._asked_type = session.market_data_type
        # A regulatory snapshot is paid for by itself and needs no subscription.
        self._right_to_all = Right.LIVE if sees_everything else None
        self._text = instrument.text
        self._sides = _sides_of(instrument)
        self._feed: DataType | None = None
        self._sent: dict[Tick, object] = {}
        self._figures: dict[int, list[Figure]] = {}
        self._figured_second = self._figured_minute = -1
        self._news_until = 0.0

    @property
    def request_id(self) -> int:
        return self._request_id

    @property
    def instrument(self) -> Instrument:
        return self._instrument

    @property
    def is_live(self) -> bool:
        """Return whether the client sees this market as it is now."""
        return self._feed is DataType.LIVE

    def forget_sides(self) -> None:
        """Let the next pulse tell the whole quote, for the client was told others since (bursts.py)."""
        for price_tick, size_tick, *_ in _SIDES:
            self._sent.pop(price_tick, None)
            self._sent.pop(size_tick, None)

    # --- what kind of data -----------------------------------------------------------------

    def begin(self, now: float) -> bool:
        """Tell the kind of data and the first of it; False, and an error, if there is none to see."""
        self._turn_to(self._feed_at(now))
        if self._feed is None:
            return False
        self._session.send(messages.tick_req_params(self._request_id, self._instrument))
        self.pulse(now)
        return True

    @property
    def _right(self) -> Right:
        return self._right_to_all or self._session.venue.entitlements.right_to(self._instrument.symbol)

    def _feed_at(self, now: float) -> DataType | None:
        is_open = self._session.venue.market.is_open(now, self._instrument)
        return data_type(self._right, self._asked_type, is_open=is_open)

    def _turn_to(self, feed: DataType | None) -> None:
        self._feed = feed
        self._sent.clear()
        source = f"{self._instrument.symbol} {self._instrument.trading_exchange}"
        if feed is None:
            error = refusal_of(self._right, self._asked_type, source=source)
            self._session.send_error(self._request_id, *error)
            return
        notice = notice_of(self._right, feed, source=source)
        if notice is not None:
            self._session.send_error(self._request_id, *notice)
        self._session.send(messages.market_data_type(self._request_id, feed))

    # --- ticks -------------------------------------------------------------------------------

    def pulse(self, now: float) -> None:
        feed = self._feed_at(now)
        if feed is not self._feed:
            self._turn_to(feed)
        if feed is None:
            return
        seen = now - DELAY_S if feed.is_delayed else now
        if self._asked.has_market_data:
            self._send_market(seen, feed)
        if self._asked.codes:
            self._send_figures(seen)

    def _send_market(self, seen: float, feed: DataType) -> None:
        market = self._session.venue.market
        halt = market.halted.get(self._instrument.symbol, 0)
        if halt and Tick.HALTED in self._sent:
            self._send_halt(halt)
            return
        quote = market.quote(self._instrument, seen)
        if feed is DataType.LIVE and not market.is_open(seen, self._instrument):
            quote = replace(quote, bid=-1, ask=-1, bid_size=0, ask_size=0)
        self._send_sides(quote, feed)
        is_new_second = self._changed(Tick.LAST_TIMESTAMP, quote.last_second)
        if is_new_second and _LAST in self._sides:
            self._send_string(Tick.LAST_TIMESTAMP, str(quote.last_second))
        self._send_halt(halt)
        if is_new_second and self._instrument.is_option:
            self._send_computations(quote, seen)
        if is_new_second:
            self._send_day(market.day_summary(self._instrument, seen))

    def _send_computations(self, quote: Quote, seen: float) -> None:
        for tick, one in computations_of(self._session.venue.market, self._instrument, quote, at=seen):
            if self._changed(tick, one) and not (self._right is Right.PART and tick is not Tick.MODEL_OPTION):
                self._session.send(option_computation(self._request_id, self._id(tick), one))

    def _send_halt(self, halt: int) -> None:
        if self._changed(Tick.HALTED, halt):
            tick = self._id(Tick.HALTED)
            self._session.send(messages.tick_generic(self._request_id, tick, float(halt)))

    def _send_sides(self, quote: Quote, feed: DataType) -> None:
        hides_quote = self._right is Right.PART
        for price_tick, size_tick, letter_tick, price_name, size_name in self._sides:
            if hides_quote and price_tick is not Tick.LAST:
                continue
            points: int = getattr(quote, price_name)
            size = quantity_text(self._session.version, self._instrument, getattr(quote, size_name))
            is_new_size = self._changed(size_tick, size)
            if self._changed(price_tick, points):
                text = self._text(points) if points > 0 or self._instrument.legs else _NO_QUOTE
                tick = self._id(price_tick)
                self._session.send(messages.tick_price(self._request_id, tick, text, size))
                is_new_size = True
                if not feed.is_delayed:
                    self._send_letter(letter_tick, points, quote.last_second)
            if is_new_size:
                self._session.send(messages.tick_size(self._request_id, self._id(size_tick), size))

    def _send_letter(self, tick: Tick, points: int, second: int) -> None:
        if self._instrument.sec_type != "STK" or points < 1:
            return
        exchange = exchange_of(self._session.venue.market, self._instrument, points, second=second)
        letter = EXCHANGE_LETTERS[exchange]
        if self._changed(tick, letter):
            self._send_string(tick, letter)

    def _send_day(self, summary: DaySummary) -> None:
        volume = volume_text(self._session.version, self._instrument, summary.day.volume)
        if _LAST in self._sides and _BID in self._sides and self._changed(Tick.VOLUME, volume):
            self._session.send(messages.tick_size(self._request_id, self._id(Tick.VOLUME), volume))
        for tick, name in _HIGH_AND_LOW:
            self._send_price(tick, getattr(summary.day, name))
        self._send_price(Tick.CLOSE, summary.previous_close)
        if _LAST in self._sides:
            self._send_price(Tick.OPEN, summary.day.opening)

    def _send_price(self, tick: Tick, points: int) -> None:
        if self._changed(tick, points):
            text = self._text(points)
            self._session.send(messages.tick_price(self._request_id, self._id(tick), text, "0"))

    def _send_string(self, tick: Tick, text: str) -> None:
        self._session.send(messages.tick_string(self._request_id, self._id(tick), text))

    def _id(self, tick: Tick) -> Tick:
        if self._feed is not None and self._feed.is_delayed:
            return DELAYED_TWINS.get(tick, tick)
        return tick

    def _changed(self, tick: Tick, value: object) -> bool:
        if self._sent.get(tick) == value and tick in self._sent:
            return False
        self._sent[tick] = value
        return True

    # --- generic ticks ---------------------------------------------------------------------

    def _send_figures(self, seen: float) -> None:
        second, minute = int(seen), int(seen) // 60
        if second == self._figured_second:
            return
        is_new_minute = minute != self._figured_minute
        self._figured_second, self._figured_minute = second, minute
        for code in sorted(self._asked.codes):
            if code == NEWS:
                self._send_news(seen)
            elif is_new_minute or code in LIVELY:
                self._send_changed(code, seen)

    def _send_changed(self, code: int, seen: float) -> None:
        told = self._session.venue.figures.told_by(code, self._instrument, seen)
        before = self._figures.get(code, [])
        self._figures[code] = told
        for one in told:
            if one not in before:
                self._send_figure(one)

    def _send_figure(self, one: Figure) -> None:
        request_id, tick = self._request_id, one.tick
        if one.form is Form.TEXT:
            self._session.send(messages.tick_string(request_id, tick, str(one.value)))
        elif one.form is Form.GENERIC:
            self._session.send(messages.tick_generic(request_id, tick, float(one.value)))
        elif one.form is Form.PRICE:
            text = self._text(float(one.value))
            self._session.send(messages.tick_price(request_id, tick, text, "0"))
        else:
            size = quantity_text(self._session.version, self._instrument, float(one.value))
            self._session.send(messages.tick_size(request_id, tick, size))

    def _send_news(self, seen: float) -> None:
        """Tell the newest headline at first, and then each as it is published."""
        if seen < self._news_until + _NEWS_EVERY_S:
            return
        since, self._news_until = self._news_until, seen
        fresh: list[Headline] = []
        for one in headlines_before(self._session.venue.market, self._instrument, seen):
            if one.at <= since or (fresh and not since):
                break
            if not self._asked.news or one.provider in self._asked.news:
                fresh.append(one)
        for one in reversed(fresh):
            self._session.send(messages.tick_news(self._request_id, one))


class Snapshot(MarketLine):
    """A line that ends by itself: when everything is in, and at the latest after eleven seconds."""

    _last_moment = 0.0

    def begin(self, now: float) -> bool:
        self._last_moment = now + SNAPSHOT_LIMIT_S
        return super().begin(now)

    def pulse(self, now: float) -> None:
        super().pulse(now)
        wanted = {price_tick for price_tick, *_ in self._sides}
        if wanted <= self._sent.keys() or now >= self._last_moment:
            self._session.send(messages.end(Out.SNAPSHOT_END, self._request_id))
            self._session.close_stream(LINES, self._request_id)


def _sides_of(instrument: Instrument) -> tuple[tuple[Tick, Tick, Tick, str, str], ...]:
    if not instrument.has_trades:
        return (_BID, _ASK)
    return _SIDES if instrument.has_quotes else (_LAST,)
