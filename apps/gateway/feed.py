"""Quotes lane to pictures, and watches to IB's market-data lines.

One line serves all viewers of an instrument. Whole quotes are published as they come; the
reference price of a gate is a row, written at most once a second. Freshness is judged by
ticks, not by what IB says about its data farms.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from apps.common.aio import in_db
from apps.common.bell import listen
from apps.common.clock import boottime
from apps.domain.quotes import Quote
from apps.gateway.config import GatewayConfig
from apps.gateway.lease import STORE_TROUBLE
from apps.gateway.lines import Lines
from apps.gateway.services import note_subscriptions
from apps.gateway.session_state import SessionState
from apps.marketdata import board
from apps.marketdata.selectors import wanted_lines
from apps.marketdata.services import record_refusal, store_reference_prices

logger = logging.getLogger(__name__)

ROUND_S = 1.0
#: A burst of new watches is one round, not many.
SHORTEST_ROUND_S = 0.05


async def run(state: SessionState, config: GatewayConfig) -> None:
    """Publish quotes and keep the lines as wanted until the broker session ends."""
    state.resubscribe_wanted.clear()
    feed = Feed(state, config, clock=boottime)
    async with asyncio.TaskGroup() as group:
        rounds = group.create_task(feed.keep_rounds(), name="feed rounds")
        await feed.publish_quotes()
        rounds.cancel()


class Feed:
    """The feed of one broker session; `clock` is BOOTTIME in seconds."""

    def __init__(self, state: SessionState, config: GatewayConfig, *, clock: Callable[[], float]) -> None:
        self._state = state
        self._limit = config.line_limit
        self._clock = clock
        self._lines = Lines(state)
        self._unstored: dict[int, Quote] = {}
        self._noted_report_id: int | None = None

    async def publish_quotes(self) -> None:
        """Hand every batch on, newest wins; returns when the quotes lane ends."""
        async for batch in self._state.session.quotes():
            self._take(batch)
            board.publish(batch)

    async def keep_rounds(self) -> None:
        """Do a round every second, sooner when somebody wants new quotes; never returns."""
        async with listen("watches") as bell:
            while True:
                try:
                    await self.do_round()
                except STORE_TROUBLE:
                    logger.warning("feed waits for the database")
                await asyncio.sleep(SHORTEST_ROUND_S)
                await bell.wait(ROUND_S - SHORTEST_ROUND_S)

    async def do_round(self) -> None:
        """Make IB's lines agree with the watches and store what gates need."""
        now = self._clock()
        wanted = await in_db(wanted_lines, self._limit)
        if self._state.resubscribe_wanted.is_set():
            self._state.resubscribe_wanted.clear()
            self._lines.open_all_again(now)
        self._lines.agree([row.spec for row in wanted], now)
        self._lines.wake_silent(datetime.now(UTC), now)
        report_id = self._state.recovery_id
        if report_id is not None and report_id != self._noted_report_id:
            self._noted_report_id = report_id
            await in_db(note_subscriptions, report_id, restored=len(self._state.lines))
        for ib_con_id, (ib_code, text) in self._lines.new_refusals(now):
            await in_db(record_refusal, ib_con_id=ib_con_id, ib_code=ib_code, text=text)
        await self._store_reference_prices()

    def _take(self, batch: Iterable[Quote]) -> None:
        for quote in batch:
            self._state.picture[quote.ib_con_id] = quote
            self._unstored[quote.ib_con_id] = quote
            self._state.market_data_type = quote.market_data_type

    async def _store_reference_prices(self) -> None:
        """Write what is new in one go; on failure the same or newer quotes wait for the next round."""
        quotes, self._unstored = self._unstored, {}
        if not quotes:
            return
        try:
            await in_db(store_reference_prices, list(quotes.values()))
        except STORE_TROUBLE:
            self._unstored = quotes | self._unstored
            raise
