"""Read which lines are wanted, the prices gates used, candles and the questions for them."""

from decimal import Decimal

from django.db.models import Min

from apps.common.db import DbClock
from apps.common.prepared import Prepared
from apps.domain.candles import Candle
from apps.instruments.models import Instrument
from apps.marketdata.models import CandleRequest, CandleRow, CandleState, ReferencePrice, Watch
from apps.positions.models import Position

#: More than clocks are read apart; a price from further ahead was written before a step back.
CLOCK_STEP_S = 2.0


def wanted_lines(limit: int = 100) -> list[Instrument]:
    """Return what should have a market-data line, the most wanted first, at most `limit`.

    What is held comes first and needs no watch; then by the best priority of its watches
    that have not expired, and among equals who has waited longest keeps the line.
    """
    held = Position.objects.exclude(quantity=0).values_list("instrument", flat=True)
    watched = (
        Watch.objects.filter(expires_at__gt=DbClock())
        .values("instrument")
        .annotate(best=Min("priority"), since=Min("pk"))
        .order_by("best", "since")
        .values_list("instrument", flat=True)
    )
    wanted = list(dict.fromkeys([*held.order_by("instrument").distinct(), *watched]))[:limit]
    found = Instrument.objects.in_bulk(wanted)
    return [found[pk] for pk in wanted]


_price_of_instrument = Prepared(
    lambda pk: ReferencePrice.objects.filter(instrument_id=pk).annotate(asked_at=DbClock()), int
)


def reference_price(instrument: Instrument) -> ReferencePrice | None:
    """Return the newest stored prices, or the broker's refusal; None if there was neither."""
    return _price_of_instrument.first(instrument.pk)


def aged_reference_price(instrument: Instrument) -> tuple[ReferencePrice, Decimal | None] | None:
    """Return the newest stored prices with their age in seconds; None before the first.

    Both ends of the age are the database's clock. There is no age, and so no freshness, where
    that clock was set back meanwhile.
    """
    row = _price_of_instrument.first(instrument.pk)
    if row is None or row.received_at is None:
        return None
    age_s = (row.asked_at - row.received_at).total_seconds()
    return row, None if age_s < -CLOCK_STEP_S else Decimal(str(round(max(0.0, age_s), 3)))


def pending_candle_requests(limit: int) -> list[CandleRequest]:
    """Return questions that wait for the broker, the oldest first, with their instrument."""
    rows = CandleRequest.objects.filter(state=CandleState.PENDING).select_related("instrument")
    return list(rows.order_by("id")[:limit])


def candles_of(request: CandleRequest) -> list[Candle]:
    """Return the candles that answered a request, ascending; none unless it is DONE with some."""
    if request.first is None or request.last is None:
        return []
    rows = CandleRow.objects.filter(
        instrument_id=request.instrument_id,
        interval=request.interval,
        what_to_show=request.what_to_show,
        regular_hours_only=request.regular_hours_only,
        start__gte=request.first,
        start__lte=request.last,
    )
    return [_candle(row) for row in rows.order_by("start")]


def _candle(row: CandleRow) -> Candle:
    return Candle(
        start=row.start,
        session_date=row.session_date,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        vwap=row.vwap,
        final=row.final,
    )
