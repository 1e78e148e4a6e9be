"""How a contract is written on the wire: in details, searches, positions and executions."""

from __future__ import annotations

from apps.simulator.listings import Listing, trading_class
from apps.simulator.messages import Message, Out
from apps.simulator.option_chains import ROOTS
from apps.simulator.universe import Instrument
from apps.simulator.wire import number_text

SAMPLES_WITH_ISSUER = 176
CONTRACT_WITHOUT_VERSION = 164
SIZE_MIN_TICK = 163
ORDER_TYPES = "ACTIVETIM,ADJUST,ALLOC,DAY,GTC,IOC,LMT,MKT,OCA,OUTSIDERTH,STP,STPLMT,TRAIL,WHATIF"


def contract_fields(
    instrument: Instrument, *, exchange: str, strike: str = "0.0", right: str = ""
) -> Message:
    """Return the 11 fields conId … tradingClass of orders, executions and positions."""
    return [
        instrument.con_id,
        instrument.symbol,
        "STK",
        "",
        strike,
        right,
        "",
        exchange,
        "USD",
        instrument.symbol,
        trading_class(instrument),
    ]


def contract_data(
    version: int, request_id: int, listing: Listing, *, exchange: str, hours: tuple[str, str]
) -> Message:
    """Return message 10; `hours` are the texts of trading and liquid hours."""
    message: Message = [Out.CONTRACT_DATA]
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(8)
    message += [
        request_id, listing.symbol, listing.sec_type, listing.expiry, number_text(listing.strike),
        listing.right, exchange, listing.currency, listing.local_symbol, listing.trading_class,
        listing.trading_class, listing.con_id, listing.min_tick,
    ]  # fmt: skip
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(100)
    rules = ",".join([str(listing.market_rule_id)] * len(listing.valid_exchanges))
    message += [
        listing.multiplier, ORDER_TYPES, ",".join(listing.valid_exchanges), 1, listing.under_con_id,
        listing.name, listing.primary_exchange, listing.expiry[:6], listing.industry, listing.industry,
        listing.stock_type, "US/Eastern", *hours, "", 0, *_sec_ids(listing), 1, listing.under_symbol,
        listing.under_sec_type, rules, listing.expiry, listing.stock_type,
    ]  # fmt: skip
    if version >= CONTRACT_WITHOUT_VERSION:
        return [*message, *listing.sizes]
    return [*message, listing.sizes[0]] if version >= SIZE_MIN_TICK else message


def _sec_ids(listing: Listing) -> Message:
    return [1, "ISIN", listing.isin] if listing.isin else [0]


def symbol_samples(version: int, request_id: int, listings: list[Listing]) -> Message:
    message: Message = [Out.SYMBOL_SAMPLES, request_id, len(listings)]
    for one in listings:
        derivatives = _derivatives(one)
        message += [one.con_id, one.symbol, one.sec_type, one.primary_exchange, one.currency]
        message += [len(derivatives), *derivatives]
        if version >= SAMPLES_WITH_ISSUER:
            message += [one.name, ""]
    return message


def _derivatives(listing: Listing) -> list[str]:
    if listing.sec_type != "STK":
        return []
    return ["CFD", "OPT"] if listing.symbol in ROOTS else ["CFD"]


def position_fields(account: str, instrument: Instrument, *, quantity: float, average_cost: float) -> Message:
    """Return account … avgCost of messages 61 and 71."""
    fields = contract_fields(instrument, exchange=instrument.primary_exchange)
    return [account, *fields, quantity, average_cost]


def scanner_row(rank: int, instrument: Instrument) -> Message:
    """Return one row of message 20; distance, benchmark, projection and legs stay empty for stocks."""
    name = trading_class(instrument)
    return [
        rank, instrument.con_id, instrument.symbol, "STK", "", "0", "", "SMART", "USD", instrument.symbol,
        name, name, "", "", "", "",
    ]  # fmt: skip
