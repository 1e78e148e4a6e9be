"""Write who watches what, the prices gates use, candles and the questions for them."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.common.bell import ring_on_commit
from apps.common.clock import boottime
from apps.common.db import DbClock, database_now
from apps.common.prepared import Prepared
from apps.domain.candles import Candle, CandleInterval
from apps.domain.quotes import Quote
from apps.instruments.models import Instrument
from apps.marketdata.models import CandleRequest, CandleRow, CandleState, ReferencePrice, Watch

#: A wish that has this long to go is not renewed by each order that repeats it.
LASTS_LONG = timedelta(seconds=30)

logger = logging.getLogger(__name__)

#: The broker refuses an identical request within 15 s, so an answer this young is shared.
ANSWER_HOLDS = timedelta(seconds=15)


@cache
def _lasting_watch(priority: int) -> Prepared[int]:
    return Prepared(
        lambda instrument, holder: (
            Watch.objects.filter(
                instrument_id=instrument,
                holder=holder,
                priority=priority,
                expires_at__gt=DbClock() + LASTS_LONG,
            )
            .order_by()
            .values_list("pk", flat=True)[:1]
        ),
        *(int, str),
    )


def keep_watch(*, instrument: Instrument, holder: str, priority: int) -> bool:
    """Keep quotes flowing like `renew_watch`, but write nothing while the wish lasts long enough."""
    if _lasting_watch(priority).rows(instrument.pk, holder):
        return False
    return renew_watch(instrument=instrument, holder=holder, priority=priority)


@transaction.atomic
def renew_watch(*, instrument: Instrument, holder: str, priority: int, ttl_s: float = 60) -> bool:
    """Keep quotes of an instrument flowing for `ttl_s` seconds more; True if the wish is new."""
    until = DbClock() + timedelta(seconds=ttl_s)
    mine = Watch.objects.filter(instrument=instrument, holder=holder, expires_at__gt=DbClock())
    if mine.update(priority=priority, expires_at=until):
        return False
    Watch.objects.bulk_create(
        [Watch(instrument=instrument, holder=holder, priority=priority, expires_at=until)],
        update_conflicts=True,
        unique_fields=["instrument", "holder"],
        update_fields=["priority", "expires_at"],
    )
    ring_on_commit("watches")
    return True


@transaction.atomic
def drop_watch(*, holder: str, instrument: Instrument | None = None) -> int:
    """Take back a holder's wish for one instrument, or all of them; returns how many."""
    rows = Watch.objects.filter(holder=holder)
    dropped, _ = (rows if instrument is None else rows.filter(instrument=instrument)).delete()
    if dropped:
        ring_on_commit("watches")
    return dropped


def store_reference_price(*, quote: Quote, instrument: Instrument) -> None:
    """Store the prices a gate may use; an earlier refusal of the line is over."""
    _store_prices([(quote, instrument.pk)])


def store_reference_prices(quotes: Sequence[Quote]) -> None:
    """Store the prices of many instruments at once; unknown contract ids are left out."""
    newest = {quote.ib_con_id: quote for quote in quotes}
    known = dict(Instrument.objects.filter(ib_con_id__in=newest).values_list("ib_con_id", "pk"))
    _store_prices([(newest[con_id], pk) for con_id, pk in known.items()])


@transaction.atomic
def record_refusal(*, ib_con_id: int, ib_code: int, text: str) -> None:
    """Store that the broker refused the line of an instrument, and why; old prices stay."""
    instrument = Instrument.objects.filter(ib_con_id=ib_con_id).first()
    if instrument is None:
        logger.warning("refusal of an unknown instrument", extra={"ib_con_id": ib_con_id, "code": ib_code})
        return
    ReferencePrice.objects.update_or_create(
        instrument=instrument, defaults={"refusal_code": ib_code, "refusal_text": text}
    )
    ring_on_commit("quotes")


@transaction.atomic
def request_candles(
    *,
    instrument: Instrument,
    interval: CandleInterval,
    duration: str,
    what_to_show: str = "TRADES",
    regular_hours_only: bool = True,
) -> CandleRequest:
    """Ask the broker for candles up to now; all who ask the same share one request.

    `duration` is in IB's words, such as `1 D`. An answer of the last 15 s is returned as it is.
    """
    same = CandleRequest.objects.filter(
        instrument=instrument,
        interval=interval.value,
        duration=duration,
        what_to_show=what_to_show,
        regular_hours_only=regular_hours_only,
    )
    answered = same.filter(state=CandleState.DONE, done_at__gt=timezone.now() - ANSWER_HOLDS).first()
    if answered is not None:
        return answered
    waiting = same.filter(state=CandleState.PENDING)
    request = waiting.first()
    while request is None:
        try:
            with transaction.atomic():
                request = CandleRequest.objects.create(
                    instrument=instrument,
                    interval=interval.value,
                    duration=duration,
                    what_to_show=what_to_show,
                    regular_hours_only=regular_hours_only,
                    asked_at=timezone.now(),
                )
        except IntegrityError:  # somebody asked in the same moment, and may have an answer by now
            request = waiting.first()
    ring_on_commit("candles")
    return request


@transaction.atomic
def store_candles(*, request_id: int, candles: Sequence[Candle]) -> CandleRequest | None:
    """Store the broker's answer, ascending or not; None if the request was answered before."""
    request = CandleRequest.objects.get(pk=request_id)
    by_start = {candle.start: _row(request, candle) for candle in candles}
    CandleRow.objects.bulk_create(
        by_start.values(),
        update_conflicts=True,
        unique_fields=["instrument", "interval", "what_to_show", "regular_hours_only", "start"],
        update_fields=["session_date", "open", "high", "low", "close", "volume", "vwap", "final"],
        batch_size=100,
    )
    return _answer(
        request_id,
        state=CandleState.DONE,
        first=min(by_start, default=None),
        last=max(by_start, default=None),
    )


@transaction.atomic
def refuse_candles(
    *, request_id: int, code: str, detail: str, ib_code: int | None = None, ib_message: str = ""
) -> CandleRequest | None:
    """Store why there are no candles, with one of our codes and IB's own words."""
    return _answer(
        request_id,
        state=CandleState.REFUSED,
        code=code,
        detail=detail,
        ib_code=ib_code,
        ib_message=ib_message,
    )


def drop_expired(*, before: datetime) -> int:
    """Drop candle requests answered before a moment and watches that ran out; returns how many.

    Candles stay. A watch that is renewed in the same moment is simply new again.
    """
    requests, _ = CandleRequest.objects.filter(done_at__lt=before).delete()
    watches, _ = Watch.objects.filter(expires_at__lte=DbClock()).delete()
    return requests + watches


def _price(quote: Quote, instrument_id: int, *, now: datetime, boottime: float) -> ReferencePrice:
    """Return the row of a quote, its receipt in the clock that gates will read its age with."""
    return ReferencePrice(
        instrument_id=instrument_id,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        close=quote.close,
        market_data_type=quote.market_data_type.value,
        halted=quote.halted,
        received_at=now - timedelta(seconds=quote.age_s(boottime)),
    )


@transaction.atomic
def _store_prices(told: Sequence[tuple[Quote, int]]) -> None:
    now, clock = database_now(), boottime()
    ReferencePrice.objects.bulk_create(
        [_price(quote, instrument_id, now=now, boottime=clock) for quote, instrument_id in told],
        update_conflicts=True,
        unique_fields=["instrument"],
        update_fields=[
            "bid",
            "ask",
            "last",
            "close",
            "market_data_type",
            "halted",
            "received_at",
            "refusal_code",
            "refusal_text",
        ],
        batch_size=100,
    )
    ring_on_commit("quotes")


def _answer(request_id: int, **facts: object) -> CandleRequest | None:
    changed = CandleRequest.objects.filter(pk=request_id, state=CandleState.PENDING).update(
        **facts, done_at=timezone.now()
    )
    ring_on_commit("candles")
    return CandleRequest.objects.get(pk=request_id) if changed else None


def _row(request: CandleRequest, candle: Candle) -> CandleRow:
    return CandleRow(
        instrument_id=request.instrument_id,
        interval=request.interval,
        what_to_show=request.what_to_show,
        regular_hours_only=request.regular_hours_only,
        start=candle.start,
        session_date=candle.session_date,
        open=candle.open,
        high=candle.high,
        low=candle.low,
        close=candle.close,
        volume=candle.volume,
        vwap=candle.vwap,
        final=candle.final,
    )
