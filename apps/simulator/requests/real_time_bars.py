"""Requests for bars of five seconds, each told when it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.bars import historical_bars
from apps.simulator.market.limits import PACING_TEXT, REAL_TIME_BARS
from apps.simulator.protocol.data_messages import real_time_bar
from apps.simulator.protocol.messages import In
from apps.simulator.requests.contracts import find_or_refuse, read_contract
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

BAR_S = 5
PRICE_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK")
# After a pause as long as a clock moved by hand, the bars missed are history.
_CATCH_UP_S = 60


class RealTimeBars(Stream):
    """One subscription; bars begin at multiples of five seconds."""

    def __init__(self, session: ClientSession, request_id: int, instrument: Instrument, kind: str) -> None:
        self._session = session
        self._request_id = request_id
        self._instrument = instrument
        self._kind = kind
        self._told_until = _grid(session.venue.clock.epoch())

    def pulse(self, now: float) -> None:
        end = _grid(now)
        start = max(self._told_until, end - _CATCH_UP_S)
        self._told_until = end
        market = self._session.venue.market
        if start >= end or self._instrument.symbol in market.halted:
            return
        bars = historical_bars(
            market, self._instrument, start=start, end=end, bar_s=BAR_S, kind=self._kind, now=now
        )
        for bar in bars:
            self._session.send(real_time_bar(self._session.version, self._request_id, self._instrument, bar))

    def trade_busted(self, con_id: int) -> None:
        # The gateway ends the stream: the bars already sent may hold the void trade.
        if con_id == self._instrument.con_id:
            self._session.close_stream(REAL_TIME_BARS, self._request_id)
            text = "Bust event occurred, the subscription is deactivated. Please resubscribe."
            self._session.send_error(self._request_id, 10225, text)


def _grid(epoch: float) -> int:
    return int(epoch) // BAR_S * BAR_S


def req_real_time_bars(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    asked = read_contract(fields)
    # The size asked for: every gateway sends bars of five seconds whatever it is.
    fields.skip()
    kind = fields.text().upper()
    fields.skip(2)
    if session.has_stream(REAL_TIME_BARS, request_id):
        session.send_error(request_id, 102, "Duplicate ticker ID.")
        return
    if kind not in PRICE_KINDS:
        session.send_error(request_id, 420, f"Invalid Real-time Query:No {kind} data")
        return
    if session.venue.meter.is_full(REAL_TIME_BARS):
        session.send_error(request_id, 420, "Invalid Real-time Query:Too many simultaneous requests")
        return
    instrument = find_or_refuse(session, request_id, asked)
    if instrument is None:
        return
    missing = session.venue.entitlements.refusal_of_streams(instrument)
    if missing is not None:
        session.send_error(request_id, 420, f"Invalid Real-time Query:{missing}")
        return
    if not instrument.offers(kind):
        session.send_error(request_id, 420, f"Invalid Real-time Query:No {kind} data")
        return
    asked_for = (instrument.con_id, kind)
    if not session.venue.admits_history(("real-time bars", *asked_for), source=asked_for, kind=kind):
        session.send_error(request_id, 420, f"Invalid Real-time Query:{PACING_TEXT}")
        return
    session.open_stream(REAL_TIME_BARS, request_id, RealTimeBars(session, request_id, instrument, kind))


def cancel_real_time_bars(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    if not session.close_stream(REAL_TIME_BARS, request_id):
        session.send_error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


REQUESTS: dict[int, Handler] = {
    In.REQ_REAL_TIME_BARS: req_real_time_bars,
    In.CANCEL_REAL_TIME_BARS: cancel_real_time_bars,
}
