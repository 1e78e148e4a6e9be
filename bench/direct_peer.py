"""A program: the peer of the order path, FastAPI with the broker library in the same process.

POST /orders checks a key, stores the row our order has, with the same unique keys and the same
durability, and calls placeOrder. It leaves out what the promise costs: the gates and their locks,
the audit chain, the events, the second commit before the frame, the process of its own. Started
with where IB Gateway listens and DATABASE_URL in the environment; prints a line when it serves.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import sqlite3
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import asyncpg
import ib_insync
import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

CLIENT_ID = 7

#: The columns of orders_order that an accepted order fills; the others are null or empty there.
COLUMNS = {
    "uuid": "TEXT",
    "account": "TEXT",
    "con_id": "BIGINT",
    "client_order_id": "TEXT",
    "fingerprint": "TEXT",
    "order_ref": "TEXT",
    "side": "TEXT",
    "order_type": "TEXT",
    "quantity": "NUMERIC",
    "limit_price": "NUMERIC",
    "stop_price": "NUMERIC",
    "time_in_force": "TEXT",
    "outside_rth": "BOOLEAN",
    "tag": "TEXT",
    "origin": "TEXT",
    "principal": "TEXT",
    "request_id": "TEXT",
    "status": "TEXT",
    "seq": "INTEGER",
    "reason_codes": "TEXT",
    "decisions": "TEXT",
    "warnings": "TEXT",
    "limits_version": "INTEGER",
    "ib_order_id": "BIGINT",
    "created_at": "TIMESTAMPTZ",
    "updated_at": "TIMESTAMPTZ",
    "expires_at": "TIMESTAMPTZ",
}
INDEXES = (
    "CREATE UNIQUE INDEX one_key ON orders (account, client_order_id)",
    "CREATE UNIQUE INDEX one_ref ON orders (order_ref)",
    "CREATE UNIQUE INDEX one_ib_id ON orders (account, ib_order_id)",
    "CREATE INDEX not_closed ON orders (account, status)",
    "CREATE INDEX newest ON orders (account, created_at DESC)",
    "CREATE INDEX of_instrument ON orders (con_id, status)",
)

Store = Callable[[list[Any]], Awaitable[int]]


class OrderIn(BaseModel):
    """The body of POST /orders, as our own route takes it."""

    account: str
    symbol: str = Field(min_length=1, max_length=21)
    action: str = Field(pattern="^(BUY|SELL)$")
    quantity: int = Field(ge=1, le=10_000_000)
    order_type: str = "MKT"
    limit_price: Decimal | None = None
    client_order_id: str = Field(min_length=8, max_length=64)


class Peer:
    """The broker session and the table, both living in the server's own loop."""

    def __init__(self, broker_port: int, database_url: str) -> None:
        self._broker_port, self._database_url = broker_port, database_url
        self._ib: Any = None
        self._contracts: dict[str, Any] = {}
        self._store: Store

    @asynccontextmanager
    async def living(self, _: FastAPI) -> AsyncIterator[None]:
        asyncio.set_event_loop(asyncio.get_running_loop())  # the library asks the policy for it
        self._store = await self._open_store()
        self._ib = ib_insync.IB()  # type: ignore[no-untyped-call]
        self._ib.client.MaxRequests = 0
        await self._ib.connectAsync("127.0.0.1", self._broker_port, CLIENT_ID)
        for symbol in ("AAPL", "MSFT"):
            found = await self._ib.qualifyContractsAsync(ib_insync.Stock(symbol, "SMART", "USD"))
            self._contracts[symbol] = found[0]
        print("peer serves", flush=True)
        yield
        self._ib.disconnect()

    async def _open_store(self) -> Store:
        names, marks = ", ".join(COLUMNS), range(1, len(COLUMNS) + 1)
        if self._database_url.startswith("sqlite"):
            return _sqlite_store(self._database_url.removeprefix("sqlite:///"), names)
        pool = await asyncpg.create_pool(self._database_url, min_size=2, max_size=8)
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        await pool.execute(f"CREATE TABLE orders (id BIGSERIAL PRIMARY KEY, {columns})")
        for index in INDEXES:
            await pool.execute(index)
        filled = ", ".join(f"${n}" for n in marks)
        insert = f"INSERT INTO orders ({names}) VALUES ({filled}) RETURNING id"  # noqa: S608

        async def store(values: list[Any]) -> int:
            return int(await pool.fetchval(insert, *values))

        return store

    async def place(self, body: OrderIn) -> dict[str, Any]:
        contract = self._contracts[body.symbol]
        ib_order_id = self._ib.client.getReqId()
        order_id = await self._store(_row(body, contract.conId, ib_order_id))
        order = ib_insync.Order(
            orderId=ib_order_id,
            action=body.action,
            totalQuantity=body.quantity,
            orderType=body.order_type,
            tif="DAY",
            account=body.account,
            orderRef=body.client_order_id,
        )
        if body.limit_price is not None:
            order.lmtPrice = float(body.limit_price)
        self._ib.placeOrder(contract, order)
        return {"order_id": order_id, "status": "Submitted", "client_order_id": body.client_order_id}


def _sqlite_store(path: str, names: str) -> Store:
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=1000"):
        database.execute(f"PRAGMA {pragma}")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    database.execute(f"CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")
    for index in INDEXES:
        database.execute(index)
    filled = ", ".join("?" * len(COLUMNS))
    insert = f"INSERT INTO orders ({names}) VALUES ({filled})"  # noqa: S608

    async def store(values: list[Any]) -> int:
        plain = [str(value) if isinstance(value, Decimal | datetime) else value for value in values]
        return int(database.execute(insert, plain).lastrowid or 0)  # commits by itself, on the disk

    return store


def _row(body: OrderIn, con_id: int, ib_order_id: int) -> list[Any]:
    now = datetime.now(UTC)
    decisions = json.dumps([{"gate": "none", "controls": [], "refusals": []}])
    head = [uuid.uuid4().hex, body.account, con_id, body.client_order_id, uuid.uuid4().hex * 2]
    terms = [body.client_order_id, body.action, body.order_type, Decimal(body.quantity), body.limit_price]
    rest = [None, "DAY", False, "ENTRY", "OWN", "key:bench", uuid.uuid4().hex, "IN_FLIGHT", 1]
    state = ["[]", decisions, "[]", 1, ib_order_id, now, now, now + timedelta(seconds=30)]
    return [*head, *terms, *rest, *state]


def build(peer: Peer, key: str) -> FastAPI:
    """Return the application; `key` opens it."""
    app = FastAPI(lifespan=peer.living)

    @app.post("/orders")
    async def place(body: OrderIn, authorization: Annotated[str, Header()] = "") -> dict[str, Any]:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {key}".encode()):
            raise HTTPException(401)
        return await peer.place(body)

    return app


if __name__ == "__main__":
    uvicorn.run(
        build(Peer(int(sys.argv[1]), os.environ["DATABASE_URL"]), os.environ["BENCH_KEY"]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
