"""Requests about the past: bars, bars kept up to date, trading schedules, first data."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from apps.simulator import messages
from apps.simulator.bars import (
    BAR_SECONDS,
    DAY,
    PRICE_KINDS,
    BadHistoryRequest,
    Bar,
    historical_bars,
    parse_end,
    parse_start,
)
from apps.simulator.clock import eastern_text, utc_text
from apps.simulator.derived_prices import first_day
from apps.simulator.hours import midnight, sessions_between
from apps.simulator.limits import HISTORY, PACED_BAR_S, PACING_TEXT
from apps.simulator.listings import AskedContract
from apps.simulator.messages import In, Out
from apps.simulator.requests.contracts import find_or_refuse, read_contract, with_legs
from apps.simulator.requests.handler import Handler
from apps.simulator.streams import Stream
from apps.simulator.universe import Instrument
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.client_session import ClientSession

HEADS = "head timestamp"
SERVICE = "Historical Market Data Service error message:"
UPDATE_GRID_S = 5
MAX_BARS = 50_000
_BARS_WITHOUT_REST = 200


@dataclass(frozen=True, slots=True)
class AskedHistory:
    """A history request as it was written."""

    request_id: int
    contract: AskedContract
    end: str
    bar_size: str
    duration: str
    use_rth: bool
    kind: str
    format_date: int
    keep_up_to_date: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A history request, understood."""

    request_id: int
    instrument: Instrument
    start: int
    end: int
    bar_s: int
    kind: str
    format_date: int
    keep_up_to_date: bool

    def stamp(self, bar: Bar) -> str:
        """Return a bar's date: the same form in the list and in every later update."""
        if self.bar_s >= DAY:
            return f"{bar.day:%Y%m%d}"
        return str(bar.start) if self.format_date == 2 else eastern_text(bar.start)


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
        bars = historical_bars(
            market,
            wanted.instrument,
            start=min(self._last_start, int(now)) - before,
            end=int(now) + 1,
            bar_s=wanted.bar_s,
            kind=wanted.kind,
            now=now,
        )
        for bar in bars:
            if bar.start >= self._last_start:
                self._last_start = bar.start
                text = wanted.stamp(bar)
                self._session.send(
                    messages.historical_update(
                        self._session.version, wanted.request_id, wanted.instrument, stamp=text, bar=bar
                    )
                )


class PendingHistory(Stream):
    """A request still being computed: it holds its id."""


def req_historical_data(session: ClientSession, fields: Fields) -> Coroutine[None, None, None] | None:
    asked = _read_asked(fields)
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
        wanted = _understand(session, asked, instrument)
    except BadHistoryRequest as error:
        session.send_error(request_id, error.code, error.text)
        return None
    if wanted.kind == "SCHEDULE":
        _send_schedule(session, wanted)
        return None
    session.open_stream(HISTORY, request_id, PendingHistory())
    return _send_bars(session, wanted)


def _read_asked(fields: Fields) -> AskedHistory:
    request_id = fields.integer()
    contract = read_contract(fields)
    contract = replace(contract, include_expired=fields.flag())
    end, bar_size, duration = fields.text(), fields.text(), fields.text()
    use_rth = fields.flag()
    kind, format_date = fields.text().upper(), fields.integer(default=1)
    contract = with_legs(contract, fields)
    keep_up_to_date = fields.flag()
    fields.skip()
    return AskedHistory(
        request_id, contract, end, bar_size, duration, use_rth, kind, format_date, keep_up_to_date
    )


def _understand(session: ClientSession, asked: AskedHistory, instrument: Instrument) -> Wanted:
    """Return what is wanted, in seconds. Raises BadHistoryRequest."""
    missing = session.venue.entitlements.refusal_of_streams(instrument)
    if missing is not None:
        raise BadHistoryRequest(162, f"{SERVICE}{missing}")
    _check_kind(asked.kind, instrument, version=session.version)
    bar_s = _bar_seconds(asked.bar_size, asked.keep_up_to_date and asked.end != "")
    now = session.venue.clock.epoch()
    end = parse_end(asked.end, now=now)
    hours = session.venue.market.hours_of(instrument)
    start = parse_start(asked.duration, end=min(end, int(now) + 1), hours=hours, bar_s=bar_s)
    _check_size(start, end=min(end, int(now)), bar_s=bar_s)
    if bar_s <= PACED_BAR_S:
        _check_pace(session, asked, instrument)
    return Wanted(
        asked.request_id,
        instrument,
        start,
        end,
        bar_s,
        asked.kind,
        asked.format_date,
        asked.keep_up_to_date,
    )


def _check_pace(session: ClientSession, asked: AskedHistory, instrument: Instrument) -> None:
    source = (instrument.con_id, asked.contract.exchange, asked.kind)
    whole = (source, asked.end, asked.bar_size, asked.duration, asked.use_rth)
    if not session.venue.admits_history(whole, source=source, kind=asked.kind):
        raise BadHistoryRequest(162, f"{SERVICE}{PACING_TEXT}")


def _check_kind(kind: str, instrument: Instrument, *, version: int) -> None:
    if kind not in (*PRICE_KINDS, "SCHEDULE"):
        raise BadHistoryRequest(162, f"{SERVICE}No {kind} data")
    is_coin = instrument.sec_type == "CRYPTO"
    if is_coin and kind == "TRADES":
        text = "Expected what to show is AGGTRADES, please use that instead of TRADES."
        raise BadHistoryRequest(10299, text)
    if kind != "SCHEDULE" and (not instrument.offers(kind) or (kind == "AGGTRADES" and not is_coin)):
        name = f"{instrument.local_symbol}@{instrument.exchange} {kind.capitalize()}"
        raise BadHistoryRequest(162, f"{SERVICE}HMDS query returned no data: {name}")
    if kind == "SCHEDULE" and version < messages.HISTORICAL_SCHEDULE:
        raise BadHistoryRequest(321, "Error validating request:-SCHEDULE needs server version 165")


def _bar_seconds(bar_size: str, is_past_kept_up: bool) -> int:
    bar_s = BAR_SECONDS.get(bar_size.strip())
    if bar_s is None:
        raise BadHistoryRequest(
            321, f"Error validating request:-Historical data bar size setting is invalid: {bar_size}"
        )
    if is_past_kept_up:
        raise BadHistoryRequest(321, "Error validating request:-keepUpToDate needs an empty end time")
    return bar_s


def _check_size(start: int, *, end: int, bar_s: int) -> None:
    if (end - start) // bar_s > MAX_BARS:
        raise BadHistoryRequest(162, f"{SERVICE}invalid step: more than {MAX_BARS} bars")


async def _send_bars(session: ClientSession, wanted: Wanted) -> None:
    """Compute, resting between sessions so that a long history does not stop the market."""
    bars: list[Bar] = []
    found = historical_bars(
        session.venue.market,
        wanted.instrument,
        start=wanted.start,
        end=wanted.end,
        bar_s=wanted.bar_s,
        kind=wanted.kind,
        now=session.venue.clock.epoch(),
    )
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
    span = (eastern_text(wanted.start), eastern_text(min(wanted.end, session.venue.clock.epoch())))
    stamped = [(wanted.stamp(bar), bar) for bar in bars]
    session.send(
        messages.historical_data(
            session.version, wanted.request_id, wanted.instrument, span=span, bars=stamped
        )
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
