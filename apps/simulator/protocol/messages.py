"""Message ids, what changes with the server version, and the order of fields in each reply.

The one place that knows a field's position, except for the long order and contract
messages (order_messages.py, contract_messages.py) and for ticks and books
(data_messages.py). Every function returns one message as a list of values; strict clients
drop a message with a field more or less than this.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.market_rules import Rule
from apps.simulator.market.bars import Bar
from apps.simulator.market.headlines import Headline
from apps.simulator.tick_types import Tick
from apps.simulator.wire import UNSET_DOUBLE, Value, field_text, money_text, number_text

OLDEST_VERSION = 157
NEWEST_VERSION = 178
# ib_insync reads `duration` in openOrder only from 159 on: at exactly 158 it misparses.
MISREAD_VERSION = 158

DECIMAL_SIZES = 163
REJECT_JSON = 166
SIZES_IN_SHARES = 159
PRICE_REVISION = 178
HISTORICAL_SCHEDULE = 165

# What a quote calls the exchanges it is made of; reqSmartComponents tells their names.
BBO_EXCHANGE = "9c0001"

Message = list[Value]


class In(IntEnum):
    """Requests: client to server."""

    REQ_MKT_DATA = 1
    CANCEL_MKT_DATA = 2
    PLACE_ORDER = 3
    CANCEL_ORDER = 4
    REQ_OPEN_ORDERS = 5
    REQ_ACCOUNT_UPDATES = 6
    REQ_EXECUTIONS = 7
    REQ_IDS = 8
    REQ_CONTRACT_DETAILS = 9
    REQ_MKT_DEPTH = 10
    CANCEL_MKT_DEPTH = 11
    REQ_NEWS_BULLETINS = 12
    CANCEL_NEWS_BULLETINS = 13
    SET_SERVER_LOG_LEVEL = 14
    REQ_AUTO_OPEN_ORDERS = 15
    REQ_ALL_OPEN_ORDERS = 16
    REQ_MANAGED_ACCTS = 17
    REQUEST_FA = 18
    REPLACE_FA = 19
    REQ_HISTORICAL_DATA = 20
    EXERCISE_OPTIONS = 21
    REQ_SCANNER = 22
    CANCEL_SCANNER = 23
    REQ_SCANNER_PARAMETERS = 24
    CANCEL_HISTORICAL_DATA = 25
    REQ_CURRENT_TIME = 49
    REQ_REAL_TIME_BARS = 50
    CANCEL_REAL_TIME_BARS = 51
    REQ_FUNDAMENTAL_DATA = 52
    CANCEL_FUNDAMENTAL_DATA = 53
    CALCULATE_IMPLIED_VOLATILITY = 54
    CALCULATE_OPTION_PRICE = 55
    CANCEL_IMPLIED_VOLATILITY = 56
    CANCEL_OPTION_PRICE = 57
    REQ_GLOBAL_CANCEL = 58
    REQ_MARKET_DATA_TYPE = 59
    REQ_POSITIONS = 61
    REQ_ACCOUNT_SUMMARY = 62
    CANCEL_ACCOUNT_SUMMARY = 63
    CANCEL_POSITIONS = 64
    VERIFY_REQUEST = 65
    VERIFY_MESSAGE = 66
    QUERY_DISPLAY_GROUPS = 67
    SUBSCRIBE_TO_GROUP = 68
    UPDATE_DISPLAY_GROUP = 69
    UNSUBSCRIBE_FROM_GROUP = 70
    START_API = 71
    REQ_POSITIONS_MULTI = 74
    CANCEL_POSITIONS_MULTI = 75
    REQ_ACCOUNT_UPDATES_MULTI = 76
    CANCEL_ACCOUNT_UPDATES_MULTI = 77
    REQ_OPTION_CHAIN = 78
    REQ_SOFT_DOLLAR_TIERS = 79
    REQ_FAMILY_CODES = 80
    REQ_MATCHING_SYMBOLS = 81
    REQ_MKT_DEPTH_EXCHANGES = 82
    REQ_SMART_COMPONENTS = 83
    REQ_NEWS_ARTICLE = 84
    REQ_NEWS_PROVIDERS = 85
    REQ_HISTORICAL_NEWS = 86
    REQ_HEAD_TIMESTAMP = 87
    REQ_HISTOGRAM_DATA = 88
    CANCEL_HISTOGRAM_DATA = 89
    CANCEL_HEAD_TIMESTAMP = 90
    REQ_MARKET_RULE = 91
    REQ_PNL = 92
    CANCEL_PNL = 93
    REQ_PNL_SINGLE = 94
    CANCEL_PNL_SINGLE = 95
    REQ_HISTORICAL_TICKS = 96
    REQ_TICK_BY_TICK = 97
    CANCEL_TICK_BY_TICK = 98
    REQ_COMPLETED_ORDERS = 99
    REQ_WSH_META_DATA = 100
    CANCEL_WSH_META_DATA = 101
    REQ_WSH_EVENT_DATA = 102
    CANCEL_WSH_EVENT_DATA = 103
    REQ_USER_INFO = 104


class Out(IntEnum):
    """Replies: server to client."""

    TICK_PRICE = 1
    TICK_SIZE = 2
    ORDER_STATUS = 3
    ERROR = 4
    OPEN_ORDER = 5
    ACCOUNT_VALUE = 6
    PORTFOLIO_VALUE = 7
    ACCOUNT_TIME = 8
    NEXT_VALID_ID = 9
    CONTRACT_DATA = 10
    EXECUTION = 11
    MARKET_DEPTH = 12
    MARKET_DEPTH_L2 = 13
    MANAGED_ACCOUNTS = 15
    HISTORICAL_DATA = 17
    BOND_CONTRACT_DATA = 18
    SCANNER_PARAMETERS = 19
    SCANNER_DATA = 20
    TICK_OPTION_COMPUTATION = 21
    TICK_GENERIC = 45
    TICK_STRING = 46
    CURRENT_TIME = 49
    REAL_TIME_BAR = 50
    CONTRACT_DATA_END = 52
    OPEN_ORDER_END = 53
    ACCOUNT_DOWNLOAD_END = 54
    EXECUTIONS_END = 55
    SNAPSHOT_END = 57
    MARKET_DATA_TYPE = 58
    COMMISSION = 59
    POSITION = 61
    POSITION_END = 62
    ACCOUNT_SUMMARY = 63
    ACCOUNT_SUMMARY_END = 64
    DISPLAY_GROUPS = 67
    DISPLAY_GROUP_UPDATED = 68
    POSITION_MULTI = 71
    POSITION_MULTI_END = 72
    ACCOUNT_UPDATE_MULTI = 73
    ACCOUNT_UPDATE_MULTI_END = 74
    OPTION_CHAIN = 75
    OPTION_CHAIN_END = 76
    SOFT_DOLLAR_TIERS = 77
    FAMILY_CODES = 78
    SYMBOL_SAMPLES = 79
    MKT_DEPTH_EXCHANGES = 80
    TICK_REQ_PARAMS = 81
    SMART_COMPONENTS = 82
    NEWS_ARTICLE = 83
    TICK_NEWS = 84
    NEWS_PROVIDERS = 85
    HISTORICAL_NEWS = 86
    HISTORICAL_NEWS_END = 87
    HEAD_TIMESTAMP = 88
    HISTOGRAM_DATA = 89
    HISTORICAL_UPDATE = 90
    REROUTE_MKT_DATA = 91
    REROUTE_MKT_DEPTH = 92
    MARKET_RULE = 93
    PNL = 94
    PNL_SINGLE = 95
    HISTORICAL_MIDPOINTS = 96
    HISTORICAL_QUOTES = 97
    HISTORICAL_TRADES = 98
    TICK_BY_TICK = 99
    ORDER_BOUND = 100
    COMPLETED_ORDER = 101
    COMPLETED_ORDERS_END = 102
    HISTORICAL_SCHEDULE = 106
    USER_INFO = 107


TICKS = frozenset(
    {
        Out.TICK_PRICE,
        Out.TICK_SIZE,
        Out.TICK_STRING,
        Out.TICK_GENERIC,
        Out.TICK_OPTION_COMPUTATION,
        Out.TICK_BY_TICK,
    }
)
ORDER_REPORTS = frozenset({Out.ORDER_STATUS, Out.OPEN_ORDER, Out.EXECUTION, Out.COMMISSION})


def negotiate(client_min: int, client_max: int, *, server_max: int) -> int | None:
    """Return the version to speak, or None if client and server have none in common."""
    version = min(client_max, server_max)
    if version == MISREAD_VERSION:
        version = OLDEST_VERSION
    if version < client_min or version < OLDEST_VERSION:
        return None
    return version


def size_text(version: int, size: float, *, in_lots: bool = True) -> str:
    """Return a market data size: lots of stocks before 159, whole shares before 163."""
    if version < SIZES_IN_SHARES and in_lots:
        return str(int(size // 100))
    return number_text(size) if version >= DECIMAL_SIZES else str(int(size))


def quantity_text(version: int, instrument: Instrument, quantity: float) -> str:
    """Return a size of an instrument, which counts in lots only if it is a stock's."""
    return size_text(version, quantity, in_lots=instrument.is_stock)


def volume_text(version: int, instrument: Instrument, steps: float) -> str:
    """Return a volume counted in the instrument's smallest quantities."""
    return quantity_text(version, instrument, instrument.quantity(steps))


def error(version: int, request_id: int, code: int, text: str, reject_json: str = "") -> Message:
    message: Message = [Out.ERROR, 2, request_id, code, text]
    return [*message, reject_json] if version >= REJECT_JSON else message


def next_valid_id(order_id: int) -> Message:
    return [Out.NEXT_VALID_ID, 1, order_id]


def managed_accounts(account: str, *, ends_in_comma: bool = False) -> Message:
    return [Out.MANAGED_ACCOUNTS, 1, f"{account}," if ends_in_comma else account]


def current_time(epoch: float) -> Message:
    return [Out.CURRENT_TIME, 1, int(epoch)]


def end(message_id: Out, *fields: Value) -> Message:
    """Return an end marker of the old form, with its version field."""
    return [message_id, 1, *fields]


def tick_price(request_id: int, tick: Tick, price: str, size: str) -> Message:
    can_auto_execute = 1 if tick in (Tick.BID, Tick.ASK) else 0
    return [Out.TICK_PRICE, 6, request_id, tick, price, size, can_auto_execute]


def tick_size(request_id: int, tick: Tick, size: str) -> Message:
    return [Out.TICK_SIZE, 6, request_id, tick, size]


def tick_string(request_id: int, tick: Tick, text: str) -> Message:
    return [Out.TICK_STRING, 6, request_id, tick, text]


def tick_generic(request_id: int, tick: Tick, value: float) -> Message:
    return [Out.TICK_GENERIC, 6, request_id, tick, value]


def tick_req_params(request_id: int, instrument: Instrument) -> Message:
    bbo_exchange = BBO_EXCHANGE if instrument.is_stock else ""
    return [Out.TICK_REQ_PARAMS, request_id, number_text(instrument.point), bbo_exchange, 3]


def tick_news(request_id: int, one: Headline) -> Message:
    return [Out.TICK_NEWS, request_id, one.at * 1000, one.provider, one.article_id, one.text, ""]


def market_data_type(request_id: int, kind: int) -> Message:
    return [Out.MARKET_DATA_TYPE, 1, request_id, kind]


def account_value(key: str, value: str, currency: str, account: str) -> Message:
    return [Out.ACCOUNT_VALUE, 2, key, value, currency, account]


def account_summary(request_id: int, account: str, tag: str, value: str, currency: str) -> Message:
    return [Out.ACCOUNT_SUMMARY, 1, request_id, account, tag, value, currency]


def account_update_multi(request_id: int, account: str, model: str, value: tuple[str, str, str]) -> Message:
    """Return message 73; `value` is key, text and currency."""
    return [Out.ACCOUNT_UPDATE_MULTI, 1, request_id, account, model, *value]


def historical_data(
    version: int,
    request_id: int,
    instrument: Instrument,
    *,
    span: tuple[str, str],
    bars: Sequence[tuple[str, Bar]],
) -> Message:
    message: Message = [Out.HISTORICAL_DATA, request_id, *span, len(bars)]
    text = instrument.text
    for stamp, bar in bars:
        message += [
            stamp,
            text(bar.opening),
            text(bar.high),
            text(bar.low),
            text(bar.closing),
            _bar_volume(version, instrument, bar),
            instrument.average_text(bar.average),
            bar.count if bar.volume >= 0 else -1,
        ]
    return message


def historical_update(
    version: int, request_id: int, instrument: Instrument, *, stamp: str, bar: Bar
) -> Message:
    """Note the order open, close, high, low: it differs from that of historicalData."""
    text = instrument.text
    return [
        Out.HISTORICAL_UPDATE,
        request_id,
        bar.count if bar.volume >= 0 else -1,
        stamp,
        text(bar.opening),
        text(bar.closing),
        text(bar.high),
        text(bar.low),
        instrument.average_text(bar.average),
        _bar_volume(version, instrument, bar),
    ]


def _bar_volume(version: int, instrument: Instrument, bar: Bar) -> str:
    return "-1" if bar.volume < 0 else volume_text(version, instrument, bar.volume)


def pnl(request_id: int, daily: float, unrealized: float, realized: float) -> Message:
    return [Out.PNL, request_id, money_text(daily), money_text(unrealized), money_text(realized)]


def pnl_single(
    request_id: int, position: float, *, daily: float, unrealized: float, realized: float, value: float
) -> Message:
    amounts = [money_text(one) for one in (daily, unrealized, realized, value)]
    return [Out.PNL_SINGLE, request_id, position, *amounts]


def commission(exec_id: str, amount: float, realized: float | None) -> Message:
    realized_text = UNSET_DOUBLE if realized is None else number_text(realized)
    return [Out.COMMISSION, 1, exec_id, number_text(amount), "USD", realized_text, UNSET_DOUBLE, ""]


def order_bound(perm_id: int, client_id: int, order_id: int) -> Message:
    return [Out.ORDER_BOUND, perm_id, client_id, order_id]


def reroute(kind: Out, request_id: int, instrument: Instrument) -> Message:
    """Return message 91 or 92: what is asked for is to be had of another instrument."""
    return [kind, request_id, instrument.con_id, instrument.exchange]


def market_rule(rule_id: int, rule: Rule) -> Message:
    steps = [number_text(one) for step in rule for one in step]
    return [Out.MARKET_RULE, rule_id, len(rule), *steps]


def message_text(message: Message) -> list[str]:
    """Return a message as the texts that stand on the wire, for logs and tests."""
    return [field_text(one) for one in message]
