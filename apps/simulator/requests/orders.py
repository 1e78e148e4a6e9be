"""Requests about orders: place, change, cancel, and the lists of open and completed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.exchange.exercise import exercise_order
from apps.simulator.exchange.manual_desk import BINDING_CLIENT
from apps.simulator.exchange.orders import NOBODY, Order, Status
from apps.simulator.exchange.refusals import Refusal
from apps.simulator.instruments.hours import eastern_date, midnight
from apps.simulator.instruments.listings import AskedContract, right_of
from apps.simulator.layout import Values
from apps.simulator.protocol import messages
from apps.simulator.protocol.messages import DECIMAL_SIZES, In, Out
from apps.simulator.protocol.order_messages import completed_order, open_order, order_status, read_place_order
from apps.simulator.protocol.order_reading import asked_contract, order_of
from apps.simulator.requests.contracts import find_or_refuse
from apps.simulator.requests.handler import Handler
from apps.simulator.wire import BadField, Fields, flag_of, money_text, number_of, whole

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

COMPLETED = "completed orders"
_ONE = 0
_MANUAL_CANCEL_TIME = 169
_NOT_TRADED = (387, "Unsupported order type for this exchange and security type")


def place_order(session: ClientSession, fields: Fields) -> None:
    values = read_place_order(fields, session.version)
    if fields.left:
        # A field too many has shifted others: nobody knows any more what was ordered.
        raise BadField(f"{fields.left} fields too many")
    order_id = whole(values["orderId"])
    instrument = find_or_refuse(session, order_id, asked_contract(values))
    if instrument is None:
        return
    if not instrument.is_tradable:
        session.send_error(order_id, *_NOT_TRADED)
        return
    try:
        order = order_of(values, instrument, client_id=session.client_id)
    except BadField as error:
        session.refuse_invalid(order_id, error)
        return
    if session.version < DECIMAL_SIZES and order.quantity != int(order.quantity):
        session.send_error(order_id, 10318, "This order doesn't support fractional quantity trading.")
        return
    if flag_of(values["whatIf"]):
        _preview(session, order)
    else:
        session.venue.exchange.place(order)


def _preview(session: ClientSession, order: Order) -> None:
    effect = session.venue.exchange.preview(order)
    if isinstance(effect, Refusal):
        session.send_error(order.order_id, effect.code, effect.text, reject_json=effect.reject_json)
        return
    order.account = session.account
    order.status = Status.PRE_SUBMITTED
    margins: Values = {"whatIf": "1", "commissionCurrency": "USD"}
    for kind, (before, change) in {
        "initMargin": effect.initial,
        "maintMargin": effect.maintenance,
        "equityWithLoan": (effect.equity, -effect.commission),
    }.items():
        margins[f"{kind}Before"] = money_text(before)
        margins[f"{kind}Change"] = money_text(change)
        margins[f"{kind}After"] = money_text(before + change)
    commission = money_text(effect.commission)
    margins |= dict.fromkeys(("commission", "minCommission", "maxCommission"), commission)
    margins["warningText"] = effect.warning
    session.send(open_order(session.version, order, preview=margins))


def exercise_options(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    order_id = fields.integer()
    asked = _read_option(fields)
    action, quantity = fields.integer(), fields.integer()
    account, is_override = fields.text(), fields.flag()
    option = find_or_refuse(session, order_id, asked)
    if option is None:
        return
    if account not in ("", session.account):
        session.send_error(order_id, 321, "Error validating request.-'cA' : cause - Invalid account code")
        return
    order = exercise_order(option, client_id=session.client_id, order_id=order_id, quantity=quantity)
    order.account = session.account
    session.venue.exchange.exercising.instruct(order, action=action, is_override=is_override)


def _read_option(fields: Fields) -> AskedContract:
    """Read the contract of an exercise, which has no primary exchange."""
    con_id, symbol, sec_type, expiry = fields.integer(), fields.text(), fields.text(), fields.text()
    strike, right, multiplier = number_of(fields.text()) or 0.0, right_of(fields.text()), fields.text()
    exchange, currency, local_symbol, trading_class = (fields.text() for _ in range(4))
    return AskedContract(
        con_id=con_id,
        symbol=symbol,
        sec_type=sec_type,
        expiry=expiry,
        strike=strike,
        right=right,
        multiplier=multiplier,
        exchange=exchange,
        currency=currency,
        local_symbol=local_symbol,
        trading_class=trading_class,
    )


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
    if session.client_id == BINDING_CLIENT:
        session.venue.exchange.manual.bind_all()
    _send_open_orders(session, client_id=session.client_id)


def req_all_open_orders(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    _send_open_orders(session, client_id=None)


def req_auto_open_orders(session: ClientSession, fields: Fields) -> None:
    fields.skip()
    wants_binding = fields.flag()
    if session.client_id != BINDING_CLIENT:
        session.send_error(-1, 327, "Only the default client (i.e 0) can auto bind orders.")
        return
    session.venue.exchange.manual.binds_at_once = wants_binding
    if wants_binding:
        session.venue.exchange.manual.bind_all()


def _send_open_orders(session: ClientSession, *, client_id: int | None) -> None:
    for order in session.venue.state.book.open_orders():
        if order.transmit and client_id in (None, order.client_id):
            session.send(open_order(session.version, order))
            session.send(order_status(order))
    session.send(messages.end(Out.OPEN_ORDER_END))


def req_completed_orders(session: ClientSession, fields: Fields) -> None:
    is_api_only = fields.flag()
    never_ends = Out.COMPLETED_ORDERS_END in session.venue.faults.withheld
    if session.close_stream(COMPLETED, _ONE) and never_ends:
        session.open_stream(COMPLETED, _ONE, Stream())
        text = "Error processing request.-'cC' : cause - A request for completed orders is being processed"
        session.send_error(-1, 322, text)
        return
    book = session.venue.state.book
    today = midnight(eastern_date(session.venue.clock.epoch()))
    for order in book.all_orders():
        if order.is_done and order.completed_at >= today and not (is_api_only and order.client_id == NOBODY):
            parent = book.parent_of(order)
            parent_perm_id = parent.perm_id if parent else None
            session.send(completed_order(session.version, order, parent_perm_id=parent_perm_id))
    session.send([Out.COMPLETED_ORDERS_END])
    if never_ends:
        session.open_stream(COMPLETED, _ONE, Stream())


REQUESTS: dict[int, Handler] = {
    In.PLACE_ORDER: place_order,
    In.CANCEL_ORDER: cancel_order,
    In.REQ_GLOBAL_CANCEL: global_cancel,
    In.EXERCISE_OPTIONS: exercise_options,
    In.REQ_OPEN_ORDERS: req_open_orders,
    In.REQ_ALL_OPEN_ORDERS: req_all_open_orders,
    In.REQ_AUTO_OPEN_ORDERS: req_auto_open_orders,
    In.REQ_COMPLETED_ORDERS: req_completed_orders,
}
