"""What the published description says of each route: tag, shapes, errors, examples.

Nothing here runs when a request is served.
"""

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from apps.bridge import examples, inputs, shapes
from apps.common.shapes import ProblemOut

Description = dict[str, Any]

SESSION = "Compat: session"
PRICES = "Compat: quotes and candles"
ORDERS = "Compat: orders"
HOLDINGS = "Compat: positions and account"
EXECUTOR = "Executor /api/v1"

_ALWAYS = (401, 403, 405, 415, 429, 500)
_SYMBOL = OpenApiParameter("symbol", OpenApiTypes.STR, OpenApiParameter.PATH, description="In any spelling.")
_ORDER_ID = OpenApiParameter(
    "order_id", OpenApiTypes.INT64, OpenApiParameter.PATH, description="Our id, never IB's."
)
_ACCOUNT = OpenApiParameter(
    "account", OpenApiTypes.STR, description="Which account; the caller's own if left out."
)
_PREFER = OpenApiParameter(
    "Prefer", OpenApiTypes.STR, OpenApiParameter.HEADER, description="wait=N: up to 30 s for the broker."
)
_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same as client_order_id; if both are sent they must agree.",
)


def _route(
    operation: str,
    tag: str,
    *,
    out: type[Any],
    example: str = "",
    body: type[Any] | None = None,
    sent: str = "",
    errors: tuple[int, ...] = (),
    parameters: tuple[OpenApiParameter, ...] = (),
) -> Description:
    shown = [_example(sent, request_only=True)] if sent else []
    shown += [_example(example, response_only=True, status_codes=["200"])] if example else []
    return {
        "operation_id": operation,
        "tags": [tag],
        "request": body,
        "responses": {200: out}
        | {(status, "application/problem+json"): ProblemOut for status in sorted({*_ALWAYS, *errors})},
        "parameters": list(parameters),
        "examples": shown,
    }


def _example(text: str, **options: Any) -> OpenApiExample:
    return OpenApiExample("Example", value=json.loads(text), **options)


HEALTH = _route("compat_health", SESSION, out=shapes.HealthOut, example=examples.HEALTH) | {"auth": []}
CONNECT = _route(
    "compat_connect",
    SESSION,
    out=shapes.ConnectedOut,
    example=examples.CONNECT,
    body=inputs.ConnectIn,
    errors=(400, 503),
)
DISCONNECT = _route(
    "compat_disconnect", SESSION, out=shapes.ConnectedOut, example=examples.DISCONNECT, errors=(400, 503)
)
_PRICE_ERRORS = (400, 404, 409, 424, 503, 504)
QUOTE = _route(
    "compat_quote",
    PRICES,
    out=shapes.QuoteOut,
    example=examples.QUOTE,
    errors=_PRICE_ERRORS,
    parameters=(_SYMBOL,),
)
GET_CANDLES = _route(
    "compat_candles",
    PRICES,
    out=shapes.CandlesOut,
    example=examples.CANDLES,
    errors=_PRICE_ERRORS,
    parameters=(
        _SYMBOL,
        OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 1000, the newest bars.", default=250),
        OpenApiParameter(
            "timeframe", OpenApiTypes.STR, description="1 5 15 60 1D 1W; another word is 1D.", default="1D"
        ),
    ),
)
POST_CANDLES = _route(
    "compat_candles_in_ib_words",
    PRICES,
    out=shapes.CandlesOut,
    example=examples.CANDLES,
    body=inputs.CandlesIn,
    errors=_PRICE_ERRORS,
    parameters=(_SYMBOL,),
)
_TRADE_ERRORS = (400, 404, 409, 413, 422, 423, 503, 504)
PLACE_ORDER = _route(
    "compat_place_order",
    ORDERS,
    out=shapes.PlacedOut,
    example=examples.PLACED,
    body=inputs.PlaceOrderIn,
    sent=examples.PLACE,
    errors=_TRADE_ERRORS,
    parameters=(_PREFER, _KEY),
)
LIST_ORDERS = _route("compat_orders", ORDERS, out=shapes.OrdersOut, example=examples.ORDERS, errors=(503,))
GET_ORDER = _route(
    "compat_order",
    ORDERS,
    out=shapes.OrderStateOut,
    example=examples.ORDER_STATE,
    errors=(503,),
    parameters=(_ORDER_ID,),
)
CANCEL_ORDER = _route(
    "compat_cancel_order",
    ORDERS,
    out=shapes.CancelledOut,
    example=examples.CANCELLED,
    errors=(404, 409),
    parameters=(_ORDER_ID,),
)
PLACE_BRACKET = _route(
    "compat_place_bracket",
    ORDERS,
    out=shapes.BracketOut,
    example=examples.BRACKET,
    body=inputs.BracketIn,
    sent=examples.PLACE_BRACKET,
    errors=_TRADE_ERRORS,
    parameters=(_KEY,),
)
LIST_POSITIONS = _route(
    "compat_positions",
    HOLDINGS,
    out=shapes.PositionsOut,
    example=examples.POSITIONS,
    errors=(400, 503),
    parameters=(
        _ACCOUNT,
        OpenApiParameter("types", OpenApiTypes.STR, enum=["all"], description="all: not only stocks."),
    ),
)
CLOSE_POSITION = _route(
    "compat_close_position",
    HOLDINGS,
    out=shapes.PlacedOut,
    example=examples.CLOSED,
    body=inputs.ClosePositionIn,
    sent='{"quantity":5}',
    errors=_TRADE_ERRORS,
    parameters=(_SYMBOL, _PREFER, _KEY),
)
PROTECT_POSITION = _route(
    "compat_protect_position",
    HOLDINGS,
    out=shapes.ProtectionOut,
    example=examples.PROTECTED,
    body=inputs.ProtectPositionIn,
    sent='{"stop_loss":221,"take_profit":240}',
    errors=_TRADE_ERRORS,
    parameters=(_SYMBOL, _KEY),
)
GET_ACCOUNT = _route(
    "compat_account",
    HOLDINGS,
    out=shapes.AccountOut,
    example=examples.ACCOUNT,
    errors=(422, 503),
    parameters=(_ACCOUNT,),
)
EXECUTOR_ACCOUNT = _route(
    "executor_account",
    EXECUTOR,
    out=shapes.ExecutorAccountOut,
    example=examples.EXECUTOR_ACCOUNT,
    errors=(422, 503),
    parameters=(_ACCOUNT,),
)
EXECUTOR_PLACE_ORDER = _route(
    "executor_place_order",
    EXECUTOR,
    out=shapes.PlacedOut,
    example=examples.PLACED,
    body=inputs.PlaceOrderIn,
    sent=examples.PLACE,
    errors=_TRADE_ERRORS,
    parameters=(_PREFER, _KEY),
)
EXECUTOR_STATUS = _route(
    "executor_order_status",
    EXECUTOR,
    out=shapes.ExecutorStatusOut,
    example=examples.EXECUTOR_STATUS,
    errors=(404,),
    parameters=(_ORDER_ID,),
)
EXECUTOR_POSITIONS = _route(
    "executor_positions",
    EXECUTOR,
    out=shapes.ExecutorPositionsOut,
    example=examples.EXECUTOR_POSITIONS,
    errors=(422, 503),
    parameters=(_ACCOUNT,),
)
