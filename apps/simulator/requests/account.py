"""Requests about the account: values, portfolio, positions, summary."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.clock import EASTERN
from apps.simulator.exchange.account_values import Value, account_values, ledger_values, summary_values
from apps.simulator.exchange.orders import Position
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.instruments.values import in_own_money, notional
from apps.simulator.protocol import messages
from apps.simulator.protocol.contract_messages import contract_fields, position_fields
from apps.simulator.protocol.messages import In, Message, Out
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields, money_text, number_text

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

REFRESH_S = 180.0
MAX_SUMMARIES = 2
UPDATES, UPDATES_MULTI = "account updates", "account updates multi"
SUMMARY, POSITIONS, POSITIONS_MULTI = "account summary", "positions", "positions multi"
_ONE = 0


class _Refreshed(Stream):
    """A stream told again at once after a trade, and every three minutes."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self._sent: dict[tuple[str, str], str] = {}
        self._last_at = session.venue.clock.epoch()
        self._is_stale = False

    def pulse(self, now: float) -> None:
        if self._is_stale or now - self._last_at >= REFRESH_S:
            self._last_at = now
            self._is_stale = False
            self.refresh()

    def position_changed(self, con_id: int) -> None:
        # The next pulse sends the figures once, however many fills there were until then.
        self._is_stale = True

    def refresh(self) -> None:
        """Send what changed."""

    def changed(self, values: list[Value]) -> list[Value]:
        """Return the values that differ from what was sent before."""
        found = [one for one in values if self._sent.get((one[0], one[2])) != one[1]]
        self._sent.update({(key, currency): value for key, value, currency in found})
        return found


class AccountUpdates(_Refreshed):
    """reqAccountUpdates: values, portfolio and the time."""

    def __init__(self, session: ClientSession) -> None:
        super().__init__(session)
        self._closed: set[int] = set()

    def position_changed(self, con_id: int) -> None:
        super().position_changed(con_id)
        self._closed.add(con_id)

    def refresh(self) -> None:
        session, venue = self._session, self._session.venue
        values = account_values(
            venue.exchange.worth(), session.account, is_ready=venue.policies.is_account_ready
        )
        for key, value, currency in self.changed(values):
            session.send(messages.account_value(key, value, currency, session.account))
        ledger = venue.state.ledger
        shown = {one.con_id for one in ledger.held()} | self._closed
        self._closed.clear()
        for con_id in sorted(shown):
            session.send(_portfolio_value(session, ledger.position(con_id)))
        now = datetime.fromtimestamp(venue.clock.epoch(), EASTERN)
        session.send(messages.end(Out.ACCOUNT_TIME, f"{now:%H:%M}"))


class AccountUpdatesMulti(_Refreshed):
    """reqAccountUpdatesMulti: the values under a request id."""

    def __init__(self, session: ClientSession, request_id: int, *, model: str, only_ledger: bool) -> None:
        super().__init__(session)
        self._request_id = request_id
        self._model = model
        self._only_ledger = only_ledger

    def refresh(self) -> None:
        session = self._session
        worth = session.venue.exchange.worth()
        is_ready = session.venue.policies.is_account_ready
        values = account_values(worth, session.account, is_ready=is_ready)
        if self._only_ledger:
            net = [one for one in values if one[0] == "NetLiquidation"]
            values = [*net, *ledger_values(worth, currency="BASE"), *ledger_values(worth, currency="USD")]
        for value in self.changed(values):
            session.send(messages.account_update_multi(self._request_id, session.account, self._model, value))


class AccountSummary(_Refreshed):
    """reqAccountSummary: the tags asked for."""

    def __init__(self, session: ClientSession, request_id: int, tags: list[str]) -> None:
        super().__init__(session)
        self._request_id = request_id
        self._tags = tags

    def refresh(self) -> None:
        session = self._session
        values = summary_values(
            session.venue.exchange.worth(),
            session.account,
            self._tags,
            is_ready=session.venue.policies.is_account_ready,
        )
        for key, value, currency in self.changed(values):
            session.send(messages.account_summary(self._request_id, session.account, key, value, currency))


class Positions(Stream):
    """reqPositions: what is held, and every change of it down to zero."""

    def __init__(self, session: ClientSession, *, request_id: int | None = None, model: str = "") -> None:
        self._session = session
        self._request_id = request_id
        self._model = model

    def position_changed(self, con_id: int) -> None:
        position = self._session.venue.state.ledger.position(con_id)
        instrument = instrument_of(con_id)
        fields = position_fields(
            self._session.account,
            instrument,
            quantity=position.quantity,
            average_cost=in_own_money(instrument, position.average_cost),
        )
        head: Message = (
            [Out.POSITION, 3] if self._request_id is None else [Out.POSITION_MULTI, 3, self._request_id]
        )
        tail: Message = [] if self._request_id is None else [self._model]
        self._session.send([*head, *fields, *tail])


def _portfolio_value(session: ClientSession, position: Position) -> Message:
    price = session.venue.exchange.mark(position.con_id)
    instrument = instrument_of(position.con_id)
    value = in_own_money(instrument, notional(instrument, position.quantity, price))
    cost = in_own_money(instrument, position.average_cost)
    return [
        Out.PORTFOLIO_VALUE,
        8,
        # 7 has primaryExchange where 61 has exchange: the same value for a stock.
        *contract_fields(instrument, exchange=instrument.primary_exchange, strike="0", right="0"),
        position.quantity,
        number_text(price),
        money_text(value),
        number_text(cost),
        money_text(value - position.quantity * cost),
        money_text(in_own_money(instrument, position.realized_today)),
        session.account,
    ]


def req_account_updates(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    is_wanted, account = fields.flag(), fields.text()
    session.close_stream(UPDATES, _ONE)
    if not is_wanted:
        return
    if account not in ("", session.account):
        session.send_error(-1, 321, "Error validating request.-'bP' : cause - Invalid account code")
        return
    updates = AccountUpdates(session)
    updates.refresh()
    session.send(messages.end(Out.ACCOUNT_DOWNLOAD_END, session.account))
    session.open_stream(UPDATES, _ONE, updates)


def req_account_updates_multi(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id, account, model = fields.integer(), fields.text(), fields.text()
    only_ledger = fields.flag()
    if account not in ("", "All", session.account):
        session.send_error(request_id, 321, "Error validating request.-'bP' : cause - Invalid account code")
        return
    updates = AccountUpdatesMulti(session, request_id, model=model, only_ledger=only_ledger)
    updates.refresh()
    session.send(messages.end(Out.ACCOUNT_UPDATE_MULTI_END, request_id))
    session.open_stream(UPDATES_MULTI, request_id, updates)


def req_account_summary(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    fields.skip()
    tags = [tag.strip() for tag in fields.text().split(",") if tag.strip()]
    if session.count_streams(SUMMARY) >= MAX_SUMMARIES and not session.has_stream(SUMMARY, request_id):
        text = "Error processing request:-Maximum number of account summary requests exceeded"
        session.send_error(request_id, 322, text)
        return
    summary = AccountSummary(session, request_id, tags)
    summary.refresh()
    session.send(messages.end(Out.ACCOUNT_SUMMARY_END, request_id))
    session.open_stream(SUMMARY, request_id, summary)


def req_positions(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    positions = Positions(session)
    for one in session.venue.state.ledger.held():
        positions.position_changed(one.con_id)
    session.send(messages.end(Out.POSITION_END))
    session.open_stream(POSITIONS, _ONE, positions)


def req_positions_multi(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id, account, model = fields.integer(), fields.text(), fields.text()
    if account not in ("", "All", session.account):
        session.send_error(request_id, 321, "Error validating request.-'bP' : cause - Invalid account code")
        return
    positions = Positions(session, request_id=request_id, model=model)
    for one in session.venue.state.ledger.held():
        positions.position_changed(one.con_id)
    session.send(messages.end(Out.POSITION_MULTI_END, request_id))
    session.open_stream(POSITIONS_MULTI, request_id, positions)


def cancel_account_summary(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.close_stream(SUMMARY, fields.integer())


def cancel_positions(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.close_stream(POSITIONS, _ONE)


def cancel_positions_multi(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.close_stream(POSITIONS_MULTI, fields.integer())


def cancel_account_updates_multi(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.close_stream(UPDATES_MULTI, fields.integer())


REQUESTS: dict[int, Handler] = {
    In.REQ_ACCOUNT_UPDATES: req_account_updates,
    In.REQ_ACCOUNT_UPDATES_MULTI: req_account_updates_multi,
    In.CANCEL_ACCOUNT_UPDATES_MULTI: cancel_account_updates_multi,
    In.REQ_ACCOUNT_SUMMARY: req_account_summary,
    In.CANCEL_ACCOUNT_SUMMARY: cancel_account_summary,
    In.REQ_POSITIONS: req_positions,
    In.CANCEL_POSITIONS: cancel_positions,
    In.REQ_POSITIONS_MULTI: req_positions_multi,
    In.CANCEL_POSITIONS_MULTI: cancel_positions_multi,
}
