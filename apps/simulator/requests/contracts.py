"""Requests about instruments: details, search, price rules; and the contract block of all requests."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from apps.simulator import messages
from apps.simulator.contract_messages import contract_data, symbol_samples
from apps.simulator.hours import eastern_date, hours_text
from apps.simulator.listings import MARKET_RULES, UNPRICED, AskedContract, right_of, stock_listing
from apps.simulator.messages import In, Message, Out
from apps.simulator.option_chains import (
    EXCHANGES,
    MULTIPLIER,
    ROOTS,
    expirations,
    matching_listings,
    strikes,
)
from apps.simulator.requests.handler import Handler
from apps.simulator.universe import Instrument, known_instrument, matching_instruments
from apps.simulator.wire import Fields, number_of, number_text

if TYPE_CHECKING:
    from apps.simulator.client_session import ClientSession

NOT_FOUND = "No security definition has been found for the request"
_NO_QUOTES = (354, "Requested market data is not subscribed.")
_ISSUER_SINCE = 176


def read_contract(fields: Fields) -> AskedContract:
    """Read CONTRACT12: conId … tradingClass with primaryExchange."""
    con_id = fields.integer()
    symbol, sec_type, expiry = fields.text(), fields.text(), fields.text()
    strike, right, multiplier = number_of(fields.text()), fields.text(), fields.text()
    exchange = fields.text()
    fields.skip()
    currency, local_symbol, trading_class = fields.text(), fields.text(), fields.text()
    return AskedContract(
        con_id=con_id,
        symbol=symbol,
        sec_type=sec_type,
        expiry=expiry,
        strike=strike or 0.0,
        right=right_of(right),
        multiplier=multiplier,
        exchange=exchange,
        currency=currency,
        local_symbol=local_symbol,
        trading_class=trading_class,
    )


def today(session: ClientSession) -> date:
    """Return the day by which expirations count."""
    return eastern_date(session.venue.clock.epoch())


def find_or_refuse(
    session: ClientSession,
    request_id: int,
    asked: AskedContract,
    *,
    without_prices: tuple[int, str] = _NO_QUOTES,
) -> Instrument | None:
    """Return the instrument; or tell the client there is none (200), or that it has no prices."""
    found = asked.find()
    if found is None:
        is_listed = bool(matching_listings(asked, today(session)))
        session.send_error(request_id, *(without_prices if is_listed else (200, NOT_FOUND)))
    return found


def req_contract_details(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    asked = read_contract(fields)
    fields.skip(3)
    if session.version >= _ISSUER_SINCE:
        fields.skip()
    found = matching_listings(asked, today(session))
    if not found:
        session.send_error(request_id, 200, NOT_FOUND)
        return
    text = hours_text(session.venue.market.hours, session.venue.clock.epoch())
    for one in found:
        exchange = asked.exchange or one.exchange
        session.send(contract_data(session.version, request_id, one, exchange=exchange, hours=(text, text)))
    session.send(messages.end(Out.CONTRACT_DATA_END, request_id))


def req_matching_symbols(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    pattern = fields.text()
    found = [stock_listing(one) for one in matching_instruments(pattern)]
    wanted = pattern.upper().strip()
    found += [one for one in UNPRICED if wanted and one.local_symbol.startswith(wanted)]
    session.send(symbol_samples(session.version, request_id, found[:16]))


def req_option_chain(session: ClientSession, fields: Fields) -> None:
    request_id, symbol = fields.integer(), fields.text()
    fields.skip()
    sec_type, con_id = fields.text(), fields.integer()
    stock = known_instrument(con_id)
    if stock is None or stock.symbol != symbol.upper() or sec_type != "STK":
        session.send_error(request_id, 200, NOT_FOUND)
        return
    days = [f"{day:%Y%m%d}" for day in expirations(today(session))]
    prices = [number_text(strike) for strike in strikes(stock)]
    for exchange in EXCHANGES if stock.symbol in ROOTS else ():
        head: Message = [Out.OPTION_CHAIN, request_id, exchange, con_id, stock.symbol, MULTIPLIER]
        session.send([*head, len(days), *days, len(prices), *prices])
    session.send([Out.OPTION_CHAIN_END, request_id])


def req_market_rule(session: ClientSession, fields: Fields) -> None:
    rule_id = fields.integer()
    if rule_id in MARKET_RULES:
        session.send(messages.market_rule(rule_id, MARKET_RULES[rule_id]))
    else:
        session.send_error(-1, 321, f"Error validating request:-no market rule {rule_id}")


REQUESTS: dict[int, Handler] = {
    In.REQ_CONTRACT_DETAILS: req_contract_details,
    In.REQ_MATCHING_SYMBOLS: req_matching_symbols,
    In.REQ_OPTION_CHAIN: req_option_chain,
    In.REQ_MARKET_RULE: req_market_rule,
}
