"""Requests about market scans: what can be scanned, and subscriptions told again every 30 seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.instruments.universe import INSTRUMENTS
from apps.simulator.market.scans import (
    INSTRUMENT,
    LOCATIONS,
    MAX_ROWS,
    SCANS,
    Scan,
    Standing,
    parameters_xml,
    ranked,
    standing_of,
)
from apps.simulator.protocol import messages
from apps.simulator.protocol.contract_messages import scanner_row
from apps.simulator.protocol.messages import In, Message, Out
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields, number_of

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

KIND = "scanner"
EVERY_S = 30.0
MAX_SCANS = 10
_SERVICE = "Historical Market Data Service error message:"
# Between the filters played: sizes of companies, ratings, dates and coupons of bonds, options' volume, pairs.
_UNPLAYED_FILTERS = 13


class ScanStream(Stream):
    """One subscription: the whole list again on a fixed beat, once its first list is out."""

    def __init__(self, session: ClientSession, request_id: int, scan: Scan) -> None:
        self._session = session
        self._request_id = request_id
        self._scan = scan
        self._last_at: float | None = None

    def pulse(self, now: float) -> None:
        if self._last_at is not None and now - self._last_at >= EVERY_S:
            market = self._session.venue.market
            self.show([standing_of(market, one, now) for one in INSTRUMENTS], now)

    async def begin(self) -> None:
        """Look at one stock after the other, so that the first look does not stop the market."""
        venue = self._session.venue
        now = venue.clock.epoch()
        standings: list[Standing] = []
        for one in INSTRUMENTS:
            standings.append(standing_of(venue.market, one, now))
            await asyncio.sleep(0)
        if self._session.streams.get((KIND, self._request_id)) is self:
            self.show(standings, now)

    def show(self, standings: Iterable[Standing], now: float) -> None:
        """Send the list."""
        self._last_at = now
        found = ranked(self._scan, standings)
        message: Message = [Out.SCANNER_DATA, 3, self._request_id, len(found)]
        for rank, one in enumerate(found):
            message += scanner_row(rank, one)
        self._session.send(message)


def req_scanner_parameters(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.send(messages.end(Out.SCANNER_PARAMETERS, parameters_xml()))


def req_scanner(session: ClientSession, fields: Fields) -> Coroutine[None, None, None] | None:
    request_id, rows = fields.integer(), fields.integer(default=-1)
    kind, scan = fields.text(), _read_scan(fields, rows)
    if session.has_stream(KIND, request_id):
        session.send_error(request_id, 102, "Duplicate ticker ID.")
        return None
    problem = _problem(session, kind, scan)
    if problem:
        session.send_error(request_id, 162, f"{_SERVICE}{problem}")
        return None
    stream = ScanStream(session, request_id, scan)
    session.open_stream(KIND, request_id, stream)
    return stream.begin()


def _read_scan(fields: Fields, rows: int) -> Scan:
    location, code = fields.text(), fields.text()
    above_price, below_price, above_volume = (number_of(fields.text()) for _ in range(3))
    fields.skip(_UNPLAYED_FILTERS)
    stock_type = fields.text()
    fields.skip(2)
    return Scan(
        code=code,
        location=location,
        rows=rows if 0 <= rows < MAX_ROWS else MAX_ROWS,
        above_price=above_price,
        below_price=below_price,
        above_volume=above_volume,
        stock_type=stock_type.upper(),
    )


def _problem(session: ClientSession, kind: str, scan: Scan) -> str:
    if kind != INSTRUMENT:
        return f"Can't scan instrument {kind}"
    if scan.location not in LOCATIONS:
        return f"Can't scan location {scan.location}"
    if scan.code not in SCANS:
        return f"Unknown scan code {scan.code}"
    if session.count_streams(KIND) >= MAX_SCANS:
        return f"Only {MAX_SCANS} simultaneous API scanner subscriptions allowed"
    return ""


def cancel_scanner(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    if session.close_stream(KIND, request_id):
        session.send_error(request_id, 162, f"{_SERVICE}API scanner subscription cancelled: {request_id}")
    else:
        session.send_error(request_id, 365, f"No scanner subscription found for ticker id:{request_id}")


REQUESTS: dict[int, Handler] = {
    In.REQ_SCANNER: req_scanner,
    In.CANCEL_SCANNER: cancel_scanner,
    In.REQ_SCANNER_PARAMETERS: req_scanner_parameters,
}
