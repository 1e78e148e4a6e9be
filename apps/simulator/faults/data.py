"""Market data, history and contracts that fail: refused, silent, stale, gone or ambiguous."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from apps.simulator.faults.board import MARKET_STREAMS, FaultSwitches
from apps.simulator.faults.port import Asked
from apps.simulator.faults.session import DATA_STREAMS
from apps.simulator.faults.states import Refusal, spend
from apps.simulator.faults.verbs import Answer, BadFault, Bounds, Code, Count, MessageId, Seconds, verbs
from apps.simulator.instruments.universe import Instrument, instrument_named, instrument_of
from apps.simulator.market.limits import HISTORY, LINES, PACING_TEXT, REAL_TIME_BARS
from apps.simulator.protocol.messages import TICKS, In, Message, Out
from apps.simulator.tick_types import Tick

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

_SERVICE = "Historical Market Data Service error message:"
_HISTORY_STREAMS = frozenset({HISTORY, REAL_TIME_BARS})
_MARKET_FARM = (2103, 2104, "Market data", "usfarm", MARKET_STREAMS)
_HISTORY_FARM = (2105, 2106, "HMDS data", "ushmds", _HISTORY_STREAMS)
_FARMS = {
    "market": [_MARKET_FARM],
    "historical": [_HISTORY_FARM],
    "both": [_MARKET_FARM, _HISTORY_FARM],
}
_NO_PERMISSION = {
    354: "Requested market data is not subscribed.Delayed market data is not available.",
    10089: "Requested market data requires additional subscription for API.Delayed market data is available.",
    10168: "Requested market data is not subscribed. Delayed market data is not enabled.",
    10186: "Requested market data is not subscribed. Delayed market data is not enabled.",
    10189: "Failed to request tick-by-tick data.No market data permissions",
}
_COMPETING = "No market data during competing live session"
# The first price and size ticks a stale line has shown are all it ever shows again.
_VALUE_AT: dict[int, int] = {Out.TICK_PRICE: 4, Out.TICK_SIZE: 4}


def burst(faults: FaultSwitches, *, ticks_per_s: Annotated[float, Bounds(0, 1_000_000)]) -> None:
    """Flood the market data lines of each client with so many ticks a second; 0 stops it."""
    faults.data.burst = ticks_per_s


def halt(
    faults: FaultSwitches, *, symbol: str, on: bool = True, kind: Literal["general", "volatility"] = "general"
) -> None:
    """Halt trading in a symbol, or resume it."""
    faults.port.halt_symbol(_instrument(symbol).symbol, is_halted=on, kind=kind)


def farm_blip(
    faults: FaultSwitches, *, seconds: Seconds = 3, farm: Literal["market", "historical", "both"] = "both"
) -> Answer:
    """Break a data farm for a moment: 2103 or 2105, then 2104 or 2106, and every stream of it stays dead.

    Bars kept up to date are told so with 10182; quotes just stop.
    """
    killed = 0
    for broken, healed, name, place, kinds in _FARMS[farm]:
        faults.port.emit_error(-1, broken, f"{name} farm connection is broken:{place}")
        for session in faults.port.sessions.values():
            killed += _kill(session, kinds)
        faults.later(seconds, partial(_heal, faults, healed, f"{name} farm connection is OK:{place}"))
    return {"killed": killed}


def stop_streams(faults: FaultSwitches) -> Answer:
    """Let every open data stream die without a word."""
    return {"killed": sum(session.kill_streams(DATA_STREAMS) for session in faults.port.sessions.values())}


def stale_ticks(faults: FaultSwitches, *, seconds: Seconds = 900) -> None:
    """Repeat the same prices and sizes for ever, their time stamps so many seconds in the past."""
    faults.data.stale_ticks = seconds


def competing_session(faults: FaultSwitches, *, seconds: Seconds = 60) -> Answer:
    """Another session of the login takes the market data: 10197 for each line, and no ticks for a time."""
    faults.data.competing_session = faults.until(seconds)
    told = 0
    for session in faults.port.sessions.values():
        for kind, request_id in list(session.streams):
            if kind == LINES:
                session.send_error(request_id, 10197, _COMPETING)
                told += 1
    return {"lines": told}


def no_permission(
    faults: FaultSwitches,
    *,
    code: Literal["354", "10089", "10168", "10186"] = "354",
    count: Count = 1_000_000,
) -> None:
    """Refuse the next `count` market data requests for want of a subscription."""
    faults.data.no_permission = Refusal(int(code), _NO_PERMISSION[int(code)], count)


def market_data(
    faults: FaultSwitches, *, right: Literal["live", "part", "delayed", "none"], symbol: str = ""
) -> None:
    """Change what the login has paid for, of one symbol or of all: 10167, 10089, 10090, 10168, 354 follow."""
    if symbol:
        _instrument(symbol)
    faults.port.grant_market_data(right, symbol=symbol)


def too_many_lines(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Refuse the next `count` market data requests with 101."""
    faults.data.too_many_lines = Refusal(101, "Max number of tickers has been reached", count)


def too_many_ticks(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Refuse the next `count` tick-by-tick requests with 10190."""
    text = "Max number of tick-by-tick requests has been reached"
    faults.data.too_many_ticks = Refusal(10190, text, count)


def too_many_history(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Refuse the next `count` history requests with 322: fifty are open."""
    text = "Error processing request:-Only 50 simultaneous API historical data requests allowed."
    faults.data.too_many_history = Refusal(322, text, count)


def pacing_violation(faults: FaultSwitches, *, count: Count = 1) -> None:
    """Refuse the next `count` history requests with 162, for their pace."""
    faults.data.pacing_violation = Refusal(162, f"{_SERVICE}{PACING_TEXT}", count)


def refuse_request(
    faults: FaultSwitches, *, message: MessageId, code: Code, text: str = "", count: Count = 1
) -> None:
    """Answer the next `count` requests `message` with any error, in place of what they asked for."""
    faults.data.refuse_request[message] = Refusal(code, text, count)


def delist(faults: FaultSwitches, *, symbol: str, on: bool = True) -> None:
    """Let a symbol be unknown: 200 to every request about it."""
    _mark(faults.data.delist, _instrument(symbol), on)


def ambiguous(faults: FaultSwitches, *, symbol: str, on: bool = True) -> None:
    """Let a symbol stand for two contracts: two contract details, and 200 to everything else."""
    _mark(faults.data.ambiguous, _instrument(symbol), on)


def _instrument(symbol: str) -> Instrument:
    instrument = instrument_named(symbol)
    if instrument is None:
        raise BadFault(f"symbol {symbol!r} is unknown", argument="symbol")
    return instrument


def _mark(marked: set[str], instrument: Instrument, on: bool) -> None:
    if on:
        marked.add(instrument.symbol)
    else:
        marked.discard(instrument.symbol)


def _kill(session: ClientSession, kinds: frozenset[str]) -> int:
    kept_up = [request_id for kind, request_id in session.streams if kind == HISTORY and HISTORY in kinds]
    killed = session.kill_streams(kinds)
    for request_id in kept_up:
        text = "Failed to request live updates (disconnected)."
        session.send_error(request_id, 10182, text)
    return killed


def _heal(faults: FaultSwitches, code: int, text: str) -> None:
    faults.port.emit_error(-1, code, text)


def _refuse(faults: FaultSwitches, session: ClientSession, asked: Asked) -> bool:
    """Answer a request with the first refusal that fits it."""
    refusal = _refusal_of(faults, asked) or _refusal_of_symbol(faults, asked)
    if refusal is None:
        return False
    session.send_error(asked.request_id, *refusal)
    return True


_REFUSALS: dict[int, tuple[str, ...]] = {
    In.REQ_MKT_DATA: ("no_permission", "too_many_lines"),
    In.REQ_TICK_BY_TICK: ("too_many_ticks",),
    In.REQ_HISTORICAL_DATA: ("too_many_history", "pacing_violation"),
}


def _refusal_of(faults: FaultSwitches, asked: Asked) -> tuple[int, str] | None:
    if asked.message_id == In.REQ_MKT_DATA and faults.is_on(faults.data.competing_session):
        return 10197, _COMPETING
    for name in _REFUSALS.get(asked.message_id, ()):
        if refusal := spend(faults.data, name):
            return refusal.code, refusal.text
    refusal = faults.data.refuse_request.get(asked.message_id)
    if refusal is None:
        return None
    refusal.left -= 1
    if refusal.left <= 0:
        del faults.data.refuse_request[asked.message_id]
    return refusal.code, refusal.text


def _refusal_of_symbol(faults: FaultSwitches, asked: Asked) -> tuple[int, str] | None:
    if not (faults.data.delist or faults.data.ambiguous) or asked.contract is None:
        return None
    con_id, symbol = asked.contract
    if con_id:
        symbol = _symbol_of(con_id) or symbol
    if symbol in faults.data.delist:
        return 200, "No security definition has been found for the request"
    is_question = asked.message_id == In.REQ_CONTRACT_DETAILS
    if symbol in faults.data.ambiguous and not is_question and not con_id:
        return 200, f"The contract description specified for {symbol} is ambiguous."
    return None


def _symbol_of(con_id: int) -> str:
    try:
        return instrument_of(con_id).symbol
    except KeyError:
        return ""


def _double_details(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    if message[0] != Out.CONTRACT_DATA or not faults.data.ambiguous:
        return [message]
    # Below 164 a version field stands before the request id.
    at = 3 if message[1] == 8 and session.version < 164 else 2
    if message[at] not in faults.data.ambiguous:
        return [message]
    other = [*message]
    other[at + 6], other[at + 10] = "MXN", int(message[at + 10]) + 1_000_000
    return [message, other]


def _spoil_ticks(faults: FaultSwitches, session: ClientSession, message: Message) -> list[Message]:
    if message[0] not in TICKS:
        return [message]
    if faults.is_on(faults.data.competing_session):
        return []
    if not faults.data.stale_ticks:
        return [message]
    return [_stale(faults, session, message)]


def _stale(faults: FaultSwitches, session: ClientSession, message: Message) -> Message:
    at = _VALUE_AT.get(int(message[0]))
    if message[0] == Out.TICK_STRING and message[3] == Tick.LAST_TIMESTAMP:
        return [*message[:4], str(int(str(message[4])) - int(faults.data.stale_ticks))]
    if at is None:
        return message
    seen = faults.memory.setdefault("stale_ticks", {})
    key = (session.client_id, *message[:4])
    return [*message[:4], *seen.setdefault(key, message[4:])]


VERBS = verbs(
    burst,
    halt,
    farm_blip,
    stop_streams,
    stale_ticks,
    competing_session,
    no_permission,
    market_data,
    too_many_lines,
    too_many_ticks,
    too_many_history,
    pacing_violation,
    refuse_request,
    delist,
    ambiguous,
)
BEFORE = (_refuse,)
REWRITES = (_double_details, _spoil_ticks)
