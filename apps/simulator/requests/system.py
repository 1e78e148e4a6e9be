"""Requests about the session itself: time, ids, accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import In
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession


def req_current_time(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.send(messages.current_time(session.venue.clock.epoch()))


def req_ids(session: ClientSession, fields: Fields) -> None:
    fields.skip(2)
    session.send(messages.next_valid_id(session.venue.state.book.next_order_id()))


def req_managed_accounts(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    ends_in_comma = session.venue.policies.accounts_end_in_comma
    session.send(messages.managed_accounts(session.account, ends_in_comma=ends_in_comma))


def set_server_log_level(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    if not 1 <= fields.integer() <= 5:
        session.send_error(-1, 319, "Invalid log level")


def start_again(session: ClientSession, fields: Fields) -> None:
    fields.skip(fields.left)
    session.send_error(-1, 321, "Error validating request:-startApi was already received")


REQUESTS: dict[int, Handler] = {
    In.REQ_CURRENT_TIME: req_current_time,
    In.REQ_IDS: req_ids,
    In.REQ_MANAGED_ACCTS: req_managed_accounts,
    In.SET_SERVER_LOG_LEVEL: set_server_log_level,
    In.START_API: start_again,
}
