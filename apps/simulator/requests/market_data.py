"""Market data lines: one instrument's quote, sent when it changes, or once as a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator import messages
from apps.simulator.limits import LINES
from apps.simulator.messages import In, Out, Tick, size_text
from apps.simulator.quotes import DaySummary, Quote
from apps.simulator.requests.contracts import find_or_refuse, read_contract
from apps.simulator.requests.handler import Handler
from apps.simulator.streams import Stream
from apps.simulator.universe import Instrument
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.client_session import ClientSession

_SIDES = (
    (Tick.BID, Tick.BID_SIZE, "bid", "bid_size"),
    (Tick.ASK, Tick.ASK_SIZE, "ask", "ask_size"),
    (Tick.LAST, Tick.LAST_SIZE, "last", "last_size"),
)
_DAY = ((Tick.HIGH, "high"), (Tick.LOW, "low"), (Tick.OPEN, "opening"))


class MarketLine(Stream):
    """One subscription; remembers what it sent so that only changes go out."""

    def __init__(self, session: ClientSession, request_id: int, instrument: Instrument) -> None:
        self._session = session
        self._request_id = request_id
        self._instrument = instrument
        self._text = instrument.text
        self._sent: dict[Tick, object] = {}

    @property
    def request_id(self) -> int:
        return self._request_id

    @property
    def instrument(self) -> Instrument:
        return self._instrument

    def forget_sides(self) -> None:
        """Let the next pulse tell the whole quote, for the client was told others since (bursts.py)."""
        for price_tick, size_tick, _, _ in _SIDES:
            self._sent.pop(price_tick, None)
            self._sent.pop(size_tick, None)

    def pulse(self, now: float) -> None:
        market = self._session.venue.market
        quote = market.quote(self._instrument, now)
        if self._changed(Tick.HALTED, quote.is_halted):
            self._session.send(messages.tick_generic(self._request_id, Tick.HALTED, float(quote.is_halted)))
        if quote.is_halted and Tick.BID in self._sent:
            return
        self._send_sides(quote)
        if self._changed(Tick.LAST_TIMESTAMP, quote.last_second):
            text = str(quote.last_second)
            self._session.send(messages.tick_string(self._request_id, Tick.LAST_TIMESTAMP, text))
            self._send_day(market.day_summary(self._instrument, now))

    def _send_sides(self, quote: Quote) -> None:
        for price_tick, size_tick, price_name, size_name in _SIDES:
            points: int = getattr(quote, price_name)
            size = size_text(self._session.version, getattr(quote, size_name))
            is_new_size = self._changed(size_tick, size)
            if self._changed(price_tick, points):
                self._session.send(
                    messages.tick_price(self._request_id, price_tick, self._text(points), size)
                )
                is_new_size = True
            if is_new_size:
                self._session.send(messages.tick_size(self._request_id, size_tick, size))

    def _send_day(self, summary: DaySummary) -> None:
        volume = size_text(self._session.version, summary.day.volume)
        if self._changed(Tick.VOLUME, volume):
            self._session.send(messages.tick_size(self._request_id, Tick.VOLUME, volume))
        for tick, name in _DAY:
            self._send_price(tick, getattr(summary.day, name))
        self._send_price(Tick.CLOSE, summary.previous_close)

    def _send_price(self, tick: Tick, points: int) -> None:
        if self._changed(tick, points):
            self._session.send(messages.tick_price(self._request_id, tick, self._text(points), "0"))

    def _changed(self, tick: Tick, value: object) -> bool:
        if self._sent.get(tick) == value and tick in self._sent:
            return False
        self._sent[tick] = value
        return True


def req_mkt_data(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    asked = read_contract(fields)
    if asked.sec_type == "BAG":
        fields.skip(fields.integer() * 4)
    if fields.flag():
        fields.skip(3)
    generic_ticks, is_snapshot = fields.text(), fields.flag()
    fields.skip(2)
    if session.has_stream(LINES, request_id):
        session.send_error(request_id, 102, "Duplicate ticker ID.")
        return
    if is_snapshot and generic_ticks:
        text = (
            "Error validating request:-Snapshot market data subscription is not applicable to generic ticks"
        )
        session.send_error(request_id, 321, text)
        return
    if session.venue.meter.is_full(LINES):
        session.send_error(request_id, 101, "Max number of tickers has been reached")
        return
    instrument = find_or_refuse(session, request_id, asked)
    if instrument is None:
        return
    # Live data is always there, so the delayed types 3 and 4 are never needed.
    is_frozen = session.market_data_type == 2 and not session.venue.market.is_open(
        session.venue.clock.epoch()
    )
    session.send(messages.market_data_type(request_id, 2 if is_frozen else 1))
    session.send(messages.tick_req_params(request_id))
    line = MarketLine(session, request_id, instrument)
    line.pulse(session.venue.clock.epoch())
    if is_snapshot:
        session.send(messages.end(Out.SNAPSHOT_END, request_id))
    else:
        session.open_stream(LINES, request_id, line)


def cancel_mkt_data(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    if not session.close_stream(LINES, request_id):
        session.send_error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


def req_market_data_type(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    kind = fields.integer()
    if 1 <= kind <= 4:
        session.market_data_type = kind
    else:
        session.send_error(-1, 321, f"Error validating request:-no market data type {kind}")


REQUESTS: dict[int, Handler] = {
    In.REQ_MKT_DATA: req_mkt_data,
    In.CANCEL_MKT_DATA: cancel_mkt_data,
    In.REQ_MARKET_DATA_TYPE: req_market_data_type,
}
