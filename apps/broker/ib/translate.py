"""Both ways between IB's objects and our values, pure.

Outwards: an OrderFrame becomes the library's Contract and Order with numbers as plain decimal
text, so that no float stands between an intent and the wire. Inwards: what cannot be a fact
raises ValueError, which the framing reports as unreadable. Numbers and times: `encodings`.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.broker.ib.encodings import booked, instant, number, optional_instant, readable, required
from apps.broker.ib.library import Contract, Order
from apps.broker.port import CandleQuery, decimal_of
from apps.domain.calendar import zone_of
from apps.domain.candles import Candle, CandleInterval, session_stamp
from apps.domain.events import (
    BalanceReport,
    BrokerOrder,
    OrderFrame,
    OrderStatusReport,
    PnlReport,
    PortfolioReport,
    PositionReport,
)
from apps.domain.executions import CommissionReport, ExecutionReport
from apps.domain.identity import plain
from apps.domain.instruments import InstrumentSpec, TickRule
from apps.domain.orders import OrderType, Side

_UNSET_INTEGER = 2**31 - 1

#: What one order of a group trades, the others lose; with the customary 1 the first share of a
#: take-profit would cancel the stop of all the others.
_REDUCE_WITH_BLOCK = 2

_ORDER_TYPES = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
}
_OUR_ORDER_TYPES = {word: order_type for order_type, word in _ORDER_TYPES.items()}

_SIDES = {
    "BUY": Side.BUY,
    "BOT": Side.BUY,
    "SLONG": Side.BUY,
    "SELL": Side.SELL,
    "SLD": Side.SELL,
    "SSHORT": Side.SELL,
}

_ZONE_OF_UNKNOWN_INSTRUMENTS = "America/New_York"


# ---------------------------------------------------------------- outwards


def order_contract(frame: OrderFrame) -> Any:
    """Return the contract of an order frame."""
    return Contract(
        conId=frame.ib_con_id,
        symbol=frame.symbol,
        secType=frame.sec_type,
        exchange=frame.exchange,
        currency=frame.currency,
    )


def order_terms(frame: OrderFrame) -> Any:
    """Return the order of a frame; what it does not use stays unset."""
    order = Order(
        action=frame.side.value,
        totalQuantity=plain(frame.quantity),
        orderType=_ORDER_TYPES[frame.order_type],
        tif=frame.time_in_force,
        ocaGroup=frame.oca_group,
        ocaType=oca_type(frame),
        orderRef=frame.order_ref,
        account=frame.account,
        transmit=frame.transmit,
        parentId=frame.parent_ib_order_id,
        outsideRth=frame.outside_rth,
    )
    if frame.limit_price is not None:
        order.lmtPrice = plain(frame.limit_price)
    if frame.stop_price is not None:
        order.auxPrice = plain(frame.stop_price)
    return order


def oca_type(frame: OrderFrame) -> int:
    """Return how IB treats the rest of a group; 0 without one."""
    return _REDUCE_WITH_BLOCK if frame.oca_group else 0


def ib_order_type(order_type: OrderType) -> str:
    """Return IB's word."""
    return _ORDER_TYPES[order_type]


def data_contract(instrument: InstrumentSpec) -> Any:
    """Return the contract under which prices and candles of an instrument are asked for."""
    return Contract(
        conId=instrument.ib_con_id,
        symbol=instrument.symbol,
        secType=instrument.sec_type,
        exchange=instrument.exchange,
        primaryExchange=instrument.primary_exchange,
        currency=instrument.currency,
        localSymbol=instrument.local_symbol,
        tradingClass=instrument.trading_class,
    )


# ---------------------------------------------------------------- inwards: orders and executions


def broker_order(contract: Any, order: Any, state: Any, *, zone: str) -> BrokerOrder:
    """Return an openOrder or completedOrder as a value.

    Order types we know come in our word, all others in IB's.
    """
    order_type = _OUR_ORDER_TYPES.get(order.orderType)
    uses_limit = order_type.needs_limit if order_type else bool(order.lmtPrice)
    uses_stop = order_type.needs_stop if order_type else bool(order.auxPrice)
    return BrokerOrder(
        account=order.account,
        order_ref=order.orderRef,
        ib_order_id=order.orderId,
        ib_perm_id=order.permId,
        client_id=order.clientId,
        ib_con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=contract.exchange,
        currency=contract.currency,
        side=_side(order.action),
        order_type=order_type.value if order_type else order.orderType,
        quantity=required(order.totalQuantity),
        limit_price=number(order.lmtPrice) if uses_limit else None,
        stop_price=number(order.auxPrice) if uses_stop else None,
        time_in_force=order.tif,
        status=state.status,
        filled=number(order.filledQuantity),
        parent_ib_order_id=order.parentId,
        completed_at=optional_instant(state.completedTime, zone),
        completed_status=readable(state.completedStatus),
        warning=readable(state.warningText),
    )


def order_status(
    ib_order_id: int,
    status: str,
    filled: float,
    remaining: float,
    *,
    ib_perm_id: int,
    client_id: int,
    why_held: str,
) -> OrderStatusReport:
    """Return one orderStatus message as a value. Raises ValueError if its quantities are no numbers."""
    return OrderStatusReport(
        ib_order_id, ib_perm_id, client_id, status, required(filled), required(remaining), why_held
    )


def execution(contract: Any, found: Any) -> ExecutionReport:
    """Return an execution as a value. Raises ValueError if it cannot be one."""
    quantity, price = booked(found.shares), booked(found.price)
    if not found.execId or quantity < 0 or price < 0:
        raise ValueError("this is no execution")
    return ExecutionReport(
        account=found.acctNumber,
        ib_exec_id=found.execId,
        # Executions of orders made by hand in TWS come with an unset id.
        ib_order_id=0 if found.orderId == _UNSET_INTEGER else found.orderId,
        ib_perm_id=found.permId,
        client_id=found.clientId,
        order_ref=found.orderRef,
        ib_con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        currency=contract.currency,
        side=_side(found.side),
        quantity=quantity,
        price=price,
        exchange=found.exchange,
        executed_at=found.time.astimezone(UTC),
    )


def commission(found: Any) -> CommissionReport:
    """Return a commission as a value; an unset P&L is None and not zero."""
    return CommissionReport(
        found.execId, required(found.commission), found.currency, number(found.realizedPNL)
    )


def _side(word: str) -> Side:
    if word not in _SIDES:
        raise ValueError(f"not a side: {word[:10]!r}")
    return _SIDES[word]


# ---------------------------------------------------------------- inwards: account


def position(account: str, contract: Any, quantity: float, average_cost: float) -> PositionReport:
    """Return a position as a value. Raises ValueError if its numbers are none."""
    return PositionReport(
        account=account,
        ib_con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=contract.exchange,
        currency=contract.currency,
        local_symbol=contract.localSymbol,
        quantity=required(quantity),
        average_cost=required(average_cost),
    )


def portfolio(
    account: str, contract: Any, *, price: float, value: float, unrealized: float, realized: float
) -> PortfolioReport | None:
    """Return the broker's marks of a position, None while it has no numbers for them."""
    marks = [number(each) for each in (price, value, unrealized, realized)]
    market_price, market_value, unrealized_pnl, realized_pnl = marks
    if market_price is None or market_value is None or unrealized_pnl is None:
        return None
    return PortfolioReport(
        account, contract.conId, market_price, market_value, unrealized_pnl, realized_pnl or Decimal(0)
    )


def balance(account: str, tag: str, text: str, currency: str) -> BalanceReport:
    """Return one account value."""
    return BalanceReport(account, tag, currency, text, decimal_of(text))


def pnl(account: str, daily: float, unrealized: float, realized: float) -> PnlReport:
    """Return the P&L of an account today."""
    return PnlReport(account, number(daily), number(unrealized), number(realized))


# ---------------------------------------------------------------- inwards: instruments and candles


def instrument(details: Any, rules: tuple[TickRule, ...]) -> InstrumentSpec:
    """Return contract details as a value."""
    contract = details.contract
    return InstrumentSpec(
        ib_con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=contract.exchange,
        primary_exchange=contract.primaryExchange,
        currency=contract.currency,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        name=details.longName,
        multiplier=contract.multiplier,
        min_tick=required(details.minTick),
        lot_size=max(Decimal(1), number(details.minSize) or Decimal(1)),
        time_zone=details.timeZoneId,
        trading_hours=details.tradingHours,
        liquid_hours=details.liquidHours,
        tick_rules=rules,
    )


def market_rule_id(details: Any) -> int | None:
    """Return the number of the tick rule for the exchange of these details, None if it has none."""
    rules = [rule.strip() for rule in details.marketRuleIds.split(",")]
    exchanges = [exchange.strip() for exchange in details.validExchanges.split(",")]
    by_exchange = dict(zip(exchanges, rules, strict=False))
    text = by_exchange.get(details.contract.exchange, rules[0])
    return int(text) if text.isdigit() else None


def tick_rules(increments: Any) -> tuple[TickRule, ...]:
    """Return a market rule as values, ascending."""
    rules = [TickRule(required(each.lowEdge), required(each.increment)) for each in increments]
    return tuple(sorted(rules, key=lambda rule: rule.low_edge))


def candle(bar: Any, query: CandleQuery, *, zone: str, now: datetime) -> Candle:
    """Return one bar as a candle; `zone` is the exchange's, `now` the broker's clock.

    Bars of a day and longer carry a date and are stamped by W6. Raises ValueError without prices.
    """
    local = zone_of(zone or _ZONE_OF_UNKNOWN_INSTRUMENTS)
    text = str(bar.date)
    if len(text) == 8:
        session_date = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        start = session_stamp(session_date)
        final = _is_past(session_date, now.astimezone(local).date(), query.interval)
    else:
        start = instant(text, zone)
        session_date = start.astimezone(local).date()
        final = start + query.interval.length <= now
    vwap = number(bar.average)
    return Candle(
        start=start,
        session_date=session_date,
        open=required(bar.open),
        high=required(bar.high),
        low=required(bar.low),
        close=required(bar.close),
        volume=max(Decimal(0), number(bar.volume) or Decimal(0)),
        vwap=vwap if vwap is not None and vwap > 0 else None,
        final=final,
    )


def _is_past(session: date, today: date, every: CandleInterval) -> bool:
    if every is CandleInterval.MO1:
        return (session.year, session.month) < (today.year, today.month)
    if every is CandleInterval.W1:
        return session - timedelta(days=session.weekday()) < today - timedelta(days=today.weekday())
    return session < today
