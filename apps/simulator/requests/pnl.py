"""Requests about profit and loss, told about once a second."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.instruments.universe import instrument_of, known_instrument
from apps.simulator.instruments.values import notional
from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import In, Message
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

logger = logging.getLogger(__name__)

PNL, PNL_SINGLE = "pnl", "pnl single"
EVERY_S = 1.0


class _EverySecond(Stream):
    """A figure sent when it changed, at most once a second."""

    def __init__(self, session: ClientSession, request_id: int) -> None:
        self._session = session
        self._request_id = request_id
        self._last_at = 0.0
        self._sent: Message = []

    def pulse(self, now: float) -> None:
        if now - self._last_at < EVERY_S:
            return
        self._last_at = now
        message = self.message()
        if message != self._sent:
            self._sent = message
            self._session.send(message)

    def message(self) -> Message:
        """Return the present figures."""
        raise NotImplementedError


class AccountPnl(_EverySecond):
    """Profit and loss of the account."""

    def message(self) -> Message:
        worth = self._session.venue.exchange.worth()
        return messages.pnl(self._request_id, worth.daily, worth.unrealized, worth.realized)


class PositionPnl(_EverySecond):
    """Profit and loss of one instrument."""

    def __init__(self, session: ClientSession, request_id: int, con_id: int) -> None:
        super().__init__(session, request_id)
        self._con_id = con_id

    def message(self) -> Message:
        venue = self._session.venue
        position = venue.state.ledger.position(self._con_id)
        instrument = instrument_of(self._con_id)
        value = notional(instrument, position.quantity, venue.exchange.mark(self._con_id))
        return messages.pnl_single(
            self._request_id,
            position.quantity,
            daily=value - position.day_start_value + position.day_cash_flow,
            unrealized=value - position.quantity * position.average_cost,
            realized=position.realized_today,
            value=value,
        )


def _open(session: ClientSession, kind: str, request_id: int, stream: Stream) -> None:
    if session.has_stream(kind, request_id):
        session.send_error(request_id, 102, "Duplicate ticker ID.")
        return
    session.open_stream(kind, request_id, stream)
    stream.pulse(session.venue.clock.epoch())


def _is_ours(session: ClientSession, request_id: int, account: str) -> bool:
    if account in ("", session.account):
        return True
    session.send_error(request_id, 321, "Error validating request.-'bP' : cause - Invalid account code")
    return False


def req_pnl(session: ClientSession, fields: Fields) -> None:
    request_id, account = fields.integer(), fields.text()
    fields.skip()
    if _is_ours(session, request_id, account):
        _open(session, PNL, request_id, AccountPnl(session, request_id))


def req_pnl_single(session: ClientSession, fields: Fields) -> None:
    request_id, account = fields.integer(), fields.text()
    fields.skip()
    con_id = fields.integer()
    if known_instrument(con_id) is None:
        # As the real gateway: nothing is said of an unknown instrument, and nothing will be.
        logger.info("profit asked of an unknown instrument", extra={"con_id": con_id})
        session.open_stream(PNL_SINGLE, request_id, Stream())
    elif _is_ours(session, request_id, account):
        _open(session, PNL_SINGLE, request_id, PositionPnl(session, request_id, con_id))


def cancel_pnl(session: ClientSession, fields: Fields) -> None:
    _cancel(session, PNL, fields.integer())


def cancel_pnl_single(session: ClientSession, fields: Fields) -> None:
    _cancel(session, PNL_SINGLE, fields.integer())


def _cancel(session: ClientSession, kind: str, request_id: int) -> None:
    if not session.close_stream(kind, request_id):
        session.send_error(request_id, 10185, "Failed to cancel PNL (not subscribed)")


REQUESTS: dict[int, Handler] = {
    In.REQ_PNL: req_pnl,
    In.CANCEL_PNL: cancel_pnl,
    In.REQ_PNL_SINGLE: req_pnl_single,
    In.CANCEL_PNL_SINGLE: cancel_pnl_single,
}
