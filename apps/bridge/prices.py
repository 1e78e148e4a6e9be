"""Find the newest quote of a symbol, and open the shared line if nobody watches it yet.

REST waits here for a first price; sockets listen to the board instead. An old quote is
served with its age, but never while the session is down and never without a price (W7).
"""

from datetime import datetime
from threading import Lock
from typing import Any

from apps.bridge import render
from apps.bridge.callers import require_ready
from apps.bridge.rows import ConnectionRow, InstrumentRow
from apps.common.clock import boottime
from apps.common.waiting import wait_until
from apps.domain.errors import DomainError
from apps.domain.quotes import STALE_AFTER_S, Quote
from apps.domain.tradeable import tradeable
from apps.instruments.selectors import session_of
from apps.instruments.services import resolve_symbol
from apps.marketdata import board
from apps.marketdata.selectors import reference_price
from apps.marketdata.services import renew_watch

COLD_DEADLINE_S = 4.0
RENEW_EVERY_S = 20.0
POLL_S = 0.05

#: Who gets a market-data line first (marketdata's WatchPriority).
API, BROWSER = 3, 4

#: IB's number for "another login of this user takes the data".
_COMPETING = 10197


class NoMarketData(DomainError):
    """The broker gives no prices for this instrument"""

    code = "NO_MARKET_DATA"


class CompetingSession(DomainError):
    """Another login of the same user takes the market data"""

    code = "COMPETING_SESSION"


class NoQuoteInTime(DomainError):
    """The broker sent no price in time"""

    code = "BROKER_TIMEOUT"


class Renewals:
    """Which watches this process renewed of late, so that a poll is not a write."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: dict[tuple[str, int], float] = {}

    def is_due(self, holder: str, ib_con_id: int) -> bool:
        """Tell whether a watch must be renewed now."""
        with self._lock:
            return self._due.get((holder, ib_con_id), 0.0) <= boottime()

    def note(self, holder: str, ib_con_id: int) -> None:
        """Take note that a watch was renewed."""
        with self._lock:
            self._due[holder, ib_con_id] = boottime() + RENEW_EVERY_S

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._due.clear()


renewals = Renewals()


def current_quote(symbol: str) -> tuple[ConnectionRow, InstrumentRow, Quote]:
    """Return connection, instrument and the newest quote of it; it has a price.

    A cold symbol waits up to 4 s in all. Raises NotReady and its kin, InvalidSymbol,
    UnknownSymbol, ContractAmbiguous, LookupTimeout, NoMarketData, CompetingSession and
    NoQuoteInTime.
    """
    until = boottime() + COLD_DEADLINE_S
    connection = require_ready()
    instrument = resolve_symbol(symbol, deadline_s=COLD_DEADLINE_S)
    is_cold = keep_flowing(instrument, holder="api", priority=API)
    known = _priced(board.get(instrument.ib_con_id))
    if known is not None and not (is_cold and _is_old(known)):
        return connection, instrument, known
    newer_than = known.received_boottime if known is not None else 0.0
    quote = _wait_for_price(instrument, newer_than=newer_than, until=until) or known
    if quote is None:
        raise NoQuoteInTime
    return connection, instrument, quote


def keep_flowing(instrument: Any, *, holder: str, priority: int) -> bool:
    """Keep the quotes of an instrument coming for a minute; True if nobody of `holder` did so far."""
    if not renewals.is_due(holder, instrument.ib_con_id):
        return False
    is_new = renew_watch(instrument=instrument, holder=holder, priority=priority)
    renewals.note(holder, instrument.ib_con_id)
    return is_new


def quote_answer(
    quote: Quote,
    *,
    instrument: Any,
    asked: str,
    now: datetime,
    is_proven: bool,
    feed_works: bool = True,
) -> dict[str, Any]:
    """Return the body of a quote as it is true at `now`; asks no database."""
    clock = boottime()
    session = "halted" if quote.halted else session_of(instrument, now)
    return render.quote_body(
        quote,
        asked=asked,
        age_s=quote.age_s(clock),
        feed_works=feed_works,
        session=session,
        tradeable=tradeable(quote, session, now_boottime=clock, proof_ok=is_proven),
    )


def refuse_if_refused(instrument: Any) -> None:
    """Raise NoMarketData or CompetingSession if the broker refused the line."""
    price = reference_price(instrument)
    if price is None or price.refusal_code is None:
        return
    kind = CompetingSession if price.refusal_code == _COMPETING else NoMarketData
    raise kind(price.refusal_text, ib_code=price.refusal_code, ib_message=price.refusal_text or None)


def _wait_for_price(instrument: Any, *, newer_than: float, until: float) -> Quote | None:
    def first_price() -> Quote | None:
        quote = _priced(board.get(instrument.ib_con_id))
        if quote is not None and quote.received_boottime > newer_than:
            return quote
        refuse_if_refused(instrument)
        return None

    return wait_until(first_price, topics=("quotes",), deadline_s=until - boottime(), poll_s=POLL_S)


def _priced(quote: Quote | None) -> Quote | None:
    """Return the quote if it has a price to show."""
    return quote if quote is not None and quote.price is not None else None


def _is_old(quote: Quote) -> bool:
    return quote.age_s(boottime()) > STALE_AFTER_S
