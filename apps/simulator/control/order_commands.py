"""Commands about orders that no API client gives: the hand at TWS, the exchange, the back office.

New rows of commands.COMMANDS; what they change is the venue's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.simulator.control.errors import ControlError
from apps.simulator.exchange.admission import price_of
from apps.simulator.exchange.back_office import UnknownExecution
from apps.simulator.exchange.kinds import kind_named, uses_aux, uses_limit
from apps.simulator.exchange.orders import NOBODY, Order
from apps.simulator.exchange.policies import BadPolicy
from apps.simulator.instruments.universe import instrument_named, known_instrument, stock_named

if TYPE_CHECKING:
    from apps.simulator.server import SimulatorServer

Answer = dict[str, Any]
Request = dict[str, Any]
_UNSET_ID = "2147483647"


def manual_order(simulator: SimulatorServer, request: Request) -> Answer:
    """Type an order into TWS: `symbol` or `conId`, `action`, `quantity`, `type`, `limit`, `stop`, `tif`."""
    order = _typed(request)
    refusal = simulator.venue.exchange.manual.place(order)
    if refusal is not None:
        raise ControlError(f"{refusal.code}: {refusal.text}")
    return {"permId": order.perm_id, "orderId": order.wire_id, "status": order.status}


def manual_cancel(simulator: SimulatorServer, request: Request) -> Answer:
    """Cancel anybody's order from TWS, by its `permId`."""
    perm_id = int(request["permId"])
    if not simulator.venue.exchange.manual.cancel(perm_id):
        raise ControlError(f"no open order with permId {perm_id}")
    return {"permId": perm_id}


def correct_execution(simulator: SimulatorServer, request: Request) -> Answer:
    """Correct the execution `execId` to another `price` or number of `shares`."""
    price, shares = (
        None if request.get(name) is None else float(request[name]) for name in ("price", "shares")
    )
    try:
        fill = simulator.venue.exchange.back_office.correct(
            str(request["execId"]), price=price, shares=shares
        )
    except UnknownExecution as error:
        raise ControlError(str(error)) from error
    return fill.as_row()


def bust_execution(simulator: SimulatorServer, request: Request) -> Answer:
    """Declare the execution `execId` void."""
    try:
        simulator.venue.exchange.back_office.bust(str(request["execId"]))
    except UnknownExecution as error:
        raise ControlError(str(error)) from error
    return {}


def reset_next_id(simulator: SimulatorServer, _: Request) -> Answer:
    """Begin the API order ids at 1 again."""
    simulator.venue.exchange.begin_order_ids_anew()
    return {"next_order_id": simulator.venue.state.book.next_order_id()}


def hard_to_borrow(simulator: SimulatorServer, request: Request) -> Answer:
    """Hold short sales of `symbol` for a locate, or release them with `on` false."""
    symbol, symbols = str(request["symbol"]), simulator.venue.policies.hard_to_borrow
    if stock_named(symbol) is None:
        raise ControlError(f"unknown symbol {symbol!r}")
    if symbol in symbols:
        symbols.remove(symbol)
    if request.get("on", True):
        symbols.append(symbol)
    simulator.venue.exchange.release_located()
    return {"hard_to_borrow": sorted(symbols)}


def policies(simulator: SimulatorServer, request: Request) -> Answer:
    """Change the policies that are named, and tell them all."""
    wanted = {name: value for name, value in request.items() if name != "command"}
    try:
        simulator.venue.policies.change(wanted)
    except BadPolicy as error:
        raise ControlError(str(error)) from error
    return simulator.venue.policies.as_dict()


def _typed(request: Request) -> Order:
    name = request.get("conId", request.get("symbol", ""))
    instrument = known_instrument(name) if isinstance(name, int) else instrument_named(str(name))
    if instrument is None:
        raise ControlError(f"unknown instrument {name!r}")
    kind = kind_named(str(request.get("type", "MKT")))
    terms = {"tif": str(request.get("tif", "DAY"))}
    if request.get("unset_id"):
        terms["executionOrderId"] = _UNSET_ID
    return Order(
        perm_id=0,
        order_id=0,
        client_id=NOBODY,
        con_id=instrument.con_id,
        exchange=str(request.get("exchange", "SMART")),
        action=str(request["action"]).upper(),
        quantity=float(request["quantity"]),
        kind=kind,
        limit_price=price_of(str(request.get("limit", "")), used=uses_limit(kind)),
        aux_price=price_of(str(request.get("stop", "")), used=uses_aux(kind)),
        tif=terms["tif"].upper(),
        oca_group="",
        oca_type=0,
        parent_id=0,
        order_ref=str(request.get("ref", "")),
        transmit=True,
        account="",
        terms=terms,
    )
