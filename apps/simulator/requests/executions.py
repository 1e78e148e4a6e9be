"""The day's executions and their commissions, as a client filters them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apps.simulator.clock import EASTERN
from apps.simulator.exchange.orders import Execution
from apps.simulator.instruments.hours import eastern_date, midnight
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import In, Out
from apps.simulator.protocol.order_messages import execution
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import BadField, Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession


def req_executions(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    wanted = _read_filter(fields)
    today = midnight(eastern_date(session.venue.clock.epoch()))
    fills = [one for one in session.venue.state.book.executions if one.at >= today and wanted.matches(one)]
    for fill in fills:
        session.send(execution(session.version, request_id, fill))
    session.send(messages.end(Out.EXECUTIONS_END, request_id))
    for fill in fills:
        if instrument_of(fill.con_id).legs:
            # A combination is charged by its legs.
            continue
        session.send(messages.commission(fill.exec_id, fill.commission, fill.realized))


@dataclass(frozen=True, slots=True)
class _ExecutionFilter:
    """What a client wants to see of the day's executions; empty means everything."""

    client_id: int
    account: str
    since: float
    symbol: str
    sec_type: str
    exchange: str
    side: str

    def matches(self, fill: Execution) -> bool:
        instrument = instrument_of(fill.con_id)
        pairs = (
            (self.account, fill.account),
            (self.symbol, instrument.symbol),
            (self.sec_type, instrument.sec_type),
            (self.exchange if self.exchange != "SMART" else "", fill.exchange),
            (self.side, fill.side),
        )
        is_wanted = all(not wanted or wanted == actual for wanted, actual in pairs)
        return is_wanted and self.client_id in (0, fill.client_id) and fill.at >= self.since


def _read_filter(fields: Fields) -> _ExecutionFilter:
    client_id, account, since = fields.integer(), fields.text(), _parse_since(fields.text())
    symbol, sec_type, exchange, side = (fields.text() for _ in range(4))
    side = {"BUY": "BOT", "SELL": "SLD"}.get(side.upper(), side.upper())
    return _ExecutionFilter(client_id, account, since, symbol, sec_type, exchange, side)


def _parse_since(text: str) -> float:
    text = text.strip()
    if not text:
        return 0.0
    try:
        if "-" in text:
            return datetime.strptime(text[:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp()
        day, clock_time = text.split()[:2]
        return datetime.strptime(f"{day} {clock_time}", "%Y%m%d %H:%M:%S").replace(tzinfo=EASTERN).timestamp()
    except ValueError:
        raise BadField(f"not a time: {text[:40]}") from None


REQUESTS: dict[int, Handler] = {In.REQ_EXECUTIONS: req_executions}
