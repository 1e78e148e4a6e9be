"""Requests for market data: lines, snapshots, and the type of data a client wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.simulator.clients.generic_ticks import BadGenericList, parse_generic_ticks
from apps.simulator.clients.market_lines import MarketLine, Snapshot
from apps.simulator.instruments.listings import AskedContract
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.market.limits import LINES
from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import In, Out
from apps.simulator.requests.contracts import find_or_refuse, read_contract, with_legs
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

_NO_GENERIC_TICKS = (
    "Error validating request:-Snapshot market data subscription is not applicable to generic ticks"
)


class RequestRefused(Exception):
    """A request that cannot be served; carries IB's code for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A request for market data as it was written."""

    request_id: int
    contract: AskedContract
    generic_ticks: str
    is_snapshot: bool
    is_regulatory: bool


def req_mkt_data(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    contract = with_legs(read_contract(fields), fields)
    if fields.flag():
        fields.skip(3)
    asked_line = AskedLine(request_id, contract, fields.text(), fields.flag(), fields.flag())
    fields.skip()
    try:
        line = _open_line(session, asked_line)
    except RequestRefused as refusal:
        session.send_error(request_id, refusal.code, refusal.text)
        return
    if line is not None:
        session.open_stream(LINES, request_id, line)
        if not line.begin(session.venue.clock.epoch()):
            session.close_stream(LINES, request_id)


def _open_line(session: ClientSession, asked: AskedLine) -> MarketLine | None:
    """Return the line a request means, or None if it was refused already. Raises RequestRefused."""
    if session.has_stream(LINES, asked.request_id):
        raise RequestRefused(102, "Duplicate ticker ID.")
    if (asked.is_snapshot or asked.is_regulatory) and asked.generic_ticks:
        raise RequestRefused(321, _NO_GENERIC_TICKS)
    if session.venue.meter.is_full(LINES):
        raise RequestRefused(101, "Max number of tickers has been reached")
    instrument = find_or_refuse(session, asked.request_id, asked.contract)
    if instrument is None:
        return None
    if instrument.sec_type == "CFD":
        stock = instrument_of(instrument.under_con_id)
        session.send(messages.reroute(Out.REROUTE_MKT_DATA, asked.request_id, stock))
        return None
    try:
        ticks = parse_generic_ticks(asked.generic_ticks, sec_type=instrument.sec_type)
    except BadGenericList as error:
        raise RequestRefused(321, str(error)) from error
    kind = Snapshot if asked.is_snapshot or asked.is_regulatory else MarketLine
    return kind(session, asked.request_id, instrument, asked=ticks, sees_everything=asked.is_regulatory)


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
