"""/quotes and /candles of the compat dialect."""

from datetime import datetime
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.bridge import describe, render
from apps.bridge.callers import require_ready
from apps.bridge.inputs import CandlesIn, candle_window, parsed
from apps.bridge.numbers import instant
from apps.bridge.prices import current_quote, quote_answer
from apps.bridge.words import duration_of_bars
from apps.common.clock import boottime
from apps.common.problems import problem_response
from apps.common.rest import ApiView
from apps.common.waiting import wait_until
from apps.domain.candles import CandleInterval
from apps.domain.mode import ProofState
from apps.instruments.services import resolve_symbol
from apps.marketdata.selectors import candles_of
from apps.marketdata.services import request_candles

CANDLES_DEADLINE_S = 7.0
LOOKUP_DEADLINE_S = 4.0
PENDING, REFUSED = "PENDING", "REFUSED"


class QuoteView(ApiView):
    """The newest quote of one symbol."""

    required_scopes = {"GET": "read:quotes"}

    @extend_schema(**describe.QUOTE)
    def get(self, request: Request, symbol: str) -> Response:
        """Return it with its age; a cold symbol waits up to 4 s."""
        connection, instrument, quote = current_quote(symbol)
        is_proven = connection.mode_proof == ProofState.PROVEN
        now = timezone.now()
        return Response(
            quote_answer(quote, instrument=instrument, asked=symbol, now=now, is_proven=is_proven)
        )


class CandlesView(ApiView):
    """Candles of one symbol in regular hours, oldest first."""

    required_scopes = {"GET": "read:quotes", "POST": "read:quotes"}
    empty_body_is_object = True

    @extend_schema(**describe.GET_CANDLES)
    def get(self, request: Request, symbol: str) -> HttpResponseBase:
        """Return the newest `limit` candles of a timeframe."""
        limit, interval = candle_window(request.query_params)
        duration = duration_of_bars(limit, interval)
        return _answer(request, symbol, interval=interval, duration=duration, limit=limit)

    @extend_schema(**describe.POST_CANDLES)
    def post(self, request: Request, symbol: str) -> HttpResponseBase:
        """Return the candles of a duration, asked for in IB's words."""
        values = parsed(CandlesIn, request.data)
        return _answer(
            request,
            symbol,
            interval=values["interval"],
            duration=values["duration"],
            what_to_show=values["what_to_show"],
        )


def _answer(
    request: Request,
    symbol: str,
    *,
    interval: CandleInterval,
    duration: str,
    what_to_show: str = "TRADES",
    limit: int | None = None,
) -> HttpResponseBase:
    until = boottime() + CANDLES_DEADLINE_S
    connection = require_ready()
    instrument = resolve_symbol(symbol, deadline_s=LOOKUP_DEADLINE_S)
    asked = request_candles(
        instrument=instrument, interval=interval, duration=duration, what_to_show=what_to_show
    )

    def is_answered() -> bool | None:
        asked.refresh_from_db()
        return True if asked.state != PENDING else None

    if not wait_until(is_answered, topics=("candles",), deadline_s=until - boottime()):
        return problem_response("BROKER_TIMEOUT", "The broker sent no candles in time", request=request)
    if asked.state == REFUSED:
        return problem_response(
            asked.code,
            asked.detail,
            request=request,
            ib_code=asked.ib_code,
            ib_message=asked.ib_message or None,
        )
    opening = render.opening_time(instrument)
    found = candles_of(asked)
    bodies = [
        render.candle_body(candle, opening=opening, zone_name=instrument.time_zone)
        for candle in (found if limit is None else found[-limit:])
    ]
    return Response(
        _body(bodies, asked=symbol, interval=interval, kind=connection.market_data_type, as_of=asked.done_at)
    )


def _body(
    candles: list[dict[str, Any]],
    *,
    asked: str,
    interval: CandleInterval,
    kind: str,
    as_of: datetime | None,
) -> dict[str, Any]:
    return {
        "symbol": asked.upper(),
        "candles": candles,
        "count": len(candles),
        "timeframe": interval.value,
        "market_data_type": kind,
        "as_of": instant(as_of or timezone.now()),
    }
