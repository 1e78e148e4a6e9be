"""Requests about orders: place, change, cancel, and the lists of open, completed and filled ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apps.simulator import messages
from apps.simulator.admission import KINDS, price_of, uses_limit, uses_stop
from apps.simulator.clock import EASTERN
from apps.simulator.layout import Values
from apps.simulator.listings import AskedContract, right_of
from apps.simulator.messages import In, Out
from apps.simulator.order_messages import (
    completed_order,
    execution,
    open_order,
    order_status,
    read_place_order,
)
from apps.simulator.orders import Execution, Order, Status
from apps.simulator.requests.contracts import find_or_refuse
from apps.simulator.requests.handler import Handler
from apps.simulator.universe import Instrument, instrument_of
from apps.simulator.wire import BadField, Fields, flag_of, number_of

if TYPE_CHECKING:
    from apps.simulator.client_session import ClientSession

_MANUAL_CANCEL_TIME = 169
_NOT_TRADED = (387, "Unsupported order type for this exchange and security type")
# Kept with the order because openOrder tells them back; the rest is either ours or already a field of Order.
_NOT_ECHOED = frozenset({
    "orderId", "conId", "symbol", "secType", "expiry", "strike", "right", "multiplier", "exchange",
    "primaryExchange", "currency", "localSymbol", "tradingClass", "secIdType", "secId", "transmit", "whatIf",
})  # fmt: skip


def place_order(session: ClientSession, fields: Fields) -> None:
    values = read_place_order(fields, session.version)
    if session.venue.faults.eats_order():
        return
    order_id = _whole(values["orderId"])
    asked = _asked_contract(values)
    instrument = find_or_refuse(session, order_id, asked, without_prices=_NOT_TRADED)
    if instrument is None:
        return
    try:
        order = _order(session, values, instrument)
    except BadField as error:
        session.send_error(order_id, 321, f"Error validating request.-'bS' : cause - {error}")
        return
    if flag_of(values["whatIf"]):
        _preview(session, order)
    else:
        session.venue.exchange.place(order)


def _whole(text: str) -> int:
    value = number_of(text)
    if value is None:
        return 0
    if value != int(value):
        raise BadField(f"not a whole number: {text[:40]}")
    return int(value)


def _asked_contract(values: Values) -> AskedContract:
    return AskedContract(
        con_id=_whole(values["conId"]),
        symbol=values["symbol"],
        sec_type=values["secType"],
        expiry=values["expiry"],
        strike=number_of(values["strike"]) or 0.0,
        right=right_of(values["right"]),
        exchange=values["exchange"],
        currency=values["currency"],
        local_symbol=values["localSymbol"],
    )


def _order(session: ClientSession, values: Values, instrument: Instrument) -> Order:
    kind = KINDS.get(values["orderType"].upper(), values["orderType"])
    return Order(
        perm_id=0,
        order_id=_whole(values["orderId"]),
        client_id=session.client_id,
        con_id=instrument.con_id,
        exchange=values["exchange"] or "SMART",
        action={"SSHORT": "SELL", "SLONG": "SELL"}.get(values["action"].upper(), values["action"].upper()),
        quantity=number_of(values["totalQuantity"]) or 0.0,
        kind=kind,
        limit_price=price_of(values["lmtPrice"], used=uses_limit(kind)),
        aux_price=price_of(values["auxPrice"], used=uses_stop(kind)),
        tif=values["tif"].upper() or "DAY",
        oca_group=values["ocaGroup"],
        oca_type=_whole(values["ocaType"]),
        parent_id=_whole(values["parentId"]),
        order_ref=values["orderRef"],
        transmit=flag_of(values["transmit"], default=True),
        account=values["account"],
        terms={name: text for name, text in values.items() if text and name not in _NOT_ECHOED},
    )


def _preview(session: ClientSession, order: Order) -> None:
    refusal, figures = session.venue.exchange.preview(order)
    if refusal is not None:
        session.send_error(order.order_id, refusal.code, refusal.text)
        return
    before, change, equity = figures["before"], figures["change"], figures["equity"]
    commission = f"{figures['commission']:.2f}"
    order.account = session.account
    order.status = Status.PRE_SUBMITTED
    margins: Values = {"whatIf": "1", "equityWithLoanBefore": f"{equity:.2f}", "equityWithLoanChange": "0.00"}
    margins |= {"equityWithLoanAfter": f"{equity:.2f}", "commissionCurrency": "USD", "commission": commission}
    margins |= {"minCommission": commission, "maxCommission": commission}
    for kind in ("initMargin", "maintMargin"):
        margins[f"{kind}Before"] = f"{before:.2f}"
        margins[f"{kind}Change"] = f"{change:.2f}"
        margins[f"{kind}After"] = f"{before + change:.2f}"
    session.send(open_order(session.version, order, preview=margins))


def cancel_order(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    order_id = fields.integer()
    if session.version >= _MANUAL_CANCEL_TIME:
        fields.skip()
    session.venue.exchange.cancel(session.client_id, order_id)


def global_cancel(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    session.venue.exchange.cancel_all()


def req_open_orders(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    _send_open_orders(session, client_id=session.client_id)


def req_all_open_orders(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    _send_open_orders(session, client_id=None)


def req_auto_open_orders(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    wants_binding = fields.flag()
    if wants_binding and session.client_id != 0:
        session.send_error(-1, 327, "Only the default client (i.e 0) can auto bind orders.")


def _send_open_orders(session: ClientSession, *, client_id: int | None) -> None:
    for order in session.venue.state.book.open_orders():
        if order.transmit and client_id in (None, order.client_id):
            session.send(open_order(session.version, order))
            session.send(order_status(order))
    session.send(messages.end(Out.OPEN_ORDER_END))


def req_completed_orders(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    book = session.venue.state.book
    for order in book.all_orders():
        if order.is_done:
            parent = book.parent_of(order)
            parent_perm_id = parent.perm_id if parent else None
            session.send(completed_order(session.version, order, parent_perm_id=parent_perm_id))
    session.send([Out.COMPLETED_ORDERS_END])


def req_executions(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    request_id = fields.integer()
    wanted = _read_filter(fields)
    fills = [one for one in session.venue.state.book.executions if wanted.matches(one)]
    for fill in fills:
        session.send(execution(session.version, request_id, fill))
    session.send(messages.end(Out.EXECUTIONS_END, request_id))
    for fill in fills:
        session.send(messages.commission(fill.exec_id, fill.commission, fill.realized))


@dataclass(frozen=True, slots=True)
class _ExecutionFilter:
    """What a client wants to see of the day's executions; empty means everything."""

    client_id: int
    account: str
    since: float
    symbol: str
    sec_type: str
    exchange: str
    side: str

    def matches(self, fill: Execution) -> bool:
        pairs = (
            (self.account, fill.account),
            (self.symbol, instrument_of(fill.con_id).symbol),
            (self.sec_type, "STK"),
            (self.exchange if self.exchange != "SMART" else "", fill.exchange),
            (self.side, fill.side),
        )
        is_wanted = all(not wanted or wanted == actual for wanted, actual in pairs)
        return is_wanted and self.client_id in (0, fill.client_id) and fill.at >= self.since


def _read_filter(fields: Fields) -> _ExecutionFilter:
    client_id, account, since = fields.integer(), fields.text(), _parse_since(fields.text())
    symbol, sec_type, exchange, side = (fields.text() for _ in range(4))
    side = {"BUY": "BOT", "SELL": "SLD"}.get(side.upper(), side.upper())
    return _ExecutionFilter(client_id, account, since, symbol, sec_type, exchange, side)


def _parse_since(text: str) -> float:
    text = text.strip()
    if not text:
        return 0.0
    try:
        if "-" in text:
            return datetime.strptime(text[:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp()
        day, clock_time = text.split()[:2]
        return datetime.strptime(f"{day} {clock_time}", "%Y%m%d %H:%M:%S").replace(tzinfo=EASTERN).timestamp()
    except ValueError:
        raise BadField(f"not a time: {text[:40]}") from None


REQUESTS: dict[int, Handler] = {
    In.PLACE_ORDER: place_order,
    In.CANCEL_ORDER: cancel_order,
    In.REQ_GLOBAL_CANCEL: global_cancel,
    In.REQ_OPEN_ORDERS: req_open_orders,
    In.REQ_ALL_OPEN_ORDERS: req_all_open_orders,
    In.REQ_AUTO_OPEN_ORDERS: req_auto_open_orders,
    In.REQ_COMPLETED_ORDERS: req_completed_orders,
    In.REQ_EXECUTIONS: req_executions,
}
