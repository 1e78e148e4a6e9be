"""Requests for single ticks: as they happen, and those of the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.instruments.listings import AskedContract
from apps.simulator.market.bars import NO_ZONE, BadHistoryRequest, lacks_zone, parse_end
from apps.simulator.market.limits import TICK_BY_TICK
from apps.simulator.market.ticks import (
    BID_ASK,
    KINDS,
    MAX_TICKS,
    MIDPOINT,
    SLOTS_PER_S,
    TRADES,
    QuoteTick,
    Tick,
    Ticker,
)
from apps.simulator.protocol.data_messages import historical_ticks, tick_by_tick
from apps.simulator.protocol.messages import In
from apps.simulator.requests.contracts import find_or_refuse, read_contract
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

# The name in a request: the number in message 99, and what the ticks are called in the past.
_TOO_MANY = "Max number of tick-by-tick requests has been reached"
_ONE_AT_A_TIME = "one request per instrument in 15 seconds"
LIVE_KINDS = {"Last": (1, TRADES), "AllLast": (2, TRADES), "BidAsk": (3, BID_ASK), "MidPoint": (4, MIDPOINT)}
# After a pause as long as a clock moved by hand, the ticks missed are history.
_CATCH_UP_S = 60


class TickByTick(Stream):
    """One subscription; walks through the quarters of seconds and tells each tick once."""

    def __init__(self, session: ClientSession, request_id: int, ticker: Ticker, *, code: int) -> None:
        self._session = session
        self._request_id = request_id
        self._ticker = ticker
        self._code = code
        self._next = int(session.venue.clock.epoch()) * SLOTS_PER_S
        self._sent: QuoteTick | None = None

    def pulse(self, now: float) -> None:
        end = int(now * SLOTS_PER_S) + 1
        start = max(self._next, end - _CATCH_UP_S * SLOTS_PER_S)
        self._next = max(end, self._next)
        market = self._session.venue.market
        if self._ticker.instrument.symbol in market.halted:
            return
        for slot in range(start, end):
            if market.is_open(slot / SLOTS_PER_S, self._ticker.instrument):
                for tick in self._ticks_in(slot):
                    self._send(tick)

    def _send(self, tick: Tick) -> None:
        session, instrument = self._session, self._ticker.instrument
        session.send(tick_by_tick(session.version, self._request_id, instrument, code=self._code, tick=tick))

    def _ticks_in(self, slot: int) -> list[Tick]:
        if self._ticker.kind == TRADES:
            second, place = divmod(slot, SLOTS_PER_S)
            return [*self._ticker.trades_in(second)] if place == 0 else []
        quote = self._ticker.quote_in(slot)
        if self._sent is not None and not self._ticker.differ(self._sent, quote):
            return []
        self._sent = quote
        return [quote]


def req_tick_by_tick(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    asked = read_contract(fields)
    name, count, ignore_size = fields.text(), fields.integer(), fields.flag()
    refusal = _refusal_of(session, request_id, name, count)
    if refusal is not None:
        session.send_error(request_id, *refusal)
        return
    instrument = find_or_refuse(session, request_id, asked)
    if instrument is None:
        return
    missing = session.venue.entitlements.refusal_of_streams(instrument)
    if missing is not None:
        session.send_error(request_id, 10189, f"Failed to request tick-by-tick data:{missing}")
        return
    if not session.venue.admits_tick_by_tick(instrument):
        session.send_error(request_id, 10190, f"{_TOO_MANY}: {_ONE_AT_A_TIME}")
        return
    code, kind = LIVE_KINDS[name]
    if not instrument.offers(kind):
        text = f"Failed to request tick-by-tick data:No {name} data for {instrument.local_symbol}"
        session.send_error(request_id, 10189, text)
        return
    ticker = Ticker(session.venue.market, instrument, kind, ignore_size=ignore_size)
    now = session.venue.clock.epoch()
    if count:
        past = ticker.before(int(now), count=min(count, MAX_TICKS))
        session.send(historical_ticks(session.version, request_id, instrument, kind=kind, ticks=past))
    stream = TickByTick(session, request_id, ticker, code=code)
    session.open_stream(TICK_BY_TICK, request_id, stream)
    stream.pulse(now)


def _refusal_of(session: ClientSession, request_id: int, name: str, count: int) -> tuple[int, str] | None:
    if session.has_stream(TICK_BY_TICK, request_id):
        return 102, "Duplicate ticker ID."
    if name not in LIVE_KINDS:
        return 10189, f"Failed to request tick-by-tick data:No {name} data"
    if count < 0:
        return 321, "Error validating request:-the number of ticks must not be negative"
    if session.venue.meter.is_full(TICK_BY_TICK):
        return 10190, _TOO_MANY
    return None


def cancel_tick_by_tick(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    if not session.close_stream(TICK_BY_TICK, request_id):
        session.send_error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


@dataclass(frozen=True, slots=True)
class AskedTicks:
    """A request for ticks of the past, as it was written."""

    contract: AskedContract
    start: str
    end: str
    count: int
    kind: str
    ignore_size: bool


def _read_asked(fields: Fields) -> AskedTicks:
    contract = read_contract(fields)
    fields.skip()
    start, end, count = fields.text().strip(), fields.text().strip(), fields.integer()
    kind = fields.text().upper()
    fields.skip()
    asked = AskedTicks(contract, start, end, count, kind, ignore_size=fields.flag())
    fields.skip()
    return asked


def req_historical_ticks(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    asked = _read_asked(fields)
    instrument = find_or_refuse(session, request_id, asked.contract)
    if instrument is None:
        return
    missing = session.venue.entitlements.refusal_of_streams(instrument)
    if missing is not None:
        session.send_error(request_id, 10187, f"Failed to request historical ticks:{missing}")
        return
    ticker = Ticker(session.venue.market, instrument, asked.kind, ignore_size=asked.ignore_size)
    if lacks_zone(asked.start) or lacks_zone(asked.end):
        session.send_error(request_id, 2174, NO_ZONE)
    try:
        ticks = _ticks_of(ticker, asked, now=session.venue.clock.epoch())
    except BadHistoryRequest as error:
        session.send_error(request_id, error.code, error.text)
        return
    session.send(historical_ticks(session.version, request_id, instrument, kind=asked.kind, ticks=ticks))


def _ticks_of(ticker: Ticker, asked: AskedTicks, *, now: float) -> list[Tick]:
    if asked.kind not in KINDS or not ticker.instrument.offers(asked.kind):
        raise BadHistoryRequest(10187, f"Failed to request historical ticks:No {asked.kind} data")
    if asked.count < 1:
        raise BadHistoryRequest(321, "Error validating request:-the number of ticks must be 1 to 1000")
    if not asked.start and not asked.end:
        raise BadHistoryRequest(321, "Error validating request:-a start or an end time must be given")
    count = min(asked.count, MAX_TICKS)
    # The second that is running is not history yet.
    end = min(int(now), parse_end(asked.end, now=now))
    if asked.start:
        return ticker.after(parse_end(asked.start, now=now), end=end, count=count)
    return ticker.before(end, count=count)


REQUESTS: dict[int, Handler] = {
    In.REQ_HISTORICAL_TICKS: req_historical_ticks,
    In.REQ_TICK_BY_TICK: req_tick_by_tick,
    In.CANCEL_TICK_BY_TICK: cancel_tick_by_tick,
}
