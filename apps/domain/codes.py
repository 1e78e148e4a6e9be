"""Every code of ours: HTTP status, title, hint and what a caller may retry.

Codes are the contract, texts are not. IB's own message numbers stand in ib_codes.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Retry(StrEnum):
    """Whether the same request may be sent again."""

    NO = "no"
    LATER = "after Retry-After"
    SAME_KEY = "with the same key"


@dataclass(frozen=True, slots=True)
class Code:
    """One code. `answer` is False for codes that stand only as a reason on an order."""

    name: str
    status: int
    title: str
    hint: str
    retry: Retry
    answer: bool = True


_DENIED = "Order denied"

_TABLE: tuple[Code, ...] = (
    # 400: the request is not well formed
    Code("BAD_REQUEST", 400, "Bad request", "Check host, path and headers", Retry.NO),
    Code("VALIDATION_JSON", 400, "Malformed JSON", "Send one JSON object in UTF-8", Retry.NO),
    Code(
        "VALIDATION_UNKNOWN_FIELD",
        400,
        "Unknown field",
        "Remove the field or correct its spelling",
        Retry.NO,
    ),
    Code("VALIDATION_CHOICE", 400, "Value not allowed", "Use one of the documented words", Retry.NO),
    Code("VALIDATION_QUANTITY", 400, "Malformed quantity", "Send a whole number of shares", Retry.NO),
    Code("VALIDATION_PRICE", 400, "Malformed price", "Send a plain decimal number", Retry.NO),
    Code("VALIDATION_RANGE", 400, "Value out of range", "Stay inside the documented bounds", Retry.NO),
    Code("VALIDATION_SYMBOL", 400, "Malformed symbol", "Use letters, digits, dot, dash or space", Retry.NO),
    Code("VALIDATION_KEY", 400, "Malformed key", "Use 8 to 64 of A-Z a-z 0-9 . _ : -", Retry.NO),
    Code("VALIDATION_CURSOR", 400, "Malformed cursor", "Use next_cursor of the page before", Retry.NO),
    # 401: who asks?
    Code("UNAUTHENTICATED", 401, "Not authenticated", "Send a valid API key", Retry.NO),
    Code("AMBIGUOUS_CREDENTIALS", 401, "Two credentials", "Send the key in one place only", Retry.NO),
    Code("KEY_IN_URL", 401, "Key in the URL", "Replace this key: it counts as leaked", Retry.NO),
    # 403: not with these rights
    Code("MISSING_SCOPE", 403, "Not allowed", "Ask staff for a key with this scope", Retry.NO),
    Code("ACCOUNT_NOT_ALLOWED", 403, "Account not allowed", "Use an account of your key", Retry.NO),
    Code(
        "ADDRESS_NOT_ALLOWED", 403, "Address not allowed", "Ask staff to allow where you call from", Retry.NO
    ),
    Code("KEY_MODE_MISMATCH", 403, "Key of the other mode", "Use a key made for this mode", Retry.NO),
    Code(
        "CONNECTION_NOT_ALLOWED",
        403,
        "Connection not registered",
        "Leave host, port and client id out",
        Retry.NO,
    ),
    Code("CONSOLE_ONLY", 403, "For people only", "Do this in the console", Retry.NO),
    # 404 and its neighbours
    Code("NOT_FOUND", 404, "Not found", "Check the path", Retry.NO),
    Code("ORDER_NOT_FOUND", 404, "Order not found", "Check the id and the account", Retry.NO),
    Code("UNKNOWN_SYMBOL", 404, "Unknown symbol", "Search instruments for the spelling", Retry.NO),
    Code("NO_POSITION", 404, "No position", "List positions to see what is held", Retry.NO),
    Code("METHOD_NOT_ALLOWED", 405, "Method not allowed", "Use a method that Allow names", Retry.NO),
    Code("REQUEST_TIMEOUT", 408, "Request too slow", "Send the whole request within 10 s", Retry.NO),
    Code("BODY_TOO_LARGE", 413, "Body too large", "Send at most 16 KiB", Retry.NO),
    Code("UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported media type", "Send application/json", Retry.NO),
    Code("HEADERS_TOO_LARGE", 431, "Headers too large", "Send fewer or shorter headers", Retry.NO),
    # 409: it collides with what is
    Code(
        "IDEMPOTENCY_KEY_CONFLICT",
        409,
        "Key used for another order",
        "Use a new client_order_id for a new order",
        Retry.NO,
    ),
    Code("IN_PROGRESS", 409, "Already in progress", "Ask again with the same key", Retry.LATER),
    Code("ORDER_TERMINAL", 409, "Order is closed", "Nothing is left to change", Retry.NO),
    Code("NOT_MODIFIABLE", 409, "Order cannot be changed now", "Read the order, then decide", Retry.NO),
    Code("STALE_SEQ", 409, "Order changed meanwhile", "Read the order again", Retry.NO),
    Code(
        "CONTRACT_AMBIGUOUS", 409, "Ambiguous contract", "Name exchange and currency, or ib_con_id", Retry.NO
    ),
    Code(
        "RISK_DUPLICATE_ORDER",
        409,
        _DENIED,
        "Wait, or send allow_duplicate with a key that may",
        Retry.NO,
    ),
    Code(
        "RISK_UNRESOLVED_ORDER",
        409,
        _DENIED,
        "Wait until the order in doubt is resolved",
        Retry.NO,
    ),
    # 410: gone
    Code("EVENTS_EXPIRED", 410, "Events expired", "Read the lists and go on from their seq", Retry.NO),
    Code("IDEMPOTENCY_KEY_RETIRED", 410, "Key retired", "Use a new key", Retry.NO),
    # 422: understood and refused
    Code("IDEMPOTENCY_KEY_REQUIRED", 422, "Key required", "Send client_order_id; live needs one", Retry.NO),
    Code("ACCOUNT_REQUIRED", 422, "Account required", "Name the account", Retry.NO),
    Code("EXCEEDS_POSITION", 422, "More than is held", "Lower the quantity", Retry.NO),
    Code("BROKER_REJECTED", 422, "Rejected by the broker", "Read ib_code and ib_message", Retry.NO),
    Code("RISK_SYMBOL_RESTRICTED", 422, _DENIED, "This symbol is on the restricted list", Retry.NO),
    Code("RISK_SYMBOL_NOT_ALLOWED", 422, _DENIED, "Ask staff to allow this symbol", Retry.NO),
    Code("RISK_ORDER_TYPE", 422, _DENIED, "Use an order type that is switched on", Retry.NO),
    Code("RISK_INSTRUMENT", 422, _DENIED, "Use a kind of instrument that is switched on", Retry.NO),
    Code("RISK_MAX_QTY", 422, _DENIED, "Split the order or ask staff to raise the limit", Retry.NO),
    Code("RISK_MAX_NOTIONAL", 422, _DENIED, "Split the order or ask staff to raise the limit", Retry.NO),
    Code("RISK_PRICE_COLLAR", 422, _DENIED, "Move the price closer to the market", Retry.NO),
    Code("RISK_STALE_QUOTE", 422, _DENIED, "Wait for a fresh quote of this instrument", Retry.NO),
    Code("RISK_TICK_SIZE", 422, _DENIED, "Use a price on the tick grid", Retry.NO),
    Code("RISK_LOT_SIZE", 422, _DENIED, "Use a multiple of the lot", Retry.NO),
    Code("RISK_MAX_OPEN_ORDERS", 422, _DENIED, "Cancel orders that are no longer wanted", Retry.NO),
    Code("RISK_DAILY_ORDERS", 422, _DENIED, "The day's number of orders is used up", Retry.NO),
    Code("RISK_MAX_POSITION", 422, _DENIED, "Lower the quantity or cancel open orders", Retry.NO),
    Code("RISK_GROSS_EXPOSURE", 422, _DENIED, "Reduce other positions first", Retry.NO),
    Code("RISK_SHORT_NOT_ALLOWED", 422, _DENIED, "Sell no more than is held and not yet offered", Retry.NO),
    Code("RISK_BUYING_POWER", 422, _DENIED, "Lower the quantity or free funds", Retry.NO),
    Code("RISK_SELF_MATCH", 422, _DENIED, "Cancel the own order on the other side first", Retry.NO),
    Code("RISK_MARKET_CLOSED", 422, _DENIED, "Send it inside the allowed hours", Retry.NO),
    Code("RISK_UNAVAILABLE", 422, _DENIED, "A control could not be judged; staff can see why", Retry.NO),
    # 423: a person must act
    Code("TRADING_HALTED", 423, "Trading is halted", "Staff must resume trading", Retry.NO),
    Code(
        "TRADING_REDUCING", 423, "Only reducing orders", "Only orders that reduce a position pass", Retry.NO
    ),
    Code("MODE_MISMATCH", 423, "Mode is not proven", "Staff must check the connection", Retry.NO),
    Code("LIVE_NOT_ARMED", 423, "Live is not armed", "Two people must arm this account", Retry.NO),
    Code("RISK_DAILY_LOSS", 423, _DENIED, "The daily loss limit is reached; staff decide", Retry.NO),
    Code("RISK_REPEATED_EXECUTION", 423, _DENIED, "A breaker stopped this symbol; staff decide", Retry.NO),
    # 424: the broker gives no prices
    Code(
        "NO_MARKET_DATA", 424, "No market data", "Check the data subscription or use delayed data", Retry.NO
    ),
    Code("COMPETING_SESSION", 424, "Competing session", "Another login uses the market data", Retry.NO),
    # 429: too fast
    Code("RATE_LIMITED", 429, "Too many requests", "Slow down", Retry.LATER),
    Code("RATE_LIMIT_ORDERS", 429, "Too many orders", "Slow down", Retry.LATER),
    Code("IB_PACING", 429, "Broker's pacing limit", "Ask for less history at once", Retry.LATER),
    Code("MARKET_DATA_LINES", 429, "No market data line free", "Watch fewer instruments", Retry.LATER),
    # 5xx
    Code("INTERNAL", 500, "Internal error", "Tell staff the request_id", Retry.SAME_KEY),
    Code("BROKER_NOT_READY", 503, "Broker session not ready", "Wait for phase READY", Retry.LATER),
    Code("RESTART_WINDOW", 503, "Broker restarts soon", "Wait until the restart is over", Retry.LATER),
    Code("AWAITING_LOGIN", 503, "Broker waits for a login", "Staff must log in to IB Gateway", Retry.LATER),
    Code("GATEWAY_BACKPRESSURE", 503, "Gateway is busy", "Wait a moment", Retry.LATER),
    Code("STORE_UNAVAILABLE", 503, "Database does not answer", "Wait a moment", Retry.LATER),
    Code("BROKER_TIMEOUT", 504, "Broker did not answer in time", "Ask again", Retry.SAME_KEY),
    Code(
        "OUTCOME_UNKNOWN", 504, "Outcome unknown", "Ask with the same key what became of it", Retry.SAME_KEY
    ),
    # reasons on an order, never answers of their own
    Code("VERSION_MISMATCH", 503, "Accepted by other code", "Send a new order", Retry.NO, answer=False),
    Code("ORDER_EXPIRED", 422, "Order expired unsent", "Send a new order", Retry.NO, answer=False),
    Code("APPROVAL_EXPIRED", 422, "Approval not given in time", "Send a new order", Retry.NO, answer=False),
    Code("APPROVAL_REFUSED", 422, "Approval refused", "Ask who refused it", Retry.NO, answer=False),
)

CODES: Mapping[str, Code] = MappingProxyType({code.name: code for code in _TABLE})
