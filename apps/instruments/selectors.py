"""Read what can be traded, the questions for the broker, and trading hours."""

from datetime import datetime
from functools import lru_cache

from apps.common.prepared import Prepared
from apps.domain.calendar import Session, parse_hours, session_word, zone_of
from apps.domain.errors import DomainError
from apps.domain.instruments import normalise_symbol
from apps.instruments.models import Instrument, LookupRequest, LookupState

#: What a bare symbol means here: a stock, routed by IB, in dollars.
SEC_TYPE = "STK"
EXCHANGE = "SMART"
CURRENCY = "USD"


class InstrumentNotFound(DomainError):
    """No instrument with this contract id is known."""

    code = "NOT_FOUND"


def instrument_by_con_id(ib_con_id: int) -> Instrument:
    """Return an instrument we have met. Raises InstrumentNotFound."""
    found = Instrument.objects.filter(ib_con_id=ib_con_id).first()
    if found is None:
        raise InstrumentNotFound
    return found


_stocks_of_symbol = Prepared(
    lambda symbol: Instrument.objects.filter(symbol=symbol, sec_type=SEC_TYPE, currency=CURRENCY), str
)


def known_instrument(symbol: str) -> Instrument | None:
    """Return the stock a symbol means, in any spelling, if the rows alone can tell.

    None if none or several fit and no person has pinned one. It may be out of date. Raises
    InvalidSymbol.
    """
    rows = _stocks_of_symbol.rows(normalise_symbol(symbol))
    pinned = [row for row in rows if row.pinned]
    fitting = pinned or rows
    return fitting[0] if len(fitting) == 1 else None


def pending_lookups(limit: int) -> list[LookupRequest]:
    """Return questions that wait for the broker, the oldest first."""
    return list(LookupRequest.objects.filter(state=LookupState.PENDING).order_by("id")[:limit])


def session_of(instrument: Instrument, now: datetime) -> str:
    """Return `regular`, `pre`, `post`, `overnight` or `closed` by the instrument's own hours."""
    trading = _sessions(instrument.trading_hours, instrument.time_zone)
    liquid = _sessions(instrument.liquid_hours, instrument.time_zone)
    return session_word(trading, liquid, now)


@lru_cache(maxsize=2048)
def _sessions(hours: str, time_zone: str) -> tuple[Session, ...]:
    """Parse each text once: it is asked for with every quote and changes once a day."""
    return tuple(parse_hours(hours, zone_of(time_zone)))
