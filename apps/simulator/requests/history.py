"""Requests about the past: bars, bars kept up to date, trading schedules, first data."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.clock import eastern_text, utc_text
from apps.simulator.instruments.hours import midnight, sessions_between
from apps.simulator.market.bars import DAY, BadHistoryRequest, Bar
from apps.simulator.market.derived_prices import first_day
from apps.simulator.market.limits import HISTORY
from apps.simulator.market.rate_bars import BarSpan, bars_of_kind
from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import In, Out
from apps.simulator.requests.contracts import find_or_refuse, read_contract
from apps.simulator.requests.handler import Handler
from apps.simulator.requests.history_asking import SERVICE, UPDATE_GRID_S, Wanted, read_asked, understand
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

HEADS = "head timestamp"
_BARS_WITHOUT_REST = 200


class LiveBars(Stream):
    """keepUpToDate: the bar in progress again on a grid of five seconds, and each new one."""

    def __init__(self, session: ClientSession, wanted: Wanted, *, last_start: int) -> None:
        self._session = session
        self._wanted = wanted
        self._last_start = last_start
        self._slot = int(session.venue.clock.epoch()) // UPDATE_GRID_S

    def pulse(self, now: float) -> None:
        slot = int(now) // UPDATE_GRID_S
        if slot == self._slot:
            return
        self._slot = slot
        wanted, market = self._wanted, self._session.venue.market
        # A week or a month is labelled by its last session: begin before its first.
        before = 31 * DAY if wanted.bar_s > DAY else 0
        span = BarSpan(min(self._last_start, int(now)) - before, int(now) + 1, wanted.bar_s)
        for bar in bars_of_kind(market, wanted.instrument, span, kind=wanted.kind, now=now):
            if bar.start >= self._last_start:
                self._last_start = bar.start
                text = wanted.stamp(bar)
                self._session.send(
                    messages.historical_update(
                        self._session.version, wanted.request_id, wanted.shown, stamp=text, bar=bar
                    )
                )


class PendingHistory(Stream):
    """A request still being computed: it holds its id."""


def req_historical_data(session: ClientSession, fields: Fields) -> Coroutine[None, None, None] | None:
    asked = read_asked(fields)
    request_id = asked.request_id
    if session.has_stream(HISTORY, request_id):
        session.send_error(request_id, 102, "Duplicate ticker ID.")
        return None
    if session.venue.meter.is_full(HISTORY):
        text = "Error processing request:-Only 50 simultaneous API historical data requests allowed."
        session.send_error(request_id, 322, text)
        return None
    instrument = find_or_refuse(session, request_id, asked.contract, is_live=False)
    if instrument is None:
        return None
    try:
        wanted = understand(session, asked, instrument)
    except BadHistoryRequest as error:
        session.send_error(request_id, error.code, error.text)
        return None
    if wanted.kind == "SCHEDULE":
        _send_schedule(session, wanted)
        return None
    session.open_stream(HISTORY, request_id, PendingHistory())
    return _send_bars(session, wanted)


async def _send_bars(session: ClientSession, wanted: Wanted) -> None:
    """Compute, resting between sessions so that a long history does not stop the market."""
    bars: list[Bar] = []
    span = BarSpan(wanted.start, wanted.end, wanted.bar_s)
    now = session.venue.clock.epoch()
    found = bars_of_kind(session.venue.market, wanted.instrument, span, kind=wanted.kind, now=now)
    for count, bar in enumerate(found):
        bars.append(bar)
        if count % _BARS_WITHOUT_REST == 0:
            await asyncio.sleep(0)
    if not session.close_stream(HISTORY, wanted.request_id):
        return
    if not bars:
        text = f"{SERVICE}HMDS query returned no data"
        session.send_error(wanted.request_id, 162, text)
        return
    edges = (eastern_text(wanted.start), eastern_text(min(wanted.end, session.venue.clock.epoch())))
    stamped = [(wanted.stamp(bar), bar) for bar in bars]
    session.send(
        messages.historical_data(session.version, wanted.request_id, wanted.shown, span=edges, bars=stamped)
    )
    if wanted.keep_up_to_date:
        session.open_stream(HISTORY, wanted.request_id, LiveBars(session, wanted, last_start=bars[-1].start))


def _send_schedule(session: ClientSession, wanted: Wanted) -> None:
    end = min(wanted.end, int(session.venue.clock.epoch()) + 1)
    sessions = sessions_between(session.venue.market.hours_of(wanted.instrument), wanted.start, end)
    rows = [
        text
        for one in sessions
        for text in (_naive_text(one.start), _naive_text(one.end), f"{one.day:%Y%m%d}")
    ]
    span = (_naive_text(wanted.start), _naive_text(end))
    session.send([Out.HISTORICAL_SCHEDULE, wanted.request_id, *span, "US/Eastern", len(sessions), *rows])


def _naive_text(epoch: float) -> str:
    return eastern_text(epoch).removesuffix(" US/Eastern").replace(" ", "-")


def cancel_historical_data(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    if session.close_stream(HISTORY, request_id):
        text = f"{SERVICE}API historical data query cancelled: {request_id}"
        session.send_error(request_id, 162, text)
    else:
        session.send_error(request_id, 366, f"No historical data query found for ticker id:{request_id}")


def req_head_timestamp(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    asked = read_contract(fields)
    fields.skip(3)
    format_date = fields.integer(default=1)
    if session.has_stream(HEADS, request_id):
        session.send_error(request_id, 102, "Duplicate ticker ID.")
        return
    instrument = find_or_refuse(session, request_id, asked, is_live=False)
    if instrument is None:
        return
    begin = midnight(first_day(instrument))
    hours = session.venue.market.hours_of(instrument)
    first = sessions_between(hours, begin, begin + 10 * DAY)[0].start
    text = str(first) if format_date == 2 else utc_text(first)
    session.send([Out.HEAD_TIMESTAMP, request_id, text])
    session.open_stream(HEADS, request_id, PendingHistory())


def cancel_head_timestamp(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    if not session.close_stream(HEADS, request_id):
        session.send_error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


REQUESTS: dict[int, Handler] = {
    In.REQ_HISTORICAL_DATA: req_historical_data,
    In.CANCEL_HISTORICAL_DATA: cancel_historical_data,
    In.REQ_HEAD_TIMESTAMP: req_head_timestamp,
    In.CANCEL_HEAD_TIMESTAMP: cancel_head_timestamp,
}
