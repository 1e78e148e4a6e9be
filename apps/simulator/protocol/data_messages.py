"""The order of fields in messages of ticks, five-second bars, order books and histograms.

The other half of messages.py: what only clients that watch a market closely ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from apps.simulator.instruments.universe import DIRECT_EXCHANGES, Instrument
from apps.simulator.market.bars import Bar
from apps.simulator.market.depth import Level
from apps.simulator.market.option_computations import Computation
from apps.simulator.market.ticks import BID_ASK, MIDPOINT, TRADES, QuoteTick, Tick, Trade
from apps.simulator.protocol.messages import Message, Out, quantity_text, volume_text
from apps.simulator.tick_types import Tick as TickType
from apps.simulator.wire import number_text

EXCHANGE_LETTERS = {
    "AMEX": "A", "NYSE": "N", "NASDAQ": "Q", "ARCA": "P", "BATS": "Z", "IEX": "V", "EDGX": "K",
}  # fmt: skip
_HISTORICAL = {
    TRADES: Out.HISTORICAL_TRADES,
    BID_ASK: Out.HISTORICAL_QUOTES,
    MIDPOINT: Out.HISTORICAL_MIDPOINTS,
}
_OTHER_BOOKS = (
    ("CME", "FUT"), ("CBOT", "FUT"), ("NYMEX", "FUT"), ("COMEX", "FUT"), ("CME", "FOP"),
    ("IDEALPRO", "CASH"), ("PAXOS", "CRYPTO"),
)  # fmt: skip
_NO_MASK = 0
_AGGREGATED = 1
_PRICE_BASED = 1
_NO_GREEK = -2.0


class Operation(IntEnum):
    """What a message of depth does to one row."""

    INSERT = 0
    UPDATE = 1
    DELETE = 2


class Side(IntEnum):
    """The side of a book."""

    ASK = 0
    BID = 1


def real_time_bar(version: int, request_id: int, instrument: Instrument, bar: Bar) -> Message:
    prices = [instrument.text(one) for one in (bar.opening, bar.high, bar.low, bar.closing)]
    has_volume = bar.volume >= 0
    volume = volume_text(version, instrument, bar.volume) if has_volume else "-1"
    count = bar.count if has_volume else -1
    average = instrument.average_text(bar.average)
    return [Out.REAL_TIME_BAR, 3, request_id, bar.start, *prices, volume, average, count]


def tick_by_tick(version: int, request_id: int, instrument: Instrument, *, code: int, tick: Tick) -> Message:
    """Return message 99; `code` is 1 Last, 2 AllLast, 3 BidAsk, 4 MidPoint."""
    head: Message = [Out.TICK_BY_TICK, request_id, code, tick.second]
    if isinstance(tick, Trade):
        price, size = instrument.text(tick.points), quantity_text(version, instrument, tick.size)
        return [*head, price, size, _NO_MASK, tick.exchange, ""]
    if code == 4:
        return [*head, number_text(instrument.price(tick.middle))]
    return [*head, *_quote_fields(version, tick, instrument), _NO_MASK]


def historical_ticks(
    version: int, request_id: int, instrument: Instrument, *, kind: str, ticks: Sequence[Tick]
) -> Message:
    """Return message 96, 97 or 98, always the whole answer."""
    message: Message = [_HISTORICAL[kind], request_id, len(ticks)]
    for tick in ticks:
        if isinstance(tick, Trade):
            size = quantity_text(version, instrument, tick.size)
            message += [tick.second, _NO_MASK, instrument.text(tick.points), size, tick.exchange, ""]
        elif kind == MIDPOINT:
            message += [tick.second, 0, number_text(instrument.price(tick.middle)), 0]
        else:
            message += [tick.second, _NO_MASK, *_quote_fields(version, tick, instrument)]
    return [*message, 1]


def _quote_fields(version: int, tick: QuoteTick, instrument: Instrument) -> list[str]:
    sizes = [quantity_text(version, instrument, one) for one in (tick.bid_size, tick.ask_size)]
    return [instrument.text(tick.bid), instrument.text(tick.ask), *sizes]


def histogram_data(
    version: int, request_id: int, instrument: Instrument, *, volumes: dict[int, int]
) -> Message:
    """Return message 89; `volumes` are shares by price in points."""
    message: Message = [Out.HISTOGRAM_DATA, request_id, len(volumes)]
    for points, volume in sorted(volumes.items()):
        message += [instrument.text(points), volume_text(version, instrument, volume)]
    return message


def market_depth(
    version: int,
    request_id: int,
    row: int,
    level: Level,
    *,
    instrument: Instrument,
    operation: Operation,
    side: Side,
    is_smart: bool,
) -> Message:
    """Return message 13, which names each row's exchange, or 12 for the book of one exchange."""
    # A row that goes has no price any more.
    is_gone = operation is Operation.DELETE
    price = "0" if is_gone else instrument.text(level.points)
    size = "0" if is_gone else quantity_text(version, instrument, level.size)
    if is_smart:
        return [Out.MARKET_DEPTH_L2, 1, request_id, row, level.exchange, operation, side, price, size, 1]
    return [Out.MARKET_DEPTH, 1, request_id, row, operation, side, price, size]


def option_computation(request_id: int, tick: TickType, one: Computation) -> Message:
    """Return message 21; what could not be computed is written as -1 or, for sensitivities, as -2."""
    greeks = one.greeks
    delta, gamma, vega, theta = (
        (greeks.delta, greeks.gamma, greeks.vega, greeks.theta) if greeks else (_NO_GREEK,) * 4
    )
    volatility = -1.0 if one.volatility is None else one.volatility
    head: Message = [Out.TICK_OPTION_COMPUTATION, request_id, tick, _PRICE_BASED, volatility, delta]
    return [*head, one.price, 0.0, gamma, vega, theta, one.spot]


def depth_exchanges() -> Message:
    books = [*((one, "STK") for one in DIRECT_EXCHANGES), *_OTHER_BOOKS]
    message: Message = [Out.MKT_DEPTH_EXCHANGES, len(books)]
    for exchange, sec_type in books:
        message += [exchange, sec_type, "", "Deep", _AGGREGATED]
    return message


def smart_components(request_id: int) -> Message:
    message: Message = [Out.SMART_COMPONENTS, request_id, len(DIRECT_EXCHANGES)]
    for bit, exchange in enumerate(DIRECT_EXCHANGES):
        message += [bit, exchange, EXCHANGE_LETTERS[exchange]]
    return message
