"""The switchboard: newline-delimited JSON over loopback TCP, and the small client for it.

One request a line, `{"command": "ping"}`; one answer a line, `{"ok": true, …}` or
`{"ok": false, "error": "…"}`. It looks into the simulator and throws its switches; it is
no part of the TWS protocol.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from apps.simulator.clock import eastern_text
from apps.simulator.faults import VERBS, BadFault
from apps.simulator.ledger import worth_as_dict
from apps.simulator.orders import Order
from apps.simulator.universe import BY_SYMBOL, INSTRUMENTS, instrument_of
from apps.simulator.wire import close_writer

if TYPE_CHECKING:
    from apps.simulator.server import SimulatorServer

Answer = dict[str, Any]
Request = dict[str, Any]
MAX_LINE = 65_536


class ControlError(Exception):
    """The switchboard refused a command."""


class ControlServer:
    """Answers commands for one simulator."""

    def __init__(self, simulator: SimulatorServer) -> None:
        self._simulator = simulator
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the switchboard is not running")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections.add(task)
        try:
            while line := await reader.readline():
                answer = answer_command(self._simulator, line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            await close_writer(writer)


def answer_command(simulator: SimulatorServer, line: bytes) -> Answer:
    """Return the answer to one line."""
    try:
        request = json.loads(line)
        command = COMMANDS.get(request["command"], _unknown)
        return {"ok": True, **command(simulator, request)}
    except (ControlError, BadFault) as error:
        return {"ok": False, "error": str(error)}
    except (ValueError, TypeError, KeyError) as error:
        return {"ok": False, "error": f"bad request: {error}"}


def _ping(simulator: SimulatorServer, _: Request) -> Answer:
    return {"pong": True}


def _status(simulator: SimulatorServer, _: Request) -> Answer:
    venue, config = simulator.venue, simulator.config
    now = venue.clock.epoch()
    return {
        "simulator": True,
        "clock": eastern_text(now),
        "epoch": now,
        "is_open": venue.market.is_open(now),
        "seed": config.seed,
        "scenario": config.scenario,
        "hours": config.hours,
        "account": config.account,
        "symbols": len(INSTRUMENTS),
        "clients": sorted(simulator.sessions),
        "faults": venue.faults.state(),
        "halted": sorted(venue.market.halted),
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
    instrument = BY_SYMBOL.get(str(request["symbol"]))
    if instrument is None:
        raise ControlError(f"unknown symbol {request['symbol']!r}")
    points = instrument.points(float(request["price"]))
    if points < 1:
        raise ControlError(f"a price is at least {instrument.text(1)}")
    simulator.venue.set_price(instrument, points, hold=bool(request.get("hold", False)))
    simulator.pulse()
    return {"symbol": instrument.symbol, "price": instrument.price(points)}


def _fault(simulator: SimulatorServer, request: Request) -> Answer:
    arguments = {key: value for key, value in request.items() if key not in ("command", "name")}
    return simulator.venue.faults.switch(str(request["name"]), arguments)


def _clear_faults(simulator: SimulatorServer, _: Request) -> Answer:
    simulator.venue.faults.clear()
    simulator.venue.market.halted.clear()
    return {}


def _faults(simulator: SimulatorServer, _: Request) -> Answer:
    return {"verbs": sorted(VERBS), "on": simulator.venue.faults.state()}


def _unknown(_: SimulatorServer, request: Request) -> Answer:
    raise ControlError(f"unknown command {request['command']!r}; known: {', '.join(sorted(COMMANDS))}")


COMMANDS: dict[str, Callable[[SimulatorServer, Request], Answer]] = {
    "ping": _ping,
    "status": _status,
    "book": _book,
    "set_price": _set_price,
    "fault": _fault,
    "faults": _faults,
    "clear_faults": _clear_faults,
}


class ControlClient:
    """The switchboard from another thread or process; blocking, standard library only."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", timeout_s: float = 5.0) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._file = self._socket.makefile("rwb")

    def ask(self, command: str, **arguments: object) -> Answer:
        """Send one command and return its answer. Raises ControlError if it was refused."""
        self._file.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        self._file.flush()
        return _checked(self._file.readline())

    def fault(self, name: str, **arguments: object) -> Answer:
        """Throw one fault switch."""
        return self.ask("fault", name=name, **arguments)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def ask_async(port: int, command: str, *, host: str = "127.0.0.1", **arguments: object) -> Answer:
    """Send one command from a coroutine, over a connection of its own."""
    reader, writer = await asyncio.open_connection(host, port, limit=16 * 1024 * 1024)
    try:
        writer.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        return _checked(await reader.readline())
    finally:
        await close_writer(writer)


def _checked(line: bytes) -> Answer:
    if not line:
        raise ControlError("the switchboard closed the connection")
    answer: Answer = json.loads(line)
    if not answer.pop("ok"):
        raise ControlError(answer["error"])
    return answer
