"""@stoqey/ib, the client of Node programs, behind a pipe: its names and shapes are nearly the official ones.

The process of tests/interop/node/bridge.js holds the library. Here its events become callbacks of
the journal, its plain objects things with attributes, and the few requests it shapes in its own
way are asked for in that way.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.interop.facts import Quote
from tests.interop.journal import LIMIT_S, Journal
from tests.interop.peer import NotOffered, Peer

BRIDGE = Path(__file__).parent / "node" / "bridge.js"
_MAX_LINE = 16_000_000
_ITS_NAMES = {"primaryExchange": "primaryExch", "code": "providerCode", "name": "providerName"}
_SCAN_CODES = {"MOST_ACTIVE": 2}
# It takes a field for removed that was there until then.
_COMPLETED_ORDERS_SINCE = 177
_ITS_REQUESTS = {"reqHeadTimeStamp": "reqHeadTimestamp"}


class Thing(SimpleNamespace):
    """An object of the library. What is undefined there is None here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        its_name = _ITS_NAMES.get(name)
        return getattr(self, its_name) if its_name else None


class StoqeyPeer(Peer):
    """The library in a process of Node, found in the folder `library` of installed modules."""

    types = SimpleNamespace(
        ComboLeg=Thing, Contract=Thing, Order=Thing, ExecutionFilter=Thing, ScannerSubscription=Thing
    )

    def __init__(self, journal: Journal, library: Path) -> None:
        super().__init__(journal)
        self._library = library
        self._process: asyncio.subprocess.Process
        self._reader: asyncio.Task[None]

    async def connect(self, port: int, client_id: int) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(BRIDGE),
            str(port),
            str(client_id),
            env=os.environ | {"NODE_PATH": str(self._library / "node_modules")},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_LINE,
        )
        self._reader = asyncio.create_task(self._read())
        await self.send("connect")
        (self.next_order_id,) = await self.journal.after("nextValidId", 0)
        self._next_id = self.next_order_id
        (accounts,) = await self.journal.after("managedAccounts", 0)
        self.account = accounts.split(",")[0]
        self.version = int(self.journal.calls["server"][0][0])

    async def disconnect(self) -> None:
        await self.send("disconnect")
        await self.journal.after("disconnected", 0)
        assert self._process.stdin, "the pipe is open"
        self._process.stdin.close()
        async with asyncio.timeout(LIMIT_S):
            await self._process.wait()
            await self._reader

    async def _read(self) -> None:
        assert self._process.stdout, "the pipe is open"
        async for line in self._process.stdout:
            told = json.loads(line, object_hook=lambda values: Thing(**values))
            self.journal.record(*_as_callback(told.event, tuple(told.args)))

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    async def send(self, name: str, *arguments: Any) -> None:
        assert self._process.stdin, "the pipe is open"
        request = {"name": _ITS_REQUESTS.get(name, name), "args": arguments}
        self._process.stdin.write(json.dumps(request, default=_values_of).encode() + b"\n")

    # --- requests it shapes in its own way ----------------------------------------------------

    async def smart_components(self, bbo_exchange: str) -> list[Any]:
        return [
            SimpleNamespace(bitNumber=bit, exchange=exchange, exchangeLetter=letter)
            for bit, (exchange, letter) in await super().smart_components(bbo_exchange)
        ]

    def scan_code(self, name: str) -> Any:
        return _SCAN_CODES[name]

    def _quote(self, request_id: int) -> Quote:
        # The library reads the smallest step of a price as a whole number.
        return replace(super()._quote(request_id), min_tick=None)

    async def history(self, contract: Any, *, bar: str, duration: str, what: str) -> list[Any]:
        asked = (contract, "", duration, bar, what, 0, 2, False)
        rows = await self.ask_rows("reqHistoricalData", *asked, row="historicalData", end="historicalDataEnd")
        return [_bar(one[1:]) for one in rows]

    async def live_history(self, contract: Any) -> tuple[list[Any], Any]:
        request_id = self.new_id()
        asked = (contract, "", "3600 S", "1 min", "TRADES", 0, 2, True)
        await self.send("reqHistoricalData", request_id, *asked)
        await self.journal.reply("historicalDataEnd", request_id)
        (update, *_) = await self.journal.reply("historicalDataUpdate", request_id)
        await self.send("cancelHistoricalData", request_id)
        await self.journal.notice(request_id, 162)
        past = [_bar(one[1:]) for one in self.journal.of("historicalData", request_id)]
        return past, _bar(update[1:])

    async def completed_orders(self) -> list[SimpleNamespace]:
        if self.version < _COMPLETED_ORDERS_SINCE:
            raise NotOffered(f"it misreads completed orders below server version {_COMPLETED_ORDERS_SINCE}")
        return await super().completed_orders()

    @property
    def deaf_to(self) -> frozenset[str]:
        completed = {"completedOrder", "completedOrdersEnd"}
        return frozenset(completed if self.version < _COMPLETED_ORDERS_SINCE else ())

    async def histogram(self, contract: Any) -> list[Any]:
        answer = await self.ask("reqHistogramData", contract, False, 1, "DAY", answer="histogramData")
        return list(answer[1])


def _bar(told: tuple[Any, ...]) -> SimpleNamespace:
    names = ("date", "open", "high", "low", "close", "volume", "count", "average")
    return SimpleNamespace(**dict(zip(names, told, strict=False)))


def _as_callback(event: str, told: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return an event as the callback of the official client."""
    if event == "error":
        text, code, request_id, *_ = told
        return event, (request_id, code, text)
    if event == "info":
        text, code, *_ = told
        return "error", (-1, code, text)
    if event == "historicalData" and str(told[1]).startswith("finished"):
        return "historicalDataEnd", told
    if event == "accountUpdateMultiEnd":
        return event, (int(told[0]),)
    return event, told


def _values_of(thing: Any) -> dict[str, Any]:
    return {_ITS_NAMES.get(name, name): value for name, value in vars(thing).items()}
