"""Learn what can be traded: ask the broker once for all who want to know, store its answer."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.common.bell import ring_on_commit
from apps.common.waiting import wait_until
from apps.domain.errors import DomainError
from apps.domain.identity import plain
from apps.domain.instruments import InstrumentSpec, InvalidSymbol, normalise_symbol
from apps.instruments.models import Instrument, LookupRequest, LookupState
from apps.instruments.selectors import CURRENCY, EXCHANGE, SEC_TYPE, known_instrument

#: Trading hours reach a few days ahead; a row this old is asked for again.
FRESH_FOR = timedelta(hours=24)
#: "No such symbol" holds so long, or every repeated typing error would cost a broker message.
ANSWER_HOLDS = timedelta(seconds=60)
#: Answered questions are kept so long for people to look at.
ANSWERS_KEPT = timedelta(days=7)

_USUAL_TICK = Decimal("0.01")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class UnknownSymbol(DomainError):
    """The broker knows no stock of this symbol."""

    code = "UNKNOWN_SYMBOL"


class ContractAmbiguous(DomainError):
    """Several contracts have this symbol; `candidates` lists them."""

    code = "CONTRACT_AMBIGUOUS"


class LookupTimeout(DomainError):
    """The broker did not say in time what this symbol means."""

    code = "BROKER_TIMEOUT"


def store_instrument(spec: InstrumentSpec) -> Instrument:
    """Store an instrument as the broker resolved it; a pin of staff stays."""
    facts: dict[str, Any] = {
        "symbol": spec.symbol,
        "sec_type": spec.sec_type,
        "exchange": spec.exchange,
        "primary_exchange": spec.primary_exchange,
        "currency": spec.currency,
        "local_symbol": spec.local_symbol,
        "trading_class": spec.trading_class,
        "name": spec.name,
        "multiplier": spec.multiplier,
        "min_tick": spec.min_tick,
        "lot_size": spec.lot_size,
        "time_zone": spec.time_zone,
        "trading_hours": spec.trading_hours,
        "liquid_hours": spec.liquid_hours,
        "tick_rules": [[plain(rule.low_edge), plain(rule.increment)] for rule in spec.tick_rules],
        "refreshed_at": timezone.now(),
    }
    row, _ = Instrument.objects.update_or_create(ib_con_id=spec.ib_con_id, defaults=facts)
    return row


def ensure_instrument(
    *, ib_con_id: int, symbol: str, sec_type: str, exchange: str, currency: str
) -> Instrument:
    """Return the instrument a fact of the broker names, made with what the fact tells if it is new.

    What the fact does not tell (ticks, hours) is asked of the broker; until then the row counts
    as out of date.
    """
    row, is_new = Instrument.objects.get_or_create(
        ib_con_id=ib_con_id,
        defaults={
            "symbol": symbol,
            "sec_type": sec_type,
            "exchange": exchange or EXCHANGE,
            "currency": currency,
            "local_symbol": symbol,
            "min_tick": _USUAL_TICK,
            "refreshed_at": _LONG_AGO,
        },
    )
    if is_new and (sec_type, currency) == (SEC_TYPE, CURRENCY):
        with suppress(InvalidSymbol):  # a fact must be booked, whatever its instrument is called
            request_lookup(symbol)
    return row


@transaction.atomic
def request_lookup(symbol: str) -> LookupRequest:
    """Ask the broker what a symbol means; all who ask while it is open share one request.

    Raises InvalidSymbol.
    """
    question = {
        "symbol": normalise_symbol(symbol),
        "sec_type": SEC_TYPE,
        "exchange": EXCHANGE,
        "currency": CURRENCY,
    }
    now = timezone.now()
    waiting = LookupRequest.objects.filter(**question, state=LookupState.PENDING)
    request = waiting.first()
    while request is None:
        try:
            with transaction.atomic():
                request = LookupRequest.objects.create(**question, asked_at=now)
        except IntegrityError:  # somebody asked in the same moment, and may have an answer by now
            request = waiting.first()
    LookupRequest.objects.filter(**question, done_at__lt=now - ANSWERS_KEPT).delete()
    ring_on_commit("lookups")
    return request


@transaction.atomic
def store_lookup(*, request_id: int, specs: Sequence[InstrumentSpec]) -> LookupRequest | None:
    """Store the broker's answer, none for an unknown symbol; None if it was answered before."""
    for spec in specs:
        store_instrument(spec)
    return _answer(request_id, state=LookupState.DONE, candidates=[spec.ib_con_id for spec in specs])


@transaction.atomic
def fail_lookup(*, request_id: int, code: str, detail: str) -> LookupRequest | None:
    """Store why there is no answer, with one of our codes; None if there was one before."""
    return _answer(request_id, state=LookupState.FAILED, code=code, detail=detail)


def resolve_symbol(symbol: str, deadline_s: float = 4.0) -> Instrument:
    """Return the stock a symbol means: from the rows if they are fresh, else from the broker.

    May wait up to `deadline_s`, so it must not run inside a transaction. Raises InvalidSymbol,
    UnknownSymbol, ContractAmbiguous (with `candidates`) and LookupTimeout.
    """
    known = known_instrument(symbol)
    if known is not None and known.refreshed_at > timezone.now() - FRESH_FOR:
        return known
    request = _recent_answer(symbol) or request_lookup(symbol)
    answered = wait_until(lambda: _answered(request.pk), topics=("lookups",), deadline_s=deadline_s)
    if answered is None:
        raise LookupTimeout
    return _meaning(answered)


def _answer(request_id: int, **facts: object) -> LookupRequest | None:
    changed = LookupRequest.objects.filter(pk=request_id, state=LookupState.PENDING).update(
        **facts, done_at=timezone.now()
    )
    ring_on_commit("lookups")
    return LookupRequest.objects.get(pk=request_id) if changed else None


def _answered(request_id: int) -> LookupRequest | None:
    return LookupRequest.objects.filter(pk=request_id).exclude(state=LookupState.PENDING).first()


def _recent_answer(symbol: str) -> LookupRequest | None:
    return LookupRequest.objects.filter(
        symbol=normalise_symbol(symbol),
        sec_type=SEC_TYPE,
        exchange=EXCHANGE,
        currency=CURRENCY,
        state=LookupState.DONE,
        done_at__gt=timezone.now() - ANSWER_HOLDS,
    ).first()


def _meaning(answered: LookupRequest) -> Instrument:
    if answered.state == LookupState.FAILED and answered.code != UnknownSymbol.code:
        raise LookupTimeout(answered.detail)
    rows = list(Instrument.objects.filter(ib_con_id__in=answered.candidates))
    if not rows:
        raise UnknownSymbol(f"No contract found for {answered.symbol}")
    fitting = [row for row in rows if row.pinned] or rows
    if len(fitting) > 1:
        raise ContractAmbiguous(
            f"{len(fitting)} contracts have the symbol {answered.symbol}",
            candidates=[
                {"ib_con_id": row.ib_con_id, "exchange": row.primary_exchange, "currency": row.currency}
                for row in fitting
            ],
        )
    return fitting[0]
