"""Requests about everything small: user, families, tiers, display groups, and what this account lacks.

What a plain paper account is not entitled to is refused with the number a gateway uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import In, Out
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

GROUPS = range(1, 8)
_GROUP_KIND = "display group"
_EMPTY_GROUP = "none"
_USER_INFO_SINCE = 167
_NOT_ADVISOR = "Error validating request.-'cC' : cause - FA data operations ignored for non FA customers."
_NO_NEWS_FEED = (10276, "News feed is not allowed.")
_NO_NEWS_PERMISSION = (10277, "News feed permissions required.")


class GroupEvents(Stream):
    """One subscription to a display group; a client's groups are its own."""

    def __init__(self, group: int, contract: str) -> None:
        self.group = group
        self.contract = contract


def req_user_info(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    if session.version < _USER_INFO_SINCE:
        session.send_error(request_id, 321, "Error validating request:-the client is too old for user info")
        return
    session.send([Out.USER_INFO, request_id, ""])


def req_family_codes(session: ClientSession, fields: Fields) -> None:
    session.send([Out.FAMILY_CODES, 1, session.account, ""])


def req_soft_dollar_tiers(session: ClientSession, fields: Fields) -> None:
    session.send([Out.SOFT_DOLLAR_TIERS, fields.integer(), 0])


def query_display_groups(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    groups = "|".join(str(group) for group in GROUPS)
    session.send(messages.end(Out.DISPLAY_GROUPS, fields.integer(), groups))


def subscribe_to_group(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id, group = fields.integer(), fields.integer()
    if group not in GROUPS:
        session.send_error(request_id, 321, f"Error validating request:-no display group {group}")
        return
    others = [one for _, one in _subscriptions(session) if one.group == group]
    events = GroupEvents(group, others[0].contract if others else _EMPTY_GROUP)
    session.open_stream(_GROUP_KIND, request_id, events)
    session.send(messages.end(Out.DISPLAY_GROUP_UPDATED, request_id, events.contract))


def update_display_group(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id, contract = fields.integer(), fields.text()
    changed = session.streams.get((_GROUP_KIND, request_id))
    if not isinstance(changed, GroupEvents):
        session.send_error(request_id, 321, "Error validating request:-not subscribed to a display group")
        return
    for one_id, one in _subscriptions(session):
        if one.group == changed.group:
            one.contract = contract
            session.send(messages.end(Out.DISPLAY_GROUP_UPDATED, one_id, contract))


def unsubscribe_from_group(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.close_stream(_GROUP_KIND, fields.integer())


def _subscriptions(session: ClientSession) -> list[tuple[int, GroupEvents]]:
    return [(key[1], one) for key, one in session.streams.items() if isinstance(one, GroupEvents)]


def request_fa(session: ClientSession, fields: Fields) -> None:
    fields.skip(2)
    session.send_error(-1, 321, _NOT_ADVISOR)


def replace_fa(session: ClientSession, fields: Fields) -> None:
    fields.skip(3)
    session.send_error(fields.integer(default=-1), 321, _NOT_ADVISOR)


def refuse_wsh_meta_data(session: ClientSession, fields: Fields) -> None:
    session.send_error(fields.integer(), *_NO_NEWS_FEED)


def refuse_wsh_event_data(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    fields.skip(fields.left)
    session.send_error(request_id, *_NO_NEWS_PERMISSION)


def req_fundamental_data(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    fields.skip(fields.left)
    text = "We are sorry, but fundamentals data for the security specified is not available."
    session.send_error(request_id, 430, text)


def cancel_fundamental_data(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    session.send_error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


def ignore(session: ClientSession, fields: Fields) -> None:
    """Say nothing: the verification of third-party programs is over, and a gateway is silent too."""
    fields.skip(fields.left)


REQUESTS: dict[int, Handler] = {
    In.REQ_USER_INFO: req_user_info,
    In.REQ_FAMILY_CODES: req_family_codes,
    In.REQ_SOFT_DOLLAR_TIERS: req_soft_dollar_tiers,
    In.QUERY_DISPLAY_GROUPS: query_display_groups,
    In.SUBSCRIBE_TO_GROUP: subscribe_to_group,
    In.UPDATE_DISPLAY_GROUP: update_display_group,
    In.UNSUBSCRIBE_FROM_GROUP: unsubscribe_from_group,
    In.REQUEST_FA: request_fa,
    In.REPLACE_FA: replace_fa,
    In.REQ_WSH_META_DATA: refuse_wsh_meta_data,
    In.CANCEL_WSH_META_DATA: refuse_wsh_meta_data,
    In.REQ_WSH_EVENT_DATA: refuse_wsh_event_data,
    In.CANCEL_WSH_EVENT_DATA: refuse_wsh_event_data,
    In.REQ_FUNDAMENTAL_DATA: req_fundamental_data,
    In.CANCEL_FUNDAMENTAL_DATA: cancel_fundamental_data,
    In.VERIFY_REQUEST: ignore,
    In.VERIFY_MESSAGE: ignore,
}
