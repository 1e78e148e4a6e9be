"""How a contract is written on the wire: in details, searches, positions and executions."""

from __future__ import annotations

from apps.simulator.messages import Message, Out
from apps.simulator.universe import MARKET_RULE_ID, VALID_EXCHANGES, Instrument

SAMPLES_WITH_ISSUER = 176
CONTRACT_WITHOUT_VERSION = 164
SIZE_MIN_TICK = 163
ORDER_TYPES = "ACTIVETIM,ADJUST,ALLOC,DAY,GTC,IOC,LMT,MKT,OCA,OUTSIDERTH,STP,STPLMT,TRAIL,WHATIF"


def trading_class(instrument: Instrument) -> str:
    """Return the trading class: New York names stand for themselves, Nasdaq calls all NMS."""
    return "NMS" if instrument.primary_exchange == "NASDAQ" else instrument.symbol


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
    version: int, request_id: int, instrument: Instrument, *, exchange: str, hours: tuple[str, str]
) -> Message:
    """Return message 10; `hours` are the texts of trading and liquid hours."""
    message: Message = [Out.CONTRACT_DATA]
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(8)
    message += [
        request_id, instrument.symbol, "STK", "", "0", "", exchange, "USD", instrument.symbol,
        trading_class(instrument), trading_class(instrument), instrument.con_id, "0.01",
    ]  # fmt: skip
    if version < CONTRACT_WITHOUT_VERSION:
        message.append(100)
    message += [
        "", ORDER_TYPES, ",".join(VALID_EXCHANGES), 1, 0, instrument.name, instrument.primary_exchange, "",
        instrument.industry, instrument.industry, instrument.stock_type, "US/Eastern", *hours, "", 0,
        1, "ISIN", instrument.isin,
        1, "", "", ",".join([str(MARKET_RULE_ID)] * len(VALID_EXCHANGES)), "", instrument.stock_type,
    ]  # fmt: skip
    if version >= CONTRACT_WITHOUT_VERSION:
        return [*message, "0.0001", "0.0001", "100"]
    return [*message, "0.0001"] if version >= SIZE_MIN_TICK else message


def symbol_samples(version: int, request_id: int, instruments: list[Instrument]) -> Message:
    message: Message = [Out.SYMBOL_SAMPLES, request_id, len(instruments)]
    for one in instruments:
        message += [one.con_id, one.symbol, "STK", one.primary_exchange, "USD", 2, "CFD", "OPT"]
        if version >= SAMPLES_WITH_ISSUER:
            message += [one.name, ""]
    return message


def position_fields(account: str, instrument: Instrument, *, quantity: float, average_cost: float) -> Message:
    """Return account … avgCost of messages 61 and 71."""
    fields = contract_fields(instrument, exchange=instrument.primary_exchange)
    return [account, *fields, quantity, average_cost]
