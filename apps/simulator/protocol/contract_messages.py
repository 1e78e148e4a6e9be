"""How a contract is written on the wire: in details, searches, positions and executions."""

from __future__ import annotations

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.listings import Listing, derivatives_of
from apps.simulator.instruments.spot_instruments import BOND_TERMS
from apps.simulator.protocol.messages import Message, Out
from apps.simulator.wire import number_text

SAMPLES_WITH_ISSUER = 176
CONTRACT_WITHOUT_VERSION = 164
SIZE_MIN_TICK = 163
_NO_SPECIAL_NOTES = ""


def contract_fields(
    instrument: Instrument, *, exchange: str, strike: str = "0.0", right: str = ""
) -> Message:
    """Return the 11 fields conId … tradingClass of orders, executions and positions.

    `strike` and `right` are what stands there for what has none.
    """
    return [
        instrument.con_id,
        instrument.symbol,
        instrument.sec_type,
        instrument.expiry,
        number_text(instrument.strike) if instrument.strike else strike,
        instrument.right or right,
        instrument.multiplier_text,
        exchange,
        instrument.currency,
        instrument.local_symbol,
        instrument.trading_class,
    ]


def contract_data(
    version: int, request_id: int, listing: Listing, *, exchange: str, hours: tuple[str, str]
) -> Message:
    """Return message 10; `hours` are the texts of trading and liquid hours."""
    one = listing.instrument
    message: Message = [Out.CONTRACT_DATA]
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(8)
    message += [
        request_id, one.symbol, one.sec_type, one.expiry, number_text(one.strike), one.right, exchange,
        one.currency, one.local_symbol, listing.market_name, one.trading_class, one.con_id,
        number_text(one.point),
    ]  # fmt: skip
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(100)
    message += [
        one.multiplier_text, listing.order_types, ",".join(one.valid_exchanges), 1, one.under_con_id,
        one.name, one.primary_exchange, listing.contract_month, listing.industry, listing.category,
        listing.subcategory, listing.zone, *hours, "", 0, *_sec_ids(listing), listing.aggregation_group,
        listing.under_symbol, listing.under_sec_type, _rules(one), one.expiry, one.stock_type,
    ]  # fmt: skip
    return [*message, *_sizes(version, listing)]


def bond_data(version: int, request_id: int, listing: Listing, *, exchange: str) -> Message:
    """Return message 18."""
    one, terms = listing.instrument, BOND_TERMS[listing.instrument.con_id]
    message: Message = [Out.BOND_CONTRACT_DATA]
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(6)
    message += [
        request_id, one.symbol, one.sec_type, terms.cusip, terms.coupon, terms.maturity,
        terms.issued, terms.ratings, "CORP", "FIXED", False, False, False,
        f"{one.symbol} {terms.coupon} {terms.maturity[4:6]}/{terms.maturity[6:]}/{terms.maturity[2:4]}",
        exchange, one.currency, one.trading_class, one.trading_class, one.con_id, number_text(one.point),
    ]  # fmt: skip
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(1)
    message += [
        listing.order_types, ",".join(one.valid_exchanges), "", "", False, _NO_SPECIAL_NOTES, one.name, "", 0,
        *_sec_ids(listing), listing.aggregation_group, _rules(one),
    ]  # fmt: skip
    return [*message, *_sizes(version, listing)] if version >= CONTRACT_WITHOUT_VERSION else message


def _rules(instrument: Instrument) -> str:
    return ",".join([str(instrument.rule_id)] * len(instrument.valid_exchanges))


def _sizes(version: int, listing: Listing) -> Message:
    if version >= CONTRACT_WITHOUT_VERSION:
        return [*listing.sizes]
    return [listing.sizes[0]] if version >= SIZE_MIN_TICK else []


def _sec_ids(listing: Listing) -> Message:
    found = [(name, text) for name, text in (("ISIN", listing.isin), ("CUSIP", listing.cusip)) if text]
    return [len(found), *(text for pair in found for text in pair)]


def symbol_samples(version: int, request_id: int, instruments: list[Instrument]) -> Message:
    message: Message = [Out.SYMBOL_SAMPLES, request_id, len(instruments)]
    for one in instruments:
        derivatives = derivatives_of(one)
        message += [one.con_id, one.symbol, one.sec_type, one.primary_exchange, one.currency]
        message += [len(derivatives), *derivatives]
        if version >= SAMPLES_WITH_ISSUER:
            message += [one.name, ""]
    return message


def position_fields(account: str, instrument: Instrument, *, quantity: float, average_cost: float) -> Message:
    """Return account … avgCost of messages 61 and 71."""
    fields = contract_fields(instrument, exchange=instrument.primary_exchange)
    return [account, *fields, quantity, average_cost]


def scanner_row(rank: int, instrument: Instrument) -> Message:
    """Return one row of message 20; distance, benchmark, projection and legs stay empty for stocks."""
    name = instrument.trading_class
    return [
        rank, instrument.con_id, instrument.symbol, "STK", "", "0", "", "SMART", "USD", instrument.symbol,
        name, name, "", "", "", "",
    ]  # fmt: skip
