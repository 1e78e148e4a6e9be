"""Requests about instruments: details, search, chains, rules; and the contract block of all requests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from apps.simulator.instruments.hours import eastern_date, hours_text
from apps.simulator.instruments.instrument import Instrument, Leg
from apps.simulator.instruments.listings import AskedContract, listing_of, right_of
from apps.simulator.instruments.lookup import matching_instruments, search
from apps.simulator.instruments.market_rules import RULES
from apps.simulator.instruments.option_chains import OptionRoot, option_root
from apps.simulator.instruments.universe import known_instrument
from apps.simulator.protocol import messages
from apps.simulator.protocol.contract_messages import bond_data, contract_data, symbol_samples
from apps.simulator.protocol.messages import In, Message, Out
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import Fields, number_of, number_text

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

NOT_FOUND = "No security definition has been found for the request"
_ONLY_HISTORY = (321, "Error validating request:-continuous futures have historical data only")
_ISSUER_SINCE = 176
_DETAILS_WITHOUT_REST = 100


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


def with_legs(asked: AskedContract, fields: Fields) -> AskedContract:
    """Read the legs that follow if a combination was asked for."""
    if asked.sec_type != "BAG":
        return asked
    count = fields.integer()
    legs = tuple(_read_leg(fields) for _ in range(count))
    return replace(asked, legs=legs)


def _read_leg(fields: Fields) -> Leg:
    con_id, ratio = fields.integer(), fields.integer()
    return Leg(con_id, ratio, action=fields.text().upper(), exchange=fields.text())


def today(session: ClientSession) -> date:
    """Return the day by which expirations count."""
    return eastern_date(session.venue.clock.epoch())


def find_or_refuse(
    session: ClientSession, request_id: int, asked: AskedContract, *, is_live: bool = True
) -> Instrument | None:
    """Return the one instrument that is meant; else tell the client that there is none, or several (200).

    `is_live` refuses what exists for history only.
    """
    found = matching_instruments(asked, today(session))
    if len(found) > 1:
        text = f"The contract description specified for {found[0].symbol} is ambiguous."
        session.send_error(request_id, 200, text)
        return None
    if not found:
        session.send_error(request_id, 200, NOT_FOUND)
        return None
    if is_live and found[0].sec_type == "CONTFUT":
        session.send_error(request_id, *_ONLY_HISTORY)
        return None
    return found[0]


def req_contract_details(session: ClientSession, fields: Fields) -> Coroutine[None, None, None] | None:
    fields.skip()
    request_id = fields.integer()
    asked = read_contract(fields)
    include_expired, sec_id_type, sec_id = fields.flag(), fields.text(), fields.text()
    if session.version >= _ISSUER_SINCE:
        fields.skip()
    asked = replace(asked, include_expired=include_expired, sec_id_type=sec_id_type, sec_id=sec_id)
    # A combination has no details of its own, only its legs have.
    found = [] if asked.sec_type == "BAG" else matching_instruments(asked, today(session))
    if not found:
        session.send_error(request_id, 200, NOT_FOUND)
        return None
    told, rest = found[:_DETAILS_WITHOUT_REST], found[_DETAILS_WITHOUT_REST:]
    _send_details(session, request_id, told, exchange=asked.exchange)
    if rest:
        return _send_rest(session, request_id, rest, exchange=asked.exchange)
    session.send(messages.end(Out.CONTRACT_DATA_END, request_id))
    return None


def _send_details(session: ClientSession, request_id: int, found: list[Instrument], *, exchange: str) -> None:
    for one in found:
        session.send(_details(session, request_id, one, exchange=exchange or one.exchange))


async def _send_rest(
    session: ClientSession, request_id: int, found: list[Instrument], *, exchange: str
) -> None:
    """Tell what is left of a whole chain, resting so that it does not stop the market."""
    for start in range(0, len(found), _DETAILS_WITHOUT_REST):
        await asyncio.sleep(0)
        told = found[start : start + _DETAILS_WITHOUT_REST]
        _send_details(session, request_id, told, exchange=exchange)
    session.send(messages.end(Out.CONTRACT_DATA_END, request_id))


def _details(session: ClientSession, request_id: int, one: Instrument, *, exchange: str) -> Message:
    listing = listing_of(one)
    if one.sec_type == "BOND":
        return bond_data(session.version, request_id, listing, exchange=exchange)
    hours = session.venue.market.hours_of(one)
    text = hours_text(hours, session.venue.clock.epoch(), zone=ZoneInfo(listing.zone))
    return contract_data(session.version, request_id, listing, exchange=exchange, hours=(text, text))


def req_matching_symbols(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    session.send(symbol_samples(session.version, request_id, search(fields.text())))


def req_option_chain(session: ClientSession, fields: Fields) -> None:
    request_id, symbol, exchange = fields.integer(), fields.text().upper(), fields.text()
    sec_type, con_id = fields.text(), fields.integer()
    under = known_instrument(con_id)
    if under is None or under.symbol != symbol or sec_type not in (under.sec_type, "IND"):
        session.send_error(request_id, 200, NOT_FOUND)
        return
    root = option_root(symbol, "FOP" if sec_type == "FUT" or exchange else "OPT")
    for one in [*_chains(root, today(session))] if root else []:
        session.send([Out.OPTION_CHAIN, request_id, *one])
    session.send([Out.OPTION_CHAIN_END, request_id])


def _chains(root: OptionRoot, day: date) -> Iterator[Message]:
    """Yield exchange, underlying, class, multiplier, expirations and strikes of each class and exchange."""
    prices = [number_text(strike) for strike in root.strikes()]
    for (trading_class, under), days in root.classes(day).items():
        texts = [f"{one:%Y%m%d}" for one in days]
        for exchange in root.exchanges:
            head: Message = [exchange, under, trading_class, number_text(root.multiplier)]
            yield [*head, len(texts), *texts, len(prices), *prices]


def req_market_rule(session: ClientSession, fields: Fields) -> None:
    rule_id = fields.integer()
    if rule_id in RULES:
        session.send(messages.market_rule(rule_id, RULES[rule_id]))
    else:
        session.send_error(-1, 321, f"Error validating request:-no market rule {rule_id}")


REQUESTS: dict[int, Handler] = {
    In.REQ_CONTRACT_DETAILS: req_contract_details,
    In.REQ_MATCHING_SYMBOLS: req_matching_symbols,
    In.REQ_OPTION_CHAIN: req_option_chain,
    In.REQ_MARKET_RULE: req_market_rule,
}
