"""The answers of the frozen dialects as serializers: what the published description says.

Only described with, never rendered through: the bodies are written field by field in
render.py, and a test holds both against each other and against the specification.
"""

from typing import Any

from rest_framework import serializers as s


def _null(kind: type[s.Field[Any, Any, Any, Any]], text: str = "") -> Any:
    return kind(allow_null=True, help_text=text)


class HealthOut(s.Serializer[Any]):
    """Answer of GET /health; strangers see the first three fields only."""

    status = s.ChoiceField(["healthy", "degraded"])
    connected = s.BooleanField(help_text="True only while the session is READY.")
    version = s.CharField(help_text="Version of the dialect.")
    market_data_mode = s.ChoiceField(
        ["live", "frozen", "delayed", "delayed-frozen", "unknown"], required=False
    )
    paper_trading = s.BooleanField(required=False)
    mode = s.CharField(required=False)
    mode_proof = s.CharField(required=False)
    phase = s.CharField(required=False)
    trading_state = s.CharField(required=False)
    reasons = s.ListField(child=s.CharField(), required=False)
    next_attempt_at = s.DateTimeField(allow_null=True, required=False)
    simulator = s.BooleanField(required=False)


class ConnectedOut(s.Serializer[Any]):
    """Answer of POST /connect and /disconnect."""

    success = s.BooleanField()
    message = s.CharField()
    phase = s.CharField()


class QuoteOut(s.Serializer[Any]):
    """One quote; the first nine fields are frozen."""

    symbol = s.CharField()
    price = s.FloatField()
    bid = s.FloatField()
    ask = s.FloatField()
    bid_size = s.IntegerField()
    ask_size = s.IntegerField()
    volume = s.IntegerField()
    timestamp = s.DateTimeField()
    exchange = s.CharField()
    last = _null(s.FloatField)
    open = _null(s.FloatField)
    high = _null(s.FloatField)
    low = _null(s.FloatField)
    close = _null(s.FloatField, "The previous close.")
    change = _null(s.FloatField)
    change_percent = _null(s.FloatField)
    price_source = s.ChoiceField(["last", "mid", "close"])
    market_data_type = s.CharField()
    delay_seconds = s.IntegerField()
    provider_timestamp = _null(s.DateTimeField)
    received_at = s.DateTimeField()
    age_ms = s.IntegerField()
    stale = s.BooleanField()
    session = s.CharField()
    tradeable = s.BooleanField()
    tradeable_reasons = s.ListField(child=s.CharField())
    ib_con_id = s.IntegerField()


class CandleOut(s.Serializer[Any]):
    """One candle; daily and weekly ones are stamped midnight UTC of their session date."""

    timestamp = s.DateTimeField()
    open = s.FloatField()
    high = s.FloatField()
    low = s.FloatField()
    close = s.FloatField()
    volume = s.IntegerField()
    vwap = s.FloatField()
    time = s.DateTimeField()
    session_date = s.DateField()
    session_start = s.DateTimeField()
    final = s.BooleanField()


class CandlesOut(s.Serializer[Any]):
    """Candles, oldest first."""

    symbol = s.CharField()
    candles = CandleOut(many=True)
    count = s.IntegerField()
    timeframe = s.CharField()
    market_data_type = s.CharField()
    as_of = s.DateTimeField()


class OrderExtrasOut(s.Serializer[Any]):
    """What every order answer of ours carries."""

    uuid = s.UUIDField()
    account = s.CharField()
    client_order_id = _null(s.CharField)
    ib_order_ref = _null(s.CharField)
    ib_order_id = _null(s.IntegerField)
    ib_perm_id = _null(s.IntegerField)
    our_status = s.CharField()
    broker_status = _null(s.CharField)
    reason_codes = s.ListField(child=s.CharField())
    ib_error_code = _null(s.IntegerField)
    ib_error_text = _null(s.CharField)
    unresolved = s.BooleanField()
    external = s.BooleanField()
    cancel_requested = s.BooleanField()
    quantity_exact = s.CharField()
    filled_exact = s.CharField()
    warnings = s.ListField(child=s.CharField())


class PlacedOut(OrderExtrasOut):
    """Answer to placing one order."""

    success = s.BooleanField()
    order_id = s.IntegerField()
    message = s.CharField()
    status = s.CharField()


class CancelledOut(PlacedOut):
    """Answer of DELETE /orders/{order_id}."""


class OrderStateOut(OrderExtrasOut):
    """Answer of GET /orders/{order_id}; an unknown id has the five frozen fields only."""

    order_id = s.IntegerField()
    status = s.CharField()
    filled_qty = s.IntegerField()
    avg_fill_price = s.FloatField()
    last_update = s.DateTimeField()


class ListedOrderOut(OrderExtrasOut):
    """One order of GET /orders."""

    order_id = s.IntegerField()
    symbol = s.CharField()
    action = s.CharField()
    order_type = s.CharField()
    quantity = s.IntegerField()
    limit_price = _null(s.FloatField)
    stop_price = _null(s.FloatField)
    status = s.CharField()
    filled_qty = s.IntegerField()
    remaining_qty = s.IntegerField()
    avg_fill_price = s.FloatField()
    source = s.CharField()  # type: ignore[assignment]  # the frozen name; DRF's own `source` is per field
    can_cancel = s.BooleanField()
    parent_id = _null(s.IntegerField)
    order_ref = _null(s.CharField)
    created_at = s.DateTimeField()
    updated_at = s.DateTimeField()


class OrdersOut(s.Serializer[Any]):
    """Answer of GET /orders."""

    orders = ListedOrderOut(many=True)
    count = s.IntegerField()


class BracketOut(s.Serializer[Any]):
    """Answer of POST /orders/bracket; take-profit first, then stop."""

    success = s.BooleanField()
    parent_order_id = s.IntegerField()
    child_order_ids = s.ListField(child=s.IntegerField())
    message = s.CharField()
    group_uuid = s.UUIDField()


class PositionOut(s.Serializer[Any]):
    """One position."""

    symbol = s.CharField()
    contract_id = s.IntegerField()
    quantity = s.IntegerField()
    avg_cost = s.FloatField()
    market_price = s.FloatField()
    market_value = s.FloatField()
    unrealized_pnl = s.FloatField()
    realized_pnl = s.FloatField()
    account = s.CharField()
    quantity_exact = s.CharField()
    sec_type = s.CharField()
    local_symbol = s.CharField()
    currency = s.CharField()
    daily_pnl = _null(s.FloatField)
    open_order_quantity = s.IntegerField()
    price_source = s.ChoiceField(["live", "broker"])
    as_of = s.DateTimeField()
    stale = s.BooleanField()


class PositionsOut(s.Serializer[Any]):
    """Answer of GET /positions."""

    positions = PositionOut(many=True)
    count = s.IntegerField()


class ProtectionOut(s.Serializer[Any]):
    """Answer of POST /positions/{symbol}/protect; the stop first."""

    success = s.BooleanField()
    order_ids = s.ListField(child=s.IntegerField())
    cancelled_order_ids = s.ListField(child=s.IntegerField())
    message = s.CharField()


class AccountOut(s.Serializer[Any]):
    """Answer of GET /account."""

    account_id = s.CharField()
    net_liquidation = s.FloatField()
    total_cash = s.FloatField()
    buying_power = s.FloatField()
    equity_with_loan = s.FloatField()
    currency = s.CharField()
    mode = s.CharField()
    daily_pnl = _null(s.FloatField)
    available_funds = _null(s.FloatField)
    excess_liquidity = _null(s.FloatField)
    as_of = s.DateTimeField()
    stale = s.BooleanField()
    accounts = s.ListField(child=s.CharField())


class ExecutorAccountValuesOut(s.Serializer[Any]):
    """The three values of the executor's account."""

    net_liquidation = s.FloatField()
    buying_power = s.FloatField()
    currency = s.CharField()


class ExecutorAccountOut(s.Serializer[Any]):
    """Answer of GET /api/v1/account."""

    success = s.BooleanField()
    account = ExecutorAccountValuesOut()


class ExecutorStatusValuesOut(s.Serializer[Any]):
    """How far an order has come, in the executor's words."""

    order_id = s.IntegerField()
    status = s.CharField()
    filled_qty = s.IntegerField()
    avg_fill_price = s.FloatField()
    raw_status = s.CharField()
    our_status = s.CharField()
    ib_error_code = _null(s.IntegerField)


class ExecutorStatusOut(s.Serializer[Any]):
    """Answer of GET /api/v1/orders/{id}/status."""

    success = s.BooleanField()
    status = ExecutorStatusValuesOut()


class ExecutorPositionOut(s.Serializer[Any]):
    """One position in two fields."""

    symbol = s.CharField()
    quantity = s.IntegerField()


class ExecutorPositionsOut(s.Serializer[Any]):
    """Answer of GET /api/v1/positions."""

    success = s.BooleanField()
    positions = ExecutorPositionOut(many=True)
