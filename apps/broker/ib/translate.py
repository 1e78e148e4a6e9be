"""Both ways between IB's objects and our values, pure.

Outwards: an OrderFrame becomes the library's Contract and Order with numbers as plain decimal
text, so that no float stands between an intent and the wire. Inwards: what IB leaves unset
becomes None, and what cannot be a fact raises ValueError; the caller reports it as unreadable.
"""

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

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

#: Beyond this a number is one of IB's several ways to say "unset".
_UNSET_FROM = 1e30
_UNSET_INTEGER = 2**31 - 1

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

#: Names the gateway uses on Windows and in older forms; all others are looked up as they are.
_ZONES = {
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Pacific Standard Time": "America/Los_Angeles",
    "Greenwich Mean Time": "Europe/London",
    "GMT Standard Time": "Europe/London",
    "British Summer Time": "Europe/London",
    "Central European Standard Time": "Europe/Berlin",
    "Central European Summer Time": "Europe/Berlin",
    "Hong Kong Standard Time": "Asia/Hong_Kong",
    "Japan Standard Time": "Asia/Tokyo",
    "EDT": "America/New_York",
    "CET": "Europe/Berlin",
}

_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)[ -]+(\d\d):(\d\d):(\d\d)(?: +(\S.*))?")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_TEXT_CAP = 2_000

_PENDING_BAR_ZONE = "America/New_York"


# ---------------------------------------------------------------- numbers, times, texts


def number(value: float | str | Decimal) -> Decimal | None:
    """Return the shortest decimal that IB can have meant; None for unset, NaN and infinity."""
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) >= _UNSET_FROM:
            return None
        text = repr(value)
        return Decimal(text.removesuffix(".0"))
    parsed = decimal_of(str(value))
    return None if parsed is None or abs(parsed) >= Decimal(_UNSET_FROM) else parsed


def required(value: float | str | Decimal) -> Decimal:
    """Return the number. Raises ValueError where IB left it unset."""
    found = number(value)
    if found is None:
        raise ValueError("a number is missing")
    return found


def zone_text(moment: str) -> str:
    """Return the zone named at the end of one of IB's times, empty if it names none."""
    found = _TIME.fullmatch(moment.strip())
    return (found[7] or "") if found else ""


def instant(text: str, zone: str) -> datetime:
    """Return the moment IB means by `text`, in UTC; `zone` counts where the text names none.

    Reads `20230224  12:04:56`, `20260413 15:27:04 US/Eastern`, `20260413-15:27:04` (UTC) and epoch
    seconds. Raises ValueError for anything else.
    """
    text = text.strip()
    if text.isdigit() and len(text) > 8:
        return datetime.fromtimestamp(int(text), UTC)
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"not a time: {text[:40]!r}")
    name = found[7] or ("UTC" if "-" in text[:10] else zone)
    year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
    local = datetime(year, month, day, hour, minute, second, tzinfo=zone_of(_ZONES.get(name, name)))
    return local.astimezone(UTC)


def optional_instant(text: str, zone: str) -> datetime | None:
    """Return the moment, or None where the text is none."""
    try:
        return instant(text, zone)
    except ValueError:
        return None


def utc_text(moment: datetime) -> str:
    """Return a moment in the one form every gateway takes without asking for a zone."""
    return moment.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S")


def readable(text: str) -> str:
    """Return IB's text with its escapes undone, without control characters, bounded."""
    plain_text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return "".join(c if c.isprintable() else " " for c in plain_text)[:_TEXT_CAP].strip()


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
        ocaType=1 if frame.oca_group else 0,
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
    quantity, price = required(found.shares), required(found.price)
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
    local = zone_of(zone or _PENDING_BAR_ZONE)
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
