"""Questions to the broker out of rows: contracts and candles, within its pacing.

A question is a row that many may wait for; here each is asked once, a few at a time, and the
answer or the refusal is written where they look.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from apps.broker.port import BrokerRefused, BrokerTimeout, BrokerUnavailable, CandleQuery
from apps.common.aio import in_db
from apps.common.bell import listen
from apps.domain.candles import CandleInterval
from apps.gateway.config import GatewayConfig
from apps.gateway.lease import STORE_TROUBLE
from apps.gateway.session_state import SessionState
from apps.instruments.selectors import pending_lookups
from apps.instruments.services import fail_lookup, store_lookup
from apps.marketdata.selectors import pending_candle_requests
from apps.marketdata.services import refuse_candles, store_candles

logger = logging.getLogger(__name__)

ROUND_S = 1.0
#: IB paces history by identical and by simultaneous requests; a few at a time never meet its limits.
MAX_OPEN = 5
STORE_DEADLINE_S = 10.0
UNREADABLE = "The broker's answer could not be read"

#: IB's refusals of a question in our words; every other one is BROKER_REJECTED with IB's own.
CODES = {
    100: "IB_PACING",
    162: "IB_PACING",
    420: "IB_PACING",
    200: "UNKNOWN_SYMBOL",
    354: "NO_MARKET_DATA",
    10089: "NO_MARKET_DATA",
    10090: "NO_MARKET_DATA",
    10168: "NO_MARKET_DATA",
    10186: "NO_MARKET_DATA",
    10189: "NO_MARKET_DATA",
}
#: IB says "no data" under its pacing number too.
NO_DATA_WORDS = ("no data", "no market data permissions")


async def run(state: SessionState, config: GatewayConfig) -> None:
    """Ask what the rows ask, until the broker session ends."""
    async with asyncio.TaskGroup() as group, listen("lookups", "candles") as bell:
        desk = Desk(state, group)
        while state.session.is_alive:
            try:
                await desk.take_questions()
            except STORE_TROUBLE:
                logger.warning("lookups wait for the database")
            await bell.wait(ROUND_S)


def code_of(refusal: BrokerRefused) -> str:
    """Return our code for a question the broker refused."""
    code = CODES.get(refusal.ib_code, refusal.code)
    has_no_data = any(words in refusal.ib_message.lower() for words in NO_DATA_WORDS)
    return "NO_MARKET_DATA" if code == "IB_PACING" and has_no_data else code


class Desk:
    """Puts questions to one broker session, a bounded number at a time, each once."""

    def __init__(self, state: SessionState, group: asyncio.TaskGroup) -> None:
        self._session = state.session
        self._group = group
        self._open: set[tuple[str, int]] = set()

    async def take_questions(self) -> None:
        """Start what is asked and not under way, as far as there is room."""
        for lookup in await in_db(pending_lookups, MAX_OPEN * 2):
            self._start(
                ("lookup", lookup.pk),
                self._resolve(
                    lookup.pk,
                    lookup.symbol,
                    sec_type=lookup.sec_type,
                    exchange=lookup.exchange,
                    currency=lookup.currency,
                ),
            )
        for request in await in_db(pending_candle_requests, MAX_OPEN * 2):
            query = CandleQuery(
                ib_con_id=request.instrument.ib_con_id,
                interval=CandleInterval(request.interval),
                duration=request.duration,
                what_to_show=request.what_to_show,
                regular_hours_only=request.regular_hours_only,
            )
            self._start(("candles", request.pk), self._ask_candles(request.pk, query))

    def _start(self, question: tuple[str, int], answer: Coroutine[Any, Any, None]) -> None:
        same_kind = sum(kind == question[0] for kind, _ in self._open)
        if question in self._open or same_kind >= MAX_OPEN:
            answer.close()
            return
        self._open.add(question)
        self._group.create_task(self._finish(question, answer), name=" ".join(map(str, question)))

    async def _finish(self, question: tuple[str, int], answer: Coroutine[Any, Any, None]) -> None:
        """Write the answer; if the database does not take it, the row is still a question."""
        try:
            await answer
        except STORE_TROUBLE:
            logger.warning("answer could not be stored", extra={"question": question[0]})
        finally:
            self._open.discard(question)

    def _only_if_alive(self, broken: Exception) -> None:
        """Go on with the other questions if only this answer was unreadable; else the session is over."""
        if not self._session.is_alive:
            raise broken
        logger.error("answer of the broker could not be read", extra={"error": str(broken)})

    async def _resolve(
        self, request_id: int, symbol: str, *, sec_type: str, exchange: str, currency: str
    ) -> None:
        try:
            specs = await self._session.resolve(
                symbol, sec_type=sec_type, exchange=exchange, currency=currency
            )
        except BrokerTimeout as late:
            await in_db(fail_lookup, request_id=request_id, code=late.code, detail=late.detail)
        except (BrokerUnavailable, ValueError) as broken:
            self._only_if_alive(broken)
            await in_db(fail_lookup, request_id=request_id, code=BrokerTimeout.code, detail=UNREADABLE)
        except BrokerRefused as refusal:
            await in_db(fail_lookup, request_id=request_id, code=code_of(refusal), detail=refusal.detail)
        else:
            await in_db(store_lookup, request_id=request_id, specs=specs, deadline_s=STORE_DEADLINE_S)

    async def _ask_candles(self, request_id: int, query: CandleQuery) -> None:
        try:
            candles = await self._session.candles(query)
        except BrokerTimeout as late:
            await in_db(refuse_candles, request_id=request_id, code=late.code, detail=late.detail)
        except (BrokerUnavailable, ValueError) as broken:
            self._only_if_alive(broken)
            await in_db(refuse_candles, request_id=request_id, code=BrokerTimeout.code, detail=UNREADABLE)
        except BrokerRefused as refusal:
            await in_db(
                refuse_candles,
                request_id=request_id,
                code=code_of(refusal),
                detail=refusal.detail,
                ib_code=refusal.ib_code,
                ib_message=refusal.ib_message,
            )
        else:
            await in_db(store_candles, request_id=request_id, candles=candles, deadline_s=STORE_DEADLINE_S)
