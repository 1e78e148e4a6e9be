"""What can be asked of a running simulator by name: a table of small functions.

A command gets the server and the JSON object of the request, and returns the JSON object
of the answer, at once or as a coroutine. Its docstring is its help. New commands are new
rows; how they travel is http.py.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from apps.simulator.clock import ManualClock, eastern_text
from apps.simulator.control import order_commands
from apps.simulator.control.errors import ControlError, UnknownName
from apps.simulator.exchange.ledger import worth_as_dict
from apps.simulator.exchange.orders import Order
from apps.simulator.instruments.universe import KNOWN_STOCKS, instrument_named, instrument_of
from apps.simulator.pacemaker import NotMovable
from apps.simulator.scenario import read_scenario, scenario_names

if TYPE_CHECKING:
    from apps.simulator.server import SimulatorServer

_SHORTEST_STEP_S = 0.01
Answer = dict[str, Any]
Request = dict[str, Any]
Command = Callable[["SimulatorServer", Request], Answer | Coroutine[Any, Any, Answer]]


def _ping(simulator: SimulatorServer, _: Request) -> Answer:
    """Answer, to see that somebody is there."""
    return {"pong": True}


def _status(simulator: SimulatorServer, _: Request) -> Answer:
    """Tell how the simulator stands: clock, seed, scenario, clients, faults."""
    venue, config = simulator.venue, simulator.config
    now = venue.clock.epoch()
    return {
        "simulator": True,
        "clock": eastern_text(now),
        "epoch": now,
        "is_open": venue.market.is_open(now),
        "seed": config.seed,
        "scenario": simulator.scenario.playing.name if simulator.scenario.playing else None,
        "hours": config.hours,
        "account": config.account,
        "symbols": KNOWN_STOCKS,
        "clients": sorted(simulator.sessions),
        "faults": venue.faults.state(),
        "halted": sorted(venue.market.halted),
        "market_data": venue.entitlements.state(),
        "port": simulator.port,
    }


def _order_row(order: Order) -> Answer:
    return {
        "orderId": order.order_id,
        "clientId": order.client_id,
        "permId": order.perm_id,
        "orderRef": order.order_ref,
        "symbol": instrument_of(order.con_id).symbol,
        "action": order.action,
        "orderType": order.kind,
        "quantity": order.quantity,
        "limitPrice": order.limit_price,
        "auxPrice": order.aux_price,
        "tif": order.tif,
        "status": order.status,
        "filled": order.filled,
        "averagePrice": round(order.average_price, 8),
        "parentId": order.parent_id,
        "ocaGroup": order.oca_group,
        "transmit": order.transmit,
    }


def _book(simulator: SimulatorServer, _: Request) -> Answer:
    """Tell every order, execution and position, the cash and the next order id."""
    state = simulator.venue.state
    return {
        "orders": [_order_row(one) for one in state.book.all_orders()],
        "executions": [
            {**one.as_row(), "symbol": instrument_of(one.con_id).symbol} for one in state.book.executions
        ],
        "positions": [
            {**one.as_row(), "symbol": instrument_of(one.con_id).symbol}
            for one in state.ledger.positions.values()
        ],
        "cash": round(state.ledger.cash, 2),
        "worth": worth_as_dict(simulator.venue.exchange.worth()),
        "next_order_id": state.book.next_order_id(),
    }


def _set_price(simulator: SimulatorServer, request: Request) -> Answer:
    """Move the price of `symbol` to `price`; `hold` keeps it there."""
    instrument = instrument_named(str(request["symbol"]))
    if instrument is None:
        raise ControlError(f"unknown symbol {request['symbol']!r}")
    points = instrument.points(float(request["price"]))
    if points < 1:
        raise ControlError(f"a price is at least {instrument.text(1)}")
    simulator.venue.set_price(instrument, points, hold=bool(request.get("hold", False)))
    simulator.pulse()
    return {"symbol": instrument.symbol, "price": instrument.price(points)}


def _fault(simulator: SimulatorServer, request: Request) -> Answer:
    """Throw the fault switch `name`; its arguments stand beside it."""
    arguments = {key: value for key, value in request.items() if key not in ("command", "name")}
    return simulator.venue.faults.switch(str(request["name"]), arguments)


def _clear_faults(simulator: SimulatorServer, _: Request) -> Answer:
    """Lift every fault switch and every halt."""
    simulator.venue.faults.clear()
    simulator.venue.market.halted.clear()
    simulator.venue.entitlements.clear()
    return {}


def _faults(simulator: SimulatorServer, _: Request) -> Answer:
    """Tell the fault verbs there are, and those that are on."""
    faults = simulator.venue.faults
    return {"verbs": [verb.as_row() for _, verb in sorted(faults.verbs.items())], "on": faults.state()}


def _clock(simulator: SimulatorServer, _: Request) -> Answer:
    """Tell the venue's time, what moves it, and how far it lags behind its speed."""
    clock = simulator.venue.clock
    speed = getattr(clock, "speed", 0.0 if isinstance(clock, ManualClock) else 1.0)
    now = clock.epoch()
    lag_s = round(simulator.pacemaker.lag_s(), 3)
    return {"clock": eastern_text(now), "epoch": now, "speed": speed, "lag_s": lag_s}


async def _advance(simulator: SimulatorServer, request: Request) -> Answer:
    """Move a stepped clock by `seconds`, in steps of `step_s` (a pulse), so that nothing is skipped."""
    seconds, step_s = _number(request, "seconds"), request.get("step_s")
    if step_s is not None and _number(request, "step_s") < _SHORTEST_STEP_S:
        raise ControlError(f"step_s is at least {_SHORTEST_STEP_S}")
    try:
        await simulator.pacemaker.advance(seconds, step_s=step_s)
    except NotMovable as error:
        raise ControlError(str(error)) from error
    return _clock(simulator, request)


def _number(request: Request, name: str) -> float:
    value = request[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ControlError(f"{name} must be a number")
    return float(value)


def _lift_fault(simulator: SimulatorServer, request: Request) -> Answer:
    """Lift the fault switch `name`."""
    simulator.venue.faults.lift(str(request["name"]))
    return {}


def _scenario(simulator: SimulatorServer, request: Request) -> Answer:
    """Play the scenario `name` from now on, in place of any other and of every fault."""
    name = str(request["name"])
    if name not in scenario_names():
        raise UnknownName(f"unknown scenario {name!r}; known: {', '.join(scenario_names())}")
    simulator.scenario.play(read_scenario(name))
    return {"scenario": name}


def _scenarios(simulator: SimulatorServer, _: Request) -> Answer:
    """Tell the scenarios there are, and the one that is played."""
    playing = simulator.scenario.playing
    told = {name: read_scenario(name).description for name in scenario_names()}
    return {"scenarios": told, "playing": playing.name if playing else None}


def _stop_scenario(simulator: SimulatorServer, _: Request) -> Answer:
    """Call off the scenario and lift every fault."""
    simulator.scenario.stop()
    return {}


COMMANDS: dict[str, Command] = {
    "ping": _ping,
    "status": _status,
    "book": _book,
    "clock": _clock,
    "advance": _advance,
    "set_price": _set_price,
    "fault": _fault,
    "faults": _faults,
    "scenario": _scenario,
    "scenarios": _scenarios,
    "stop_scenario": _stop_scenario,
    "lift_fault": _lift_fault,
    "clear_faults": _clear_faults,
    "manual_order": order_commands.manual_order,
    "manual_cancel": order_commands.manual_cancel,
    "correct_execution": order_commands.correct_execution,
    "bust_execution": order_commands.bust_execution,
    "hard_to_borrow": order_commands.hard_to_borrow,
    "reset_next_id": order_commands.reset_next_id,
    "policies": order_commands.policies,
}


def command_of(name: str) -> Command:
    """Return a command. Raises UnknownName."""
    if name not in COMMANDS:
        raise UnknownName(f"unknown command {name!r}; known: {', '.join(sorted(COMMANDS))}")
    return COMMANDS[name]


def help_of(command: Command) -> str:
    """Return what a command does, in one line."""
    return (command.__doc__ or "").strip().partition("\n")[0]
