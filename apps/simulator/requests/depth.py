"""Requests for order books, and for the exchanges whose books there are."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.instruments.universe import DIRECT_EXCHANGES, Instrument, instrument_of
from apps.simulator.market.depth import Level, depth_at
from apps.simulator.market.limits import DEPTH
from apps.simulator.protocol import messages
from apps.simulator.protocol.data_messages import (
    Operation,
    Side,
    depth_exchanges,
    market_depth,
    smart_components,
)
from apps.simulator.protocol.messages import BBO_EXCHANGE, In, Out
from apps.simulator.requests.contracts import find_or_refuse, read_contract
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession


class Book(Stream):
    """One subscription; remembers the rows it sent so that only changes go out."""

    def __init__(
        self, session: ClientSession, request_id: int, instrument: Instrument, *, rows: int, is_smart: bool
    ) -> None:
        self._session = session
        self._request_id = request_id
        self._instrument = instrument
        self._rows = rows
        self._is_smart = is_smart
        self._is_stale = False
        self._sent: dict[Side, tuple[Level, ...]] = {Side.BID: (), Side.ASK: ()}

    def pulse(self, now: float) -> None:
        if self._session.is_congested:
            self._is_stale = True
            return
        if self._is_stale:
            self._start_again()
        market = self._session.venue.market
        if self._instrument.symbol in market.halted and self._sent[Side.BID]:
            return
        depth = depth_at(market, self._instrument, now, rows=self._rows)
        self._send_side(Side.BID, depth.bids)
        self._send_side(Side.ASK, depth.asks)

    def _start_again(self) -> None:
        # A row left out would spoil all that follow, so a client that fell behind clears its book.
        self._is_stale = False
        self._sent = {Side.BID: (), Side.ASK: ()}
        text = "Market depth data has been RESET. Please empty deep book contents before any new entries."
        self._session.send_error(self._request_id, 317, text)

    def _send_side(self, side: Side, levels: tuple[Level, ...]) -> None:
        before, self._sent[side] = self._sent[side], levels
        kept = len(levels)
        for row, (old, new) in enumerate(zip_longest(before, levels)):
            if new is None:
                # What is below moves up, so every row too many goes from the same place.
                self._send_row(side, kept, old, Operation.DELETE)
            elif old is None:
                self._send_row(side, row, new, Operation.INSERT)
            elif old != new:
                self._send_row(side, row, new, Operation.UPDATE)

    def _send_row(self, side: Side, row: int, level: Level, operation: Operation) -> None:
        self._session.send(
            market_depth(
                self._session.version,
                self._request_id,
                row,
                level,
                instrument=self._instrument,
                operation=operation,
                side=side,
                is_smart=self._is_smart,
            )
        )


def req_mkt_depth(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    asked = read_contract(fields)
    rows, wants_smart = fields.integer(), fields.flag()
    fields.skip()
    exchange = asked.exchange or "SMART"
    refusal = _refusal_of(session, request_id, rows)
    if refusal is not None:
        session.send_error(request_id, *refusal)
        return
    instrument = find_or_refuse(session, request_id, asked)
    if instrument is None:
        return
    if session.venue.entitlements.refusal_of_streams(instrument) is not None:
        session.send_error(request_id, 354, "Requested market data is not subscribed.")
        return
    if instrument.sec_type == "CFD":
        session.send(
            messages.reroute(Out.REROUTE_MKT_DEPTH, request_id, instrument_of(instrument.under_con_id))
        )
        return
    # All exchanges together have a book only if it is asked for as such.
    if not _has_book(instrument, exchange, wants_smart=wants_smart):
        text = "Deep market data is not supported for this combination of security type/exchange"
        session.send_error(request_id, 10092, text)
        return
    book = Book(session, request_id, instrument, rows=rows, is_smart=exchange == "SMART")
    session.open_stream(DEPTH, request_id, book)
    book.pulse(session.venue.clock.epoch())


def _has_book(instrument: Instrument, exchange: str, *, wants_smart: bool) -> bool:
    if not instrument.has_quotes or instrument.legs:
        return False
    if not instrument.is_stock:
        return exchange in instrument.valid_exchanges
    return wants_smart if exchange == "SMART" else exchange in (*DIRECT_EXCHANGES, "ISLAND")


def _refusal_of(session: ClientSession, request_id: int, rows: int) -> tuple[int, str] | None:
    if session.has_stream(DEPTH, request_id):
        return 102, "Duplicate ticker ID."
    if rows < 1:
        return 321, f"Error validating request:-Invalid number of rows: {rows}"
    if session.venue.meter.is_full(DEPTH):
        most = session.venue.meter.limits.most(DEPTH)
        return 309, f"Max number ({most}) of market depth requests has been reached"
    return None


def cancel_mkt_depth(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    fields.skip()
    if not session.close_stream(DEPTH, request_id):
        session.send_error(
            request_id, 310, f"Can't find the subscribed market depth with tickerId:{request_id}"
        )


def req_mkt_depth_exchanges(session: ClientSession, fields: Fields) -> None:
    session.send(depth_exchanges())


def req_smart_components(session: ClientSession, fields: Fields) -> None:
    request_id, bbo_exchange = fields.integer(), fields.text()
    if bbo_exchange == BBO_EXCHANGE:
        session.send(smart_components(request_id))
    else:
        text = f"Error validating request:-no smart components for {bbo_exchange}"
        session.send_error(request_id, 321, text)


REQUESTS: dict[int, Handler] = {
    In.REQ_MKT_DEPTH: req_mkt_depth,
    In.CANCEL_MKT_DEPTH: cancel_mkt_depth,
    In.REQ_MKT_DEPTH_EXCHANGES: req_mkt_depth_exchanges,
    In.REQ_SMART_COMPONENTS: req_smart_components,
}
