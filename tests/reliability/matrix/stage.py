"""A gateway in this loop behind a tap, a simulator in a process of its own, and what a test asks of them.

Orders are submitted as a web request submits them; what is true afterwards is read from rows,
from the tap and from the simulator's book, and judged by the history checker.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.accounts.selectors import ConnectionNotFound
from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.domain.orders import CLOSED, OrderTicket, OrderType, Side
from apps.domain.quotes import Quote
from apps.domain.risk.limits import PAPER_DEFAULTS, to_values
from apps.gateway.config import GatewayConfig
from apps.marketdata import board
from apps.marketdata.models import Watch
from apps.orders.models import Execution, Order
from apps.orders.services.intake import submit_order
from apps.orders.services.wishes import OrderTerminal, request_cancel
from apps.safety.models import LimitSet
from apps.safety.selectors import account_scope
from apps.safety.services.states import resume_trading
from tests.gateway.house import (
    CODE,
    Gateway,
    SimulatorProcess,
    as_web,
    config_for,
    start_gateway,
    until,
)
from tests.reliability.checker import Evidence, Violation, check
from tests.reliability.history import History
from tests.reliability.rows import Rows
from tests.reliability.tap import PLACE_ORDER, Tap

#: Far enough below the market never to fill, near enough for the collar.
RESTING = {"order_type": OrderType.LIMIT, "limit_price": Decimal("205.00")}
READY_WITHIN_S = 20.0


class Tara:
    """Tara trades."""

    principal = "key:tara0001"


@dataclass
class Stage:
    """Everything one test of a fault needs."""

    simulator: SimulatorProcess
    tap: Tap
    gateway: Gateway
    config: GatewayConfig
    #: BOOTTIME of the last wait for READY: a new broker session knows no older price.
    ready_since: float = 0.0
    #: Whether an order goes on being submitted after an incident has reduced trading.
    resumes: bool = False
    keys: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    # --- doing -------------------------------------------------------------------------------

    async def place(self, **terms: Any) -> Order:
        """Submit an order, a market order for ten shares of AAPL unless told otherwise."""
        await self.until_priced()
        submission = await self.submit(**terms)
        while self.resumes and submission.reason_codes == ["TRADING_REDUCING"]:
            await self.resume()
            submission = await self.submit(**terms)
        assert submission.status == "ACCEPTED", (submission.status, submission.reason_codes)
        return submission

    async def submit(self, *, key: str = "", **terms: Any) -> Order:
        """Submit an order whatever becomes of it."""
        ticket = _BUY_10 if not terms else replace(_BUY_10, **terms)
        key = key or f"matrix-{next(iter(self.keys)):06}"
        return (await as_web(submit_order, ticket, client_order_id=key, by=Tara())).order

    async def place_resting(self, count: int = 1, **terms: Any) -> list[Order]:
        """Submit limit orders that rest and wait until the broker has them all."""
        placed = [
            await self.place(**RESTING | {"quantity": Decimal(n % 9 + 1)} | terms) for n in range(count)
        ]
        for order in placed:
            await self.until_status(order, "WORKING")
        return placed

    async def finish(self, order: Order, *, within_s: float = 20.0) -> Order:
        """Cancel an order if it still works and wait for its end."""
        if (await self.row(order)).status not in CLOSED:
            with suppress(OrderTerminal):
                await as_web(request_cancel, order.pk, by="key:tara0001")
        return await self.until_status(order, *CLOSED, within_s=within_s)

    async def resume(self) -> None:
        """Let trading go on after something made it stricter."""
        for scope in ("*", account_scope(CODE)):
            await as_web(resume_trading, scope=scope, by="user:rita", reason="the test goes on")

    # --- waiting -----------------------------------------------------------------------------

    async def until_status(self, order: Order, *statuses: str, within_s: float = 20.0) -> Order:
        """Wait until an order has one of the statuses and return its row."""

        async def there() -> Order | None:
            row = await self.row(order)
            return row if row.status in statuses else None

        try:
            return await until(there, within_s=within_s, what=f"order {order.pk} {statuses}")  # type: ignore[no-any-return]
        except AssertionError as error:
            row = await self.row(order)
            raise AssertionError(f"{error}; it is {row.status}; {await self.story(order)}") from None

    async def until_ready(self, *, after: int = 0, within_s: float = READY_WITHIN_S) -> Any:
        """Wait until the connection is READY in a broker session above `after`."""

        async def there() -> Any:
            if self.gateway.task.done():
                self.gateway.task.result()
            row = await self.gateway.row()
            return row if row.session > after and row.phase == "READY" else None

        try:
            row = await until(there, within_s=within_s, what="READY")
            self.ready_since = boottime()
            return row
        except AssertionError as error:
            row = await self.gateway.row()
            raise AssertionError(f"{error}; now {row.phase} because {row.reasons}") from None

    async def until_not_ready(self, *, within_s: float = 5.0) -> Any:
        async def there() -> Any:
            row = await self.gateway.row()
            return row if row.phase != "READY" else None

        return await until(there, within_s=within_s, what="not READY")

    async def until_reason(self, words: str, *, within_s: float = 15.0) -> list[str]:
        """Wait until the connection is not READY for a reason that contains the words."""

        async def said() -> list[str]:
            with suppress(ConnectionNotFound):
                row = await self.gateway.row()
                return [one for one in row.reasons if words in one and row.phase != "READY"]
            return []

        try:
            return await until(said, within_s=within_s, what=f"reason {words}")  # type: ignore[no-any-return]
        except AssertionError as error:
            row = await self.gateway.row()
            raise AssertionError(f"{error}; now {row.phase} because {row.reasons}") from None

    async def until_priced(self) -> None:
        """Wait until each watched symbol has a price newer than the last READY."""

        async def priced() -> bool:
            return all(quote.received_boottime > self.ready_since for quote in await self._watched_quotes())

        await until(priced, what="a price of this broker session")

    async def _watched_quotes(self) -> list[Quote]:
        watched = await in_db(lambda: list(Watch.objects.values_list("instrument__ib_con_id", flat=True)))
        return [quote for con_id in watched if (quote := board.get(con_id)) is not None]

    def forget_prices(self) -> None:
        """Let the next order wait for a price newer than now."""
        self.ready_since = boottime()

    # --- reading -----------------------------------------------------------------------------

    async def row(self, order: Order) -> Order:
        return await in_db(Order.objects.get, pk=order.pk)

    async def story(self, order: Order) -> list[tuple[str, str, object]]:
        """Return cause, status and evidence of each event of an order."""
        events = await in_db(lambda: list(order.events.order_by("seq")))
        return [(event.cause, event.to_status, event.evidence) for event in events]

    async def executions(self, order: Order) -> list[Execution]:
        """Return the executions of an order that count."""
        return await in_db(lambda: list(Execution.objects.filter(order_id=order.pk, superseded=False)))

    def order_frames(self) -> int:
        """Return how many placeOrder frames were written."""
        return len(self.tap.sent(PLACE_ORDER))

    def book(self) -> Any:
        return self.simulator.ask("book")

    def at_broker(self, order: Order) -> list[Any]:
        """Return the orders in the simulator's book that carry our reference."""
        return [row for row in self.book()["orders"] if row["orderRef"] == order.order_ref]

    async def violations(self, **options: Any) -> list[Violation]:
        """Return what the history checker finds, after a moment to come to rest."""
        rows, deadline = Rows(_database_url()), time.monotonic() + 15
        while True:
            evidence = await asyncio.to_thread(
                lambda: Evidence(History(), self.tap, rows.dump(), self.book(), time.time(), **options)
            )
            found = check(evidence)
            if not found or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.2)


_BUY_10 = OrderTicket(
    account=CODE, symbol="AAPL", side=Side.BUY, order_type=OrderType.MARKET, quantity=Decimal(10)
)


@asynccontextmanager
async def staged(
    simulator: SimulatorProcess,
    folder: Path,
    /,
    *,
    is_ready: bool = True,
    patience_s: float = 3.0,
    **changes: Any,
) -> AsyncIterator[Stage]:
    """Run a gateway behind a tap for the block; `changes` are of its configuration.

    `patience_s` is how long it waits for a handshake and for each list; 10 in production.
    """
    tap = Tap(simulator.port)
    await tap.start()
    config = config_for(tap.port, folder, **changes)
    patience = {"connect_timeout_s": patience_s, "list_timeout_s": patience_s}
    config = replace(config, settings=replace(config.settings, **patience))
    await as_web(widen_limits)
    stage = Stage(simulator, tap, start_gateway(config), config)
    try:
        if is_ready:
            await stage.gateway.until_phase("READY", within_s=READY_WITHIN_S)
        yield stage
    finally:
        if not stage.gateway.task.done():
            await stage.gateway.end()
        await tap.stop()


def widen_limits(**changes: Any) -> None:
    """Put limits in force that decide nothing a test is not about."""
    wide = replace(
        PAPER_DEFAULTS,
        **{
            "max_quantity": Decimal(10_000),
            "max_notional": Decimal(250_000),
            "max_position": Decimal(100_000),
            "max_open_orders": 500,
            "short_sale_allowed": True,
            "duplicate_window_s": 0,
            **changes,
        },
    )
    version = LimitSet.objects.count() + 2
    LimitSet.objects.create(
        version=version, values=to_values(wide), author="tests", reason="wide limits", at=timezone.now()
    )


def _database_url() -> str:
    wanted = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{wanted['NAME']}"
    return "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**wanted)
