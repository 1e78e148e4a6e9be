"""What the steps of one session share: the client, the contracts looked up, the prices seen."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Any

from tests.interop.facts import Working
from tests.interop.journal import Refused
from tests.interop.peer import Peer

BID, ASK, LAST = 1, 2, 4


class Desk:
    """One session. A contract or price that several steps want is asked for once."""

    def __init__(self, peer: Peer, *, port: int, client_id: int, version: int) -> None:
        self.peer = peer
        self.port = port
        self.client_id = client_id
        self.version = version
        self.bought: Working | None = None
        self._asked: dict[object, asyncio.Task[Any]] = {}

    async def stock(self, symbol: str) -> Any:
        """Return the full contract of a stock, on SMART."""
        found = await self._once(symbol, lambda: self._details(symbol))
        return self.peer.at(found[0].contract, "SMART")

    async def price(self, symbol: str) -> float:
        """Return the last price of a stock when it was first asked for."""
        return float(await self._once((symbol, "price"), lambda: self._last(symbol)))

    async def news_codes(self) -> str:
        """Return the codes of all news providers as a request joins them."""
        found = await self._once("news", self.peer.news_providers)
        return "+".join(sorted(one.code for one in found))

    async def _details(self, symbol: str) -> list[Any]:
        return await self.peer.details(self._stock(symbol))

    def _stock(self, symbol: str) -> Any:
        return self.peer.contract(symbol=symbol, secType="STK", exchange="SMART", currency="USD")

    async def _last(self, symbol: str) -> float:
        quote = await self.peer.snapshot(await self.stock(symbol))
        return price_of(quote.ticks[LAST])

    async def _once(self, key: object, ask: Any) -> Any:
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(ask())
        return await self._asked[key]


def price_of(told: Any) -> float:
    """Return the price of a price tick, whatever stands beside it."""
    return float(told[0] if isinstance(told, tuple) else told)


def epoch_of(moment: Any) -> float:
    """Return epoch seconds of a bar or tick: text in one library, aware time in another."""
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)


def day_of(moment: Any) -> str:
    """Return the day of a daily bar as `yyyymmdd`."""
    return f"{moment:%Y%m%d}" if isinstance(moment, date) else str(moment)


async def is_refused(asked: Any, *codes: int) -> None:
    """Check that a request is answered with one of these errors."""
    try:
        answer = await asked
    except Refused as refusal:
        assert refusal.code in codes, f"{refusal}, expected {codes}"  # noqa: PT017
    else:
        raise AssertionError(f"not refused with {codes}, but answered: {answer!r:.200}")
