"""Rows and values into the bodies of the frozen dialects; pure, field by field.

The names and types before the dots of spec/bridge-api.md section 3 are frozen. Which rows
are shown, and to whom, is decided by the views.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from apps.bridge import words
from apps.bridge.numbers import (
    exact,
    instant,
    instant_or_none,
    known,
    number,
    number_or_none,
    stamp,
    whole,
)
from apps.bridge.rows import AccountValues, InstrumentRow, OrderRow, PositionRow
from apps.domain.calendar import parse_hours, zone_of
from apps.domain.candles import Candle
from apps.domain.orders import NOT_CLOSED, OrderStatus, Origin
from apps.domain.quotes import STALE_AFTER_S, Quote

Body = dict[str, Any]

#: Where the session of a stock opens if its instrument does not tell.
_USUAL_OPENING = time(9, 30)
_PERCENT_PLACES = Decimal("0.0001")


def quote_body(
    quote: Quote,
    *,
    asked: str,
    age_s: float,
    feed_works: bool,
    session: str,
    tradeable: tuple[bool, Sequence[str]],
) -> Body:
    """Return the answer of GET /quotes/{symbol}; the quote must have a price (W7)."""
    price, source = quote.price or (None, "close")
    return {
        "symbol": asked.upper(),
        "price": number(price),
        "bid": number(_positive(quote.bid)),
        "ask": number(_positive(quote.ask)),
        "bid_size": whole(_positive(quote.bid_size)),
        "ask_size": whole(_positive(quote.ask_size)),
        "volume": whole(_positive(quote.volume)),
        "timestamp": instant(quote.provider_timestamp or quote.received_at),
        "exchange": quote.exchange,
        "last": number_or_none(quote.last),
        "open": number_or_none(quote.open),
        "high": number_or_none(quote.high),
        "low": number_or_none(quote.low),
        "close": number_or_none(quote.close),
        **_change(quote),
        "price_source": source,
        "market_data_type": quote.market_data_type.value,
        "delay_seconds": quote.market_data_type.delay_seconds,
        "provider_timestamp": instant_or_none(quote.provider_timestamp),
        "received_at": instant(quote.received_at),
        "age_ms": int(age_s * 1000),
        "stale": age_s > STALE_AFTER_S or source == "close" or not feed_works,
        "session": session,
        "tradeable": tradeable[0],
        "tradeable_reasons": list(tradeable[1]),
        "ib_con_id": quote.ib_con_id,
    }


def _change(quote: Quote) -> Body:
    last, close = known(quote.last), known(quote.close)
    if last is None or close is None or close <= 0:
        return {"change": None, "change_percent": None}
    percent = ((last - close) / close * 100).quantize(_PERCENT_PLACES)
    return {"change": number_or_none(last - close), "change_percent": number_or_none(percent)}


def _positive(value: Decimal | None) -> Decimal | None:
    """IB says -1 where there is no side."""
    found = known(value)
    return found if found is not None and found > 0 else None


def candle_body(candle: Candle, *, opening: time, zone_name: str) -> Body:
    """Return one element of `candles`; `opening` is the local time a session begins."""
    begins = datetime.combine(candle.session_date, opening, tzinfo=zone_of(zone_name))
    return {
        "timestamp": stamp(candle.start),
        "open": number(candle.open),
        "high": number(candle.high),
        "low": number(candle.low),
        "close": number(candle.close),
        "volume": whole(_positive(candle.volume)),
        "vwap": number(candle.vwap),
        "time": stamp(candle.start),
        "session_date": _date(candle.session_date),
        "session_start": instant(begins.astimezone(UTC)),
        "final": candle.final,
    }


def opening_time(instrument: InstrumentRow) -> time:
    """Return the local time at which regular sessions of the instrument begin."""
    zone = zone_of(instrument.time_zone)
    sessions = parse_hours(instrument.liquid_hours, zone)
    return sessions[0].opens_at.astimezone(zone).time() if sessions else _USUAL_OPENING


def _date(day: date) -> str:
    return day.isoformat()


def order_extras(order: OrderRow) -> Body:
    """Return what every order answer carries beside its frozen fields."""
    status = OrderStatus(order.status)
    return {
        "uuid": str(order.uuid),
        "account": order.account.code,
        "client_order_id": order.client_order_id or None,
        "ib_order_ref": order.order_ref or None,
        "ib_order_id": order.ib_order_id,
        "ib_perm_id": order.ib_perm_ids[-1] if order.ib_perm_ids else None,
        "our_status": status.value,
        "broker_status": order.broker_status or None,
        "reason_codes": list(order.reason_codes),
        "ib_error_code": order.ib_error_code,
        "ib_error_text": order.ib_error_text or None,
        "unresolved": status is OrderStatus.UNKNOWN,
        "external": order.origin != Origin.OWN,
        "cancel_requested": order.cancel_requested_at is not None,
        "quantity_exact": exact(order.quantity),
        "filled_exact": exact(order.filled_quantity),
        "warnings": list(order.warnings),
    }


def order_status(order: OrderRow) -> str:
    """Return the status word of the compat dialect."""
    return words.compat_status(OrderStatus(order.status), order.broker_status)


def placed_body(order: OrderRow, *, message: str, warnings: Sequence[str] = ()) -> Body:
    """Return the answer to placing one order; `warnings` adds to those of the row."""
    extras = order_extras(order)
    extras["warnings"] += [text for text in warnings if text not in extras["warnings"]]
    return {
        "success": True,
        "order_id": order.id,
        "message": message,
        "status": order_status(order),
        **extras,
    }


def order_state_body(order: OrderRow) -> Body:
    """Return the answer of GET /orders/{order_id}."""
    return {
        "order_id": order.id,
        "status": order_status(order),
        "filled_qty": whole(order.filled_quantity),
        "avg_fill_price": number(order.average_price),
        "last_update": instant(order.updated_at),
        **order_extras(order),
    }


def executor_status_body(order: OrderRow) -> Body:
    """Return `status` of GET /api/v1/orders/{id}/status."""
    return {
        "order_id": order.id,
        "status": words.executor_status(OrderStatus(order.status), order.broker_status),
        "filled_qty": whole(order.filled_quantity),
        "avg_fill_price": number(order.average_price),
        "raw_status": order.broker_status or order_status(order),
        "our_status": order.status,
        "ib_error_code": order.ib_error_code,
    }


def unknown_order_body(order_id: int, *, now: datetime) -> Body:
    """Return the frozen answer for an id that names no order of the caller."""
    return {
        "order_id": order_id,
        "status": words.UNKNOWN_STATUS,
        "filled_qty": 0,
        "avg_fill_price": 0.0,
        "last_update": instant(now),
    }


def listed_order_body(order: OrderRow) -> Body:
    """Return one element of `orders` in GET /orders."""
    status = OrderStatus(order.status)
    is_asked_to_end = status is OrderStatus.PENDING_CANCEL or order.cancel_requested_at is not None
    return {
        "order_id": order.id,
        "symbol": order.instrument.symbol,
        "action": order.side,
        "order_type": words.IB_ORDER_TYPES.get(order.order_type, order.order_type),
        "quantity": whole(order.quantity),
        "limit_price": number_or_none(order.limit_price),
        "stop_price": number_or_none(order.stop_price),
        "status": order_status(order),
        "filled_qty": whole(order.filled_quantity),
        "remaining_qty": whole(order.quantity - order.filled_quantity),
        "avg_fill_price": number(order.average_price),
        "source": "broker",
        "can_cancel": status in NOT_CLOSED and not is_asked_to_end,
        "parent_id": order.parent_id,
        "order_ref": order.tag or (order.order_ref if order.origin != Origin.OWN else "") or None,
        "created_at": instant(order.created_at),
        "updated_at": instant(order.updated_at),
        **order_extras(order),
    }


def cancel_body(order: OrderRow) -> Body:
    """Return the answer of DELETE /orders/{order_id}: never "cancelled" before it is."""
    is_over = OrderStatus(order.status) not in NOT_CLOSED
    message = f"Order {order.id} is cancelled" if is_over else f"Cancel requested for order {order.id}"
    return {
        "success": True,
        "order_id": order.id,
        "status": order_status(order),
        "message": message,
        **order_extras(order),
    }


def bracket_body(parent: OrderRow, children: Sequence[OrderRow], *, group_uuid: str) -> Body:
    """Return the answer of POST /orders/bracket; `children` come take-profit first."""
    return {
        "success": True,
        "parent_order_id": parent.id,
        "child_order_ids": [child.id for child in children],
        "message": f"Bracket accepted for {parent.instrument.symbol}",
        "group_uuid": group_uuid,
    }


def protection_body(orders: Sequence[OrderRow], cancelled: Sequence[OrderRow], *, symbol: str) -> Body:
    """Return the answer of POST /positions/{symbol}/protect; `orders` come stop first."""
    return {
        "success": True,
        "order_ids": [order.id for order in orders],
        "cancelled_order_ids": [order.id for order in cancelled],
        "message": f"Protection accepted for {symbol.upper()}",
    }


def account_body(values: AccountValues, *, code: str, mode: str, is_stale: bool) -> Body:
    """Return the frozen fields and the marks of age of GET /account."""
    return {
        "account_id": code,
        "net_liquidation": number(values.net_liquidation),
        "total_cash": number(values.total_cash),
        "buying_power": number(values.buying_power),
        "equity_with_loan": number(values.equity_with_loan),
        "currency": values.currency,
        "mode": mode,
        "available_funds": number_or_none(values.available_funds),
        "excess_liquidity": number_or_none(values.excess_liquidity),
        "as_of": instant_or_none(values.as_of),
        "stale": is_stale,
    }


@dataclass(frozen=True, slots=True)
class Mark:
    """The price a position is shown at: our own quote (`live`) or the broker's mark."""

    price: Decimal | None
    source: str


def position_body(
    position: PositionRow, *, quote: Quote | None, open_quantity: Decimal, is_stale: bool
) -> Body:
    """Return one element of `positions`; `quote` is a fresh one of ours or None.

    With a quote, value and unrealised profit are computed from it; realised profit and the
    day's are always the broker's.
    """
    value, profit, mark = _marked(position, quote)
    return {
        "symbol": position.instrument.symbol,
        "contract_id": position.instrument.ib_con_id,
        "quantity": whole(position.quantity),
        "avg_cost": number(position.average_cost),
        "market_price": number(mark.price),
        "market_value": number(value),
        "unrealized_pnl": number(profit),
        "realized_pnl": number(position.realized_pnl),
        "account": position.account.code,
        "quantity_exact": exact(position.quantity),
        "sec_type": position.instrument.sec_type,
        "local_symbol": position.instrument.local_symbol,
        "currency": position.instrument.currency,
        "daily_pnl": number_or_none(position.daily_pnl),
        "open_order_quantity": whole(open_quantity),
        "price_source": mark.source,
        "as_of": instant(position.as_of),
        "stale": is_stale,
    }


def _marked(position: PositionRow, quote: Quote | None) -> tuple[Decimal | None, Decimal | None, Mark]:
    price = quote.price[0] if quote is not None and quote.price is not None else None
    if price is None:
        mark = Mark(position.market_price, "broker")
        return position.market_value, position.unrealized_pnl, mark
    value = position.quantity * price
    return value, value - position.quantity * position.average_cost, Mark(price, "live")
