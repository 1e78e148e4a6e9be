"""What a request for history says, and whether it can be meant; how it is answered is history.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from apps.simulator.clock import eastern_text
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.listings import AskedContract
from apps.simulator.market.bars import (
    BAR_SECONDS,
    DAY,
    NO_ZONE,
    PRICE_KINDS,
    BadHistoryRequest,
    Bar,
    lacks_zone,
    parse_end,
    parse_start,
)
from apps.simulator.market.limits import PACED_BAR_S, PACING_TEXT
from apps.simulator.market.rate_bars import RATE_KINDS, offers_rate, shown_as
from apps.simulator.protocol import messages
from apps.simulator.requests.contracts import read_contract, with_legs
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

SERVICE = "Historical Market Data Service error message:"
UPDATE_GRID_S = 5
MAX_BARS = 50_000
_INVALID = "Error validating request:-"


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

    @property
    def shown(self) -> Instrument:
        """The instrument in whose digits the bars are written."""
        return shown_as(self.instrument, self.kind)

    def stamp(self, bar: Bar) -> str:
        """Return a bar's date: the same form in the list and in every later update."""
        if self.bar_s >= DAY:
            return f"{bar.day:%Y%m%d}"
        return str(bar.start) if self.format_date == 2 else eastern_text(bar.start)


def read_asked(fields: Fields) -> AskedHistory:
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


def understand(session: ClientSession, asked: AskedHistory, instrument: Instrument) -> Wanted:
    """Return what is wanted, in seconds. Raises BadHistoryRequest."""
    missing = session.venue.entitlements.refusal_of_streams(instrument)
    if missing is not None:
        raise BadHistoryRequest(162, f"{SERVICE}{missing}")
    _check_kind(asked.kind, instrument, version=session.version)
    bar_s = _bar_seconds(asked)
    now = session.venue.clock.epoch()
    end = parse_end(asked.end, now=now)
    if lacks_zone(asked.end):
        session.send_error(asked.request_id, 2174, NO_ZONE)
    hours = session.venue.market.hours_of(instrument)
    _check_duration(asked.duration)
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
    if kind not in (*PRICE_KINDS, *RATE_KINDS, "SCHEDULE"):
        raise BadHistoryRequest(321, f"Error validating request:-Please enter a valid what to show: {kind}")
    if kind == "SCHEDULE":
        if version < messages.HISTORICAL_SCHEDULE:
            raise BadHistoryRequest(321, "Error validating request:-SCHEDULE needs server version 165")
        return
    is_coin = instrument.sec_type == "CRYPTO"
    if is_coin and kind == "TRADES":
        text = "Expected what to show is AGGTRADES, please use that instead of TRADES."
        raise BadHistoryRequest(10299, text)
    is_offered = offers_rate(instrument, kind) if kind in RATE_KINDS else instrument.offers(kind)
    is_offered = is_offered and (is_coin or kind != "AGGTRADES")
    if not is_offered:
        name = f"{instrument.local_symbol}@{instrument.exchange} {kind.capitalize()}"
        raise BadHistoryRequest(162, f"{SERVICE}HMDS query returned no data: {name}")


def _bar_seconds(asked: AskedHistory) -> int:
    """Return the length of a bar. Raises BadHistoryRequest if there is none such, or none such live."""
    bar_s = BAR_SECONDS.get(asked.bar_size.strip())
    if bar_s is None:
        raise BadHistoryRequest(
            321, f"{_INVALID}Historical data bar size setting is invalid: {asked.bar_size}"
        )
    if asked.kind == "ADJUSTED_LAST" and asked.end.strip():
        raise BadHistoryRequest(321, f"{_INVALID}End date not supported with adjusted last")
    if not asked.keep_up_to_date:
        return bar_s
    if asked.end.strip():
        raise BadHistoryRequest(321, f"{_INVALID}keepUpToDate needs an empty end time")
    if asked.kind == "ADJUSTED_LAST":
        raise BadHistoryRequest(321, f"{_INVALID}keepUpToDate is not supported with adjusted last")
    if bar_s < UPDATE_GRID_S:
        raise BadHistoryRequest(321, f"{_INVALID}keepUpToDate needs bars of 5 seconds or more")
    return bar_s


def _check_duration(duration: str) -> None:
    count, _, unit = duration.strip().partition(" ")
    if unit == "S" and count.isdecimal() and int(count) > DAY:
        text = "Historical data requests for durations longer than 86400 seconds must be in days"
        raise BadHistoryRequest(321, f"{_INVALID}{text}")


def _check_size(start: int, *, end: int, bar_s: int) -> None:
    if (end - start) // bar_s > MAX_BARS:
        raise BadHistoryRequest(162, f"{SERVICE}invalid step: more than {MAX_BARS} bars")
