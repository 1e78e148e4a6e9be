"""Prices of a moment: one whole quote per instrument, and the picture that holds the newest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class MarketDataType(StrEnum):
    """What kind of prices the broker is sending."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_FROZEN = "delayed-frozen"
    UNKNOWN = "unknown"

    @property
    def delay_seconds(self) -> int:
        """Return how late such prices are by contract: 900 s for delayed data."""
        return 900 if self in {MarketDataType.DELAYED, MarketDataType.DELAYED_FROZEN} else 0


#: IB's numbers of reqMarketDataType and the marketDataType message.
IB_MARKET_DATA_TYPES: Mapping[int, MarketDataType] = {
    1: MarketDataType.LIVE,
    2: MarketDataType.FROZEN,
    3: MarketDataType.DELAYED,
    4: MarketDataType.DELAYED_FROZEN,
}

STALE_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Quote:
    """All we know of one instrument's prices at one moment; never a difference to another quote.

    `received_at` is our wall clock, `received_boottime` the BOOTTIME of the receiving host in
    seconds, so that ages do not jump with the wall clock. `close` is the previous close.
    """

    ib_con_id: int
    symbol: str
    exchange: str
    currency: str
    market_data_type: MarketDataType
    received_at: datetime
    received_boottime: float
    provider_timestamp: datetime | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    last_size: Decimal | None = None
    volume: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    halted: bool = False

    @property
    def mid(self) -> Decimal | None:
        """Return the middle of bid and ask, None unless both sides are there."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def price(self) -> tuple[Decimal, str] | None:
        """Return the price to show and where it came from: last, else mid, else close."""
        for value, source in ((self.last, "last"), (self.mid, "mid"), (self.close, "close")):
            if value is not None and value > 0:
                return value, source
        return None

    @property
    def reference(self) -> Decimal | None:
        """Return what a gate values an order with: the mid, else the last (R08)."""
        return self.mid if self.mid is not None else self.last

    def age_s(self, boottime: float) -> float:
        """Return the seconds since receipt by the BOOTTIME of the receiving host."""
        return max(0.0, boottime - self.received_boottime)


#: The newest quote of each instrument, by IB contract id.
Picture = Mapping[int, Quote]
