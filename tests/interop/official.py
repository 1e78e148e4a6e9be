"""The official Python client: its own thread reads the socket and calls back, any version from 9.81 on."""

from __future__ import annotations

import asyncio
import inspect
import threading
from types import SimpleNamespace
from typing import Any

from ibapi.client import EClient
from ibapi.contract import ComboLeg, Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.scanner import ScannerSubscription
from ibapi.wrapper import EWrapper

from tests.interop.journal import Journal
from tests.interop.peer import Peer

# A gateway takes 50 requests a second; this library, unlike the others, does not count.
_PAUSE_S = 1 / 45


class OfficialPeer(Peer):
    """EClient and EWrapper. Callbacks arrive in its thread and are recorded in the loop's."""

    types = SimpleNamespace(
        ComboLeg=ComboLeg,
        Contract=Contract,
        Order=Order,
        ExecutionFilter=ExecutionFilter,
        ScannerSubscription=ScannerSubscription,
    )

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._loop = asyncio.get_running_loop()
        self._wrapper = EWrapper()
        self.raw = EClient(self._wrapper)
        self._thread = threading.Thread(target=self._run, name="ibapi", daemon=True)
        self._may_send_at = 0.0
        for name, _ in inspect.getmembers(EWrapper, inspect.isfunction):
            if not name.startswith(("_", "logAnswer", "winError")):
                setattr(self._wrapper, name, self._recorder(name))

    def _recorder(self, name: str) -> Any:
        def record(*arguments: Any, **named: Any) -> None:
            told = (*arguments, *named.values())
            self._loop.call_soon_threadsafe(self.journal.record, *_normal(name, told))

        return record

    def _run(self) -> None:
        try:
            self.raw.run()
        except Exception as error:  # noqa: BLE001  whatever ends the reading thread is what we look for
            self._loop.call_soon_threadsafe(self.journal.complaints.append, f"reader ended: {error!r}")

    async def connect(self, port: int, client_id: int) -> None:
        await asyncio.to_thread(self.raw.connect, "127.0.0.1", port, client_id)
        self._thread.start()
        (self.next_order_id,) = await self.journal.after("nextValidId", 0)
        self._next_id = self.next_order_id
        (accounts,) = await self.journal.after("managedAccounts", 0)
        self.account = accounts.split(",")[0]
        self.version = self.raw.serverVersion()

    async def disconnect(self) -> None:
        await asyncio.to_thread(self.raw.disconnect)
        await asyncio.to_thread(self._thread.join, 5)
        assert not self._thread.is_alive(), "the reading thread goes on"

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    async def send(self, name: str, *arguments: Any) -> None:
        now = self._loop.time()
        self._may_send_at = max(self._may_send_at + _PAUSE_S, now)
        await asyncio.sleep(self._may_send_at - now)
        await super().send(name, *arguments)

    def order(self, **terms: Any) -> Any:
        # 9.81 sets them by default, and every gateway of today refuses them.
        return super().order(eTradeOnly=False, firmQuoteOnly=False, **terms)

    async def cancel_id(self, order_id: int) -> None:
        await self.send("cancelOrder", order_id, *self._cancel_terms("cancelOrder"))

    async def global_cancel(self) -> None:
        await self.send("reqGlobalCancel", *self._cancel_terms("reqGlobalCancel"))

    def _cancel_terms(self, name: str) -> list[Any]:
        """Return what this version wants beside the order id: nothing, a time, or an OrderCancel."""
        wanted = [one for one in inspect.signature(getattr(EClient, name)).parameters if one != "self"]
        if wanted and wanted[-1] == "orderCancel":
            from ibapi.order_cancel import OrderCancel

            return [OrderCancel()]
        return [""] if len(wanted) == 2 else []


def _normal(name: str, told: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return a callback by the name and in the shape it had before 10.37."""
    if name == "error" and len(told) > 2 and not isinstance(told[2], str):
        return name, (told[0], *told[2:])
    if name == "commissionAndFeesReport":
        report = told[0]
        plain = SimpleNamespace(
            execId=report.execId,
            commission=report.commissionAndFees,
            currency=report.currency,
            realizedPNL=report.realizedPNL,
        )
        return "commissionReport", (plain,)
    return name, told
