"""Market-data lines: which instruments stream, what their ticks say, and the quotes drawn from them.

One line per instrument, with one Contract object kept for the life of the session. Ticks are
noted as they come; a Quote is made when the lane is read, so a burst costs one quote. A quote is
as old as the last value that changed: a feed that only repeats itself is as dead as a silent one.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from apps.broker.clock import boottime, utc_now
from apps.broker.ib.library import FIRST_REQUEST_ID
from apps.broker.ib.translate import data_contract
from apps.broker.lanes import QuoteLane
from apps.domain.instruments import InstrumentSpec
from apps.domain.quotes import IB_MARKET_DATA_TYPES, MarketDataType, Quote

#: IB's tick numbers, live and delayed, and the field of ours they fill.
PRICE_TICKS = {
    1: "bid", 66: "bid", 2: "ask", 67: "ask", 4: "last", 68: "last", 6: "high", 72: "high",
    7: "low", 73: "low", 9: "close", 75: "close", 14: "open", 76: "open",
}  # fmt: skip
SIZE_TICKS = {
    0: "bid_size", 69: "bid_size", 3: "ask_size", 70: "ask_size", 5: "last_size", 71: "last_size",
    8: "volume", 74: "volume",
}  # fmt: skip
_SIZE_OF_PRICE = {"bid": "bid_size", "ask": "ask_size", "last": "last_size"}
_DELAYED_TICKS = range(66, 77)
_LAST_TIMESTAMP, _DELAYED_TIMESTAMP = 45, 88
_HALTED, _DELAYED_HALTED = 49, 90

_UNSET_FROM = 1e30


@dataclass(slots=True)
class Line:
    """One open line and the newest values IB sent on it, as IB sent them."""

    instrument: InstrumentSpec
    contract: Any
    request_id: int
    values: dict[str, float] = field(default_factory=dict)
    data_type: MarketDataType = MarketDataType.UNKNOWN
    provider_timestamp: datetime | None = None
    is_halted: bool = False
    refusal: tuple[int, str] | None = None
    received_at: datetime | None = None
    received_boottime: float = 0.0


@dataclass(frozen=True, slots=True)
class LineChange:
    """One request to write: open this line, or cancel this request id."""

    request_id: int
    contract: Any | None


class Lines:
    """All lines of one broker session."""

    def __init__(self) -> None:
        self.lane = QuoteLane(self.quote)
        self.changes: deque[LineChange] = deque()
        self._by_con_id: dict[int, Line] = {}
        self._by_request: dict[int, Line] = {}
        self._contracts: dict[int, Any] = {}
        self._instruments: dict[int, InstrumentSpec] = {}
        self._request_ids = count(FIRST_REQUEST_ID)

    def next_request_id(self) -> int:
        """Return an id no order and no other request of this session has."""
        return next(self._request_ids)

    def remember(self, instrument: InstrumentSpec) -> Any:
        """Return the one contract object of an instrument, kept for the life of the session."""
        self._instruments[instrument.ib_con_id] = instrument
        return self._contracts.setdefault(instrument.ib_con_id, data_contract(instrument))

    def instrument(self, ib_con_id: int) -> InstrumentSpec | None:
        """Return an instrument that was resolved or watched in this session."""
        return self._instruments.get(ib_con_id)

    def open(self, instrument: InstrumentSpec) -> None:
        """Want a line; the request is appended to `changes`."""
        if instrument.ib_con_id not in self._by_con_id:
            line = Line(instrument, self.remember(instrument), self.next_request_id())
            self._by_con_id[instrument.ib_con_id] = line
            self._ask(line)

    def shut(self, ib_con_id: int) -> None:
        """Give a line back; unknown ids are ignored."""
        line = self._by_con_id.pop(ib_con_id, None)
        if line is not None:
            del self._by_request[line.request_id]
            self.changes.append(LineChange(line.request_id, None))

    def renew(self) -> None:
        """Ask for every line again under new ids: the broker has forgotten them all."""
        self._by_request.clear()
        self.changes.clear()
        for line in self._by_con_id.values():
            line.request_id = self.next_request_id()
            line.values.clear()  # one quote must not mix prices from before and after the gap
            self._ask(line)

    def refusal(self, ib_con_id: int) -> tuple[int, str] | None:
        """Return why the line brings no prices."""
        line = self._by_con_id.get(ib_con_id)
        return None if line is None else line.refusal

    def quote(self, ib_con_id: int) -> Quote | None:
        """Return the whole quote of an open line, None before its first tick."""
        line = self._by_con_id.get(ib_con_id)
        if line is None or line.received_at is None:
            return None
        prices = {name: price_of(line.values.get(name)) for name in dict.fromkeys(PRICE_TICKS.values())}
        sizes = {name: size_of(line.values.get(name)) for name in dict.fromkeys(SIZE_TICKS.values())}
        return Quote(
            ib_con_id=ib_con_id,
            symbol=line.instrument.symbol,
            exchange=line.instrument.exchange,
            currency=line.instrument.currency,
            market_data_type=line.data_type,
            received_at=line.received_at,
            received_boottime=line.received_boottime,
            provider_timestamp=line.provider_timestamp,
            halted=line.is_halted,
            **prices,
            **sizes,
        )

    # What the wire says; ids of lines given back are ignored.

    def hear_price(self, request_id: int, tick: int, price: float, size: float) -> None:
        """Note a price tick and the size inside it."""
        line, name = self._by_request.get(request_id), PRICE_TICKS.get(tick)
        if line is None or name is None:
            return
        size_name = _SIZE_OF_PRICE.get(name, name)
        is_news = line.values.get(name) != price or (size_name != name and line.values.get(size_name) != size)
        line.values[name] = price
        if size_name != name:
            line.values[size_name] = size
        line.refusal = None
        if is_news:
            self._note(line, tick)

    def hear_size(self, request_id: int, tick: int, size: float) -> None:
        """Note a size tick."""
        line, name = self._by_request.get(request_id), SIZE_TICKS.get(tick)
        if line is not None and name is not None and line.values.get(name) != size:
            line.values[name] = size
            self._note(line, tick)

    def hear_text(self, request_id: int, tick: int, text: str) -> None:
        """Note the provider's time of the last trade."""
        line = self._by_request.get(request_id)
        if line is None or tick not in (_LAST_TIMESTAMP, _DELAYED_TIMESTAMP):
            return
        if text.isdigit() and 0 < int(text) < 2**33:
            line.provider_timestamp = datetime.fromtimestamp(int(text), UTC)
            if line.received_at is not None:
                self.lane.mark(line.instrument.ib_con_id)

    def hear_generic(self, request_id: int, tick: int, value: float) -> None:
        """Note whether the instrument is halted."""
        line = self._by_request.get(request_id)
        if line is not None and tick in (_HALTED, _DELAYED_HALTED):
            line.is_halted = value > 0
            self._note(line, tick)

    def hear_type(self, request_id: int, data_type: int) -> None:
        """Note what kind of prices follow."""
        line = self._by_request.get(request_id)
        if line is not None:
            line.data_type = IB_MARKET_DATA_TYPES.get(data_type, MarketDataType.UNKNOWN)
            if line.received_at is not None:
                self.lane.mark(line.instrument.ib_con_id)

    def hear_refusal(self, request_id: int, ib_code: int, ib_message: str) -> None:
        """Note that a line brings no prices, and why; its next price takes this back."""
        line = self._by_request.get(request_id)
        if line is not None:
            line.refusal = (ib_code, ib_message)

    def _ask(self, line: Line) -> None:
        self._by_request[line.request_id] = line
        self.changes.append(LineChange(line.request_id, line.contract))

    def _note(self, line: Line, tick: int) -> None:
        if line.data_type is MarketDataType.UNKNOWN and tick in _DELAYED_TICKS:
            line.data_type = MarketDataType.DELAYED
        line.received_at = utc_now()
        line.received_boottime = boottime()
        self.lane.mark(line.instrument.ib_con_id)


def price_of(value: float | None) -> Decimal | None:
    """Return a price without float noise; None for unset, NaN and IB's -1 and 0 for "no price".

    Rounded to eight places and not to the tick: prints between two ticks are real.
    """
    if value is None or not math.isfinite(value) or not 0 < value < _UNSET_FROM:
        return None
    return Decimal(repr(round(value, 8)).removesuffix(".0"))


def size_of(value: float | None) -> Decimal | None:
    """Return a size or volume; None for unset, NaN and -1."""
    if value is None or not math.isfinite(value) or not 0 <= value < _UNSET_FROM:
        return None
    return Decimal(repr(round(value, 8)).removesuffix(".0"))
