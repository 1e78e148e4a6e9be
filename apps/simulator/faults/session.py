"""What the gateway as such says: its link to IB, its settings, its language, its clock, its markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import available_timezones

from apps.simulator.faults.board import FaultSwitches
from apps.simulator.faults.german import in_german
from apps.simulator.faults.port import Asked
from apps.simulator.faults.stamps import retimed
from apps.simulator.faults.states import LinkLost, Said, Times
from apps.simulator.faults.verbs import Answer, BadFault, Bounds, Code, Count, Seconds, verbs
from apps.simulator.market.limits import DEPTH, HISTORY, LINES, REAL_TIME_BARS, TICK_BY_TICK
from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import TICKS, In, Message, Out

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession
    from apps.simulator.exchange.events import Event

MARKERS = [53, 54, 55, 62, 102]
DATA_STREAMS = frozenset({LINES, DEPTH, TICK_BY_TICK, HISTORY, REAL_TIME_BARS})
_KEY_AT: dict[int, int] = {Out.ACCOUNT_VALUE: 2, Out.ACCOUNT_UPDATE_MULTI: 5}
_READ_ONLY = frozenset({3, 4, 5, 15, 16, 21, 58, 99})
_FARMS_BROKEN = ((2103, "Market data farm connection is broken:usfarm"),
                 (2105, "HMDS data farm connection is broken:ushmds"),
                 (2157, "Sec-def data farm connection is broken:secdefnj"))  # fmt: skip
_FARMS_OK = ((2104, "Market data farm connection is OK:usfarm"),
             (2106, "HMDS data farm connection is OK:ushmds"),
             (2158, "Sec-def data farm connection is OK:secdefnj"))  # fmt: skip
_LOST = {
    1100: "Connectivity between IB and Trader Workstation has been lost.",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
}
_RESTORED = {
    "1101": "Connectivity between IB and Trader Workstation has been restored - data lost.",
    "1102": "Connectivity between IB and Trader Workstation has been restored - data maintained.",
}


def withhold(faults: FaultSwitches, *, messages: list[int] = MARKERS) -> None:
    """Never send messages of these kinds: end markers 53, 54, 55, 62, 102, or any other, such as 9."""
    for one in messages:
        if not 1 <= one <= 1_000:
            raise BadFault(f"messages: {one} is no message id", argument="messages")
    faults.session.withhold = set(messages)


def pacing(faults: FaultSwitches, *, on: bool = True) -> None:
    """Answer more than 50 requests a second with 100, the third time by closing the socket."""
    faults.session.pacing = on


def emit_error(
    faults: FaultSwitches,
    *,
    code: Code,
    text: str = "",
    id: Annotated[int, Bounds(-1, 2_147_483_647)] = -1,  # noqa: A002  the wire's word
    count: Count = 1,
) -> Answer:
    """Send every client an error or notice, `count` times."""
    told = 0
    for _ in range(count):
        told = faults.port.emit_error(id, code, text)
    return {"clients": told}


def ib_reset(faults: FaultSwitches, *, port: Annotated[int, Bounds(1, 65_535)] = 4001) -> Answer:
    """Tell every client that the API port was changed (1300) and drop it."""
    text = "TWS socket port has been reset and this connection is being dropped."
    faults.port.emit_error(-1, 1300, f"{text}\nPlease reconnect on the new port - {port}")
    return {"dropped": faults.port.drop_clients(reset=False)}


def read_only_api(faults: FaultSwitches, *, on: bool = True) -> None:
    """Answer order requests (place, cancel, open and completed orders) with 321: the API is read-only."""
    faults.session.read_only_api = on


def link_lost(
    faults: FaultSwitches,
    *,
    seconds: Seconds = 10,
    recovery: Literal["1102", "1101", "none"] = "1102",
    every: Annotated[float, Bounds(0.1, 3_600)] = 3,
    fills: Literal["late", "lost"] = "late",
    orders: Literal["queued", "lost"] = "queued",
    code: Literal["1100", "2110"] = "1100",
) -> None:
    """Lose IB: 1100 again and again, no ticks, nothing told of orders; the socket stays open.

    At the end 1102 (data maintained), 1101 (subscriptions really gone) or nothing. What filled
    meanwhile is told late or never; orders and cancels sent meanwhile are sent on then, or lost.
    """
    if faults.session.link_lost is not None:
        raise BadFault("the link is lost already")
    lost = faults.session.link_lost = LinkLost(recovery, fills, orders, int(code))
    _storm(faults, lost, every)
    for farm_code, text in _FARMS_BROKEN:
        faults.port.emit_error(-1, farm_code, text)
    if recovery != "none":
        faults.later(seconds, lambda: _end_of(faults, lost))


def slow_sync(faults: FaultSwitches, *, per_s: Annotated[float, Bounds(0.01, 100_000)] = 5) -> None:
    """Let everything but ticks trickle: so many messages a second to each client."""
    faults.session.slow_sync = per_s


def managed_accounts(faults: FaultSwitches, *, accounts: str) -> None:
    """Name these accounts (comma-separated, any text) instead of the real one, now and to whoever asks."""
    faults.session.managed_accounts = Said(accounts)
    for session in faults.port.sessions.values():
        session.send(messages.managed_accounts(accounts))


def announce_id(faults: FaultSwitches, *, id: str) -> None:  # noqa: A002  the wire's word
    """Say this nextValidId, now and to whoever asks, whatever it is: -1, 2147483648, x."""
    faults.session.announce_id = Said(id)
    for session in faults.port.sessions.values():
        session.send(messages.next_valid_id(0))


def localised_errors(faults: FaultSwitches, *, on: bool = True) -> None:
    """Write the texts of errors in German, escaped as the gateway does it."""
    faults.session.localised_errors = on


def exec_times(
    faults: FaultSwitches, *, zone: str = "US/Eastern", label: bool = False, fold: bool = False
) -> None:
    """Write the times of executions in a zone, with or without its name.

    `fold` moves them into the hour that comes twice, in the night when daylight saving time ends.
    """
    if zone not in available_timezones():
        raise BadFault(f"zone {zone!r} is not known", argument="zone")
    faults.session.exec_times = Times(zone, label, fold)


def account_not_ready(faults: FaultSwitches, *, on: bool = True) -> None:
    """Say AccountReady=false and zeros in account values, as during a reset of the servers."""
    faults.session.account_not_ready = on
    for session in faults.port.sessions.values():
        session.send(messages.account_value("AccountReady", str(not on).lower(), "", session.account))


def _storm(faults: FaultSwitches, lost: LinkLost, every: float) -> None:
    if faults.session.link_lost is lost:
        faults.port.emit_error(-1, lost.code, _LOST[lost.code])
        faults.later(every, lambda: _storm(faults, lost, every))


def _end_of(faults: FaultSwitches, lost: LinkLost) -> None:
    if faults.session.link_lost is lost:
        faults.lift("link_lost")


def _restore_link(faults: FaultSwitches) -> None:
    lost = faults.session.link_lost
    if lost is None:
        return
    faults.session.link_lost = None
    recovery = "1102" if lost.recovery == "none" else lost.recovery
    for code, text in _FARMS_OK:
        faults.port.emit_error(-1, code, text)
    faults.port.emit_error(-1, int(recovery), _RESTORED[recovery])
    if recovery == "1101":
        for session in faults.port.sessions.values():
            session.drop_streams(DATA_STREAMS)
    faults.port.tell(lost.events)
    for client_id, texts in lost.requests:
        if client_id in faults.port.sessions:
            faults.port.sessions[client_id].handle(texts)


def _keep_requests(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    lost = faults.session.link_lost
    if lost is None or asked.message_id not in (In.PLACE_ORDER, In.CANCEL_ORDER, In.REQ_GLOBAL_CANCEL):
        return False
    if lost.orders == "queued":
        lost.requests.append((session.client_id, asked.texts))
    return True


def _keep_events(faults: FaultSwitches, events: list[Event]) -> list[Event]:
    lost = faults.session.link_lost
    if lost is None:
        return events
    if lost.fills == "late":
        lost.events.extend(events)
    return []


def _refuse_orders(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    if not faults.session.read_only_api or asked.message_id not in _READ_ONLY:
        return False
    text = "Error validating request.-'cI' : cause - The API interface is currently in Read-Only mode."
    session.send_error(asked.request_id, 321, text)
    return True


def _withhold(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    if message[0] in faults.session.withhold:
        return []
    if message[0] in TICKS and faults.session.link_lost is not None:
        return []
    return [message]


def _translate(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    if message[0] != Out.ERROR or not faults.session.localised_errors:
        return [message]
    text = in_german(int(message[3]), str(message[4]))
    return [[*message[:4], text, *message[5:]]]


def _lie(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    """Put what the switches say in the place of accounts and ids."""
    if message[0] == Out.MANAGED_ACCOUNTS and faults.session.managed_accounts:
        return [[*message[:2], faults.session.managed_accounts.text]]
    if message[0] == Out.NEXT_VALID_ID and faults.session.announce_id:
        return [[*message[:2], faults.session.announce_id.text]]
    return [message]


def _retime(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    times = faults.session.exec_times
    if message[0] != Out.EXECUTION or times is None:
        return [message]
    return [[*message[:15], retimed(str(message[15]), times), *message[16:]]]


def _unsettle(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    """Blank what account values say."""
    at = _KEY_AT.get(int(message[0]))
    if at is None or not faults.session.account_not_ready:
        return [message]
    key, value = str(message[at]), str(message[at + 1])
    if key == "AccountReady":
        value = "false"
    elif value.replace(".", "").lstrip("-").isdigit():
        value = "0.00"
    return [[*message[: at + 1], value, *message[at + 2 :]]]


VERBS = verbs(
    withhold,
    pacing,
    emit_error,
    ib_reset,
    read_only_api,
    link_lost,
    slow_sync,
    managed_accounts,
    announce_id,
    localised_errors,
    exec_times,
    account_not_ready,
)
BEFORE = (_refuse_orders, _keep_requests)
REWRITES = (_withhold, _translate, _lie, _retime, _unsettle)
RETELLS = (_keep_events,)
ENDINGS = {"link_lost": _restore_link}
