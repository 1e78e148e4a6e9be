"""Requests about instruments: details, search, price rules; and the contract block of all requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.simulator import messages
from apps.simulator.contract_messages import contract_data, symbol_samples
from apps.simulator.hours import hours_text
from apps.simulator.messages import In, Out
from apps.simulator.requests.handler import Handler
from apps.simulator.universe import MARKET_RULE_ID, Instrument, find_instrument, matching_instruments
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.client_session import ClientSession

NOT_FOUND = "No security definition has been found for the request"
_ISSUER_SINCE = 176


@dataclass(frozen=True, slots=True)
class AskedContract:
    """The contract block of a request."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    local_symbol: str

    def find(self) -> Instrument | None:
        return find_instrument(
            con_id=self.con_id,
            symbol=self.symbol or self.local_symbol,
            sec_type=self.sec_type,
            currency=self.currency,
            exchange=self.exchange,
        )


def read_contract(fields: Fields) -> AskedContract:
    """Read CONTRACT12: conId … tradingClass with primaryExchange."""
    con_id = fields.integer()
    symbol, sec_type = fields.text(), fields.text()
    fields.skip(4)
    exchange = fields.text()
    fields.skip()
    currency, local_symbol = fields.text(), fields.text()
    fields.skip()
    return AskedContract(con_id, symbol, sec_type, exchange, currency, local_symbol)


def find_or_refuse(session: ClientSession, request_id: int, asked: AskedContract) -> Instrument | None:
    """Return the instrument, or tell the client there is none (200)."""
    found = asked.find()
    if found is None:
        session.send_error(request_id, 200, NOT_FOUND)
    return found


def req_contract_details(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    asked = read_contract(fields)
    fields.skip(3)
    if session.version >= _ISSUER_SINCE:
        fields.skip()
    found = find_or_refuse(session, request_id, asked)
    if found is None:
        return
    text = hours_text(session.venue.market.hours, session.venue.clock.epoch())
    exchange = asked.exchange or "SMART"
    session.send(contract_data(session.version, request_id, found, exchange=exchange, hours=(text, text)))
    session.send(messages.end(Out.CONTRACT_DATA_END, request_id))


def req_matching_symbols(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    session.send(symbol_samples(session.version, request_id, matching_instruments(fields.text())))


def req_market_rule(session: ClientSession, fields: Fields) -> None:
    rule_id = fields.integer()
    if rule_id == MARKET_RULE_ID:
        session.send(messages.market_rule(rule_id))
    else:
        session.send_error(-1, 321, f"Error validating request:-no market rule {rule_id}")


REQUESTS: dict[int, Handler] = {
    In.REQ_CONTRACT_DETAILS: req_contract_details,
    In.REQ_MATCHING_SYMBOLS: req_matching_symbols,
    In.REQ_MARKET_RULE: req_market_rule,
}
