"""The messages about orders: placeOrder as read; openOrder, orderStatus, completedOrder, execution.

What stands where is order_layouts.py. This module knows what the gateway fills in and what
it tells back of an order's own terms.
"""

from __future__ import annotations

from datetime import date, datetime

from apps.simulator.clock import EASTERN, eastern_text
from apps.simulator.exchange.orders import Execution, Order, Status
from apps.simulator.instruments.combos import BAG
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.layout import Step, Values, read, rows_of, write
from apps.simulator.order_layouts import (
    COMPLETED_ORDER,
    LEG_WIDTH,
    OPEN_ORDER,
    PLACE_ORDER,
    SILENT,
    TEXTS,
)
from apps.simulator.protocol.contract_messages import contract_fields
from apps.simulator.protocol.messages import PRICE_REVISION, Message, Out
from apps.simulator.wire import Fields, double_text, number_text

# The one contract id under which the gateway lists any combination of US legs.
BAG_CON_ID = 28812380
_BAG_CLASS = "COMB"
_TRAIL_OF_A_LIMIT = 1.0
_BOOLEANS = {"true": "1", "false": "0"}
# Clients write 0 where they mean nothing; the gateway then tells its own default.
_ZERO_IS_SILENT = ("displaySize", "dontUseAutoPriceForHedge")


def read_place_order(fields: Fields, version: int) -> Values:
    """Return the fields of a placeOrder by name; every spelling of "unset" becomes empty.

    Lists (`legs`, `legPrices`, `smartParams`, `algoParams`, `conditions`) are one value each,
    taken apart by layout.rows_of and layout.conditions_of.
    """
    return read(PLACE_ORDER, fields, version=version, texts=TEXTS)


def open_order(version: int, order: Order, *, preview: Values | None = None) -> Message:
    """Return message 5. `preview` holds the margin fields of a what-if."""
    trail = _trail_stop(order)
    values = _echo(order) | {
        "sharesAllocation": f"{order.perm_id}.0/{order.account}/{number_text(order.quantity)}",
        "trailStopPrice": trail,
        "adjustedTrailStopPrice": trail,
    }
    if order.commission:
        values |= {"commission": double_text(order.commission), "commissionCurrency": "USD"}
    values |= preview or {}
    return [Out.OPEN_ORDER, order.wire_id, *_contract(order), *_spoken(OPEN_ORDER, values, version)]


def completed_order(version: int, order: Order, *, parent_perm_id: int | None) -> Message:
    """Return message 101. A filled order tells its size as filledQuantity and 0 as totalQuantity."""
    is_filled = order.status is Status.FILLED
    values = _echo(order) | {
        "totalQuantity": number_text(0.0 if is_filled else order.quantity),
        "filledQuantity": number_text(order.filled),
        "adjustedTrailStopPrice": _trail_stop(order),
        "autoCancelDate": _auto_cancel_date(order),
        "completedTime": eastern_text(order.completed_at),
        "completedStatus": order.completed_status,
        "parentPermId": str(parent_perm_id) if parent_perm_id else "",
    }
    return [Out.COMPLETED_ORDER, *_contract(order), *_spoken(COMPLETED_ORDER, values, version)]


def order_status(order: Order) -> Message:
    """Return message 3."""
    return [
        Out.ORDER_STATUS,
        order.wire_id,
        order.status,
        order.filled,
        order.remaining,
        order.average_price,
        order.perm_id,
        order.parent_id,
        order.last_fill_price,
        max(order.client_id, 0),
        order.why_held,
        0,
    ]


def execution(version: int, request_id: int, fill: Execution) -> Message:
    """Return message 11: exactly 31 fields below 178, or ib_insync loses the fill."""
    message: Message = [
        Out.EXECUTION,
        request_id,
        fill.order_id,
        *_traded(fill),
        fill.exec_id,
        eastern_text(fill.at),
        fill.account,
        fill.exchange,
        fill.side,
        fill.shares,
        double_text(fill.price),
        fill.perm_id,
        max(fill.client_id, 0),
        0,
        fill.cumulative,
        double_text(fill.average_price),
        fill.order_ref,
        "",
        "",
        "",
        fill.liquidity,
    ]
    return [*message, False] if version >= PRICE_REVISION else message


# --- what an order tells back ---------------------------------------------------------------


def _echo(order: Order) -> Values:
    """Return the order's fields as the gateway tells them back."""
    return {
        **{name: _told(name, text) for name, text in order.terms.items()},
        "action": order.action,
        "totalQuantity": number_text(order.quantity),
        "orderType": order.kind,
        "lmtPrice": _price(order.limit_price),
        "auxPrice": _price(order.aux_price),
        "tif": order.tif,
        "account": order.account,
        "openClose": "",
        "orderRef": order.order_ref,
        "clientId": str(max(order.client_id, 0)),
        "permId": str(order.perm_id),
        "ocaGroup": order.oca_group,
        "ocaType": str(order.oca_type) if order.oca_type else "",
        "parentId": str(order.parent_id),
        "status": order.status,
        "comboLegsDescrip": _describe_legs(order),
    }


def _told(name: str, text: str) -> str:
    if name in TEXTS:
        return text
    if name in _ZERO_IS_SILENT and text in ("0", "0.0", "false"):
        return ""
    return "Infinity" if text.startswith("Infinit") else _BOOLEANS.get(text.lower(), text)


def _spoken(layout: tuple[Step, ...], values: Values, version: int) -> list[str]:
    """Return the fields of a layout, with the gateway's defaults where the order is silent."""
    given = {name: text for name, text in values.items() if text}
    return write(layout, SILENT | given, version=version)


def _price(price: float | None) -> str:
    return "0.0" if price is None else double_text(price)


def _trail_stop(order: Order) -> str:
    """Return the trailing stop where it stands; a plain limit order is told with one above its limit."""
    if order.nature.trails and order.stop_price is not None:
        return double_text(order.stop_price)
    own = order.terms.get("trailStopPrice", "")
    if own or order.kind != "LMT" or order.limit_price is None or is_combo(order):
        return own
    return double_text(order.limit_price + _TRAIL_OF_A_LIMIT)


def _auto_cancel_date(order: Order) -> str:
    """Return when a GTC order would have ended by itself: the last day of the next quarter."""
    if order.tif != "GTC":
        return ""
    placed = datetime.fromtimestamp(order.placed_at, EASTERN)
    months = placed.year * 12 + (placed.month - 1) // 3 * 3 + 6
    last_day = date.fromordinal(date(months // 12, months % 12 + 1, 1).toordinal() - 1)
    return f"{last_day:%Y%m%d} 23:59:59 US/Eastern"


# --- contracts of orders ----------------------------------------------------------------------


def is_combo(order: Order) -> bool:
    """Return whether an order trades several legs as one."""
    return "legs" in order.terms


def _contract(order: Order) -> Message:
    if is_combo(order):
        symbol, currency = order.terms.get("symbol", ""), order.terms.get("currency", "USD")
        return _combo_fields(symbol, currency, exchange=order.exchange, strike="0", right="?")
    return contract_fields(instrument_of(order.con_id), exchange=order.exchange, strike="0", right="?")


def _traded(fill: Execution) -> Message:
    """Return the contract of an execution; that of a whole combination is told beside its legs."""
    instrument = instrument_of(fill.con_id)
    if instrument.legs:
        return _combo_fields(
            instrument.symbol, instrument.currency, exchange=fill.exchange, strike="0.0", right=""
        )
    return contract_fields(instrument, exchange=fill.exchange)


def _combo_fields(symbol: str, currency: str, *, exchange: str, strike: str, right: str) -> Message:
    """Return conId … tradingClass of a combination: the gateway knows them all under one number."""
    head: Message = [BAG_CON_ID, symbol, BAG, "", strike, right, ""]
    return [*head, exchange, currency, str(BAG_CON_ID), _BAG_CLASS]


def _describe_legs(order: Order) -> str:
    legs = rows_of(order.terms.get("legs", ""), LEG_WIDTH)
    return ",".join(
        f"{con_id}|{'-' if action.startswith('S') else ''}{ratio}" for con_id, ratio, action, *_ in legs
    )
