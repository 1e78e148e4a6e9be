"""What IB knows about instruments: contracts, their tick rules, and candles."""

import logging
from datetime import datetime
from typing import Any

from apps.broker.ib import translate
from apps.broker.ib.asking import Asker
from apps.broker.ib.ear import market_rule
from apps.broker.ib.encodings import utc_text
from apps.broker.ib.library import Contract
from apps.broker.ib.lines import Lines
from apps.broker.ib.pacing import Urgency
from apps.broker.port import BrokerRefused, BrokerTimeout, CandleQuery
from apps.domain.candles import Candle
from apps.domain.instruments import InstrumentSpec, TickRule

logger = logging.getLogger(__name__)

HISTORY_TIMEOUT_S = 30.0
MARKET_RULE_TIMEOUT_S = 3.0

_NO_CONTRACT, _HISTORY_PROBLEM = 200, 162
_EPOCH_SECONDS = 2


class Reference:
    """The look-ups of one broker session; contracts seen once serve its candles and lines."""

    def __init__(self, client: Any, asker: Asker, lines: Lines) -> None:
        self._client = client
        self._asker = asker
        self._lines = lines
        self._rules: dict[int, tuple[TickRule, ...]] = {}

    async def resolve(self, wanted: Any) -> list[InstrumentSpec]:
        """Return every contract that fits the library's Contract `wanted`; none is an empty list."""
        try:
            found = await self._asker.by_id(
                lambda request_id: self._client.reqContractDetails(request_id, wanted), Urgency.LOOKUP
            )
        except BrokerRefused as refusal:
            if refusal.ib_code == _NO_CONTRACT:
                return []
            raise
        return [await self._specified(details) for details in found]

    async def candles(self, query: CandleQuery, *, now: datetime) -> list[Candle]:
        """Return candles ascending, final or not by the broker's clock `now`; "no data" is an empty list."""
        spec = self._lines.instrument(query.ib_con_id)
        contract = Contract(conId=query.ib_con_id, exchange="SMART")
        if spec is not None:
            contract = self._lines.remember(spec)
        try:
            bars = await self._bars(contract, query)
        except BrokerRefused as refusal:
            if refusal.ib_code == _HISTORY_PROBLEM and "no data" in refusal.ib_message.lower():
                return []
            raise
        zone = "" if spec is None else spec.time_zone
        found = [translate.candle(bar, query, zone=zone, now=now) for bar in bars]
        return sorted(found, key=lambda candle: candle.start)

    async def _bars(self, contract: Any, query: CandleQuery) -> list[Any]:
        end = "" if query.end is None else utc_text(query.end)
        ask = (contract, end, query.duration, query.interval.ib_bar_size, query.what_to_show)
        return await self._asker.by_id(
            lambda request_id: self._client.reqHistoricalData(
                request_id, *ask, query.regular_hours_only, _EPOCH_SECONDS, False, []
            ),
            Urgency.HISTORY,
            timeout_s=HISTORY_TIMEOUT_S,
            cancel=self._client.cancelHistoricalData,
        )

    async def _specified(self, details: Any) -> InstrumentSpec:
        spec = translate.instrument(details, await self._tick_rules(translate.market_rule_id(details)))
        self._lines.remember(spec)
        return spec

    async def _tick_rules(self, rule_id: int | None) -> tuple[TickRule, ...]:
        """Return a tick rule, asked once in a session; without an answer the minimum tick has to do."""
        if rule_id is None:
            return ()
        if rule_id not in self._rules:
            try:
                answer = await self._asker.by_word(
                    market_rule(rule_id),
                    lambda: self._client.reqMarketRule(rule_id),
                    urgency=Urgency.LOOKUP,
                    timeout_s=MARKET_RULE_TIMEOUT_S,
                )
            except (BrokerTimeout, BrokerRefused):
                logger.warning("no answer to a market rule", extra={"rule": rule_id})
                return ()
            self._rules[rule_id] = answer[0]
        return self._rules[rule_id]
