"""A quote as JSON between processes: Decimals as text, times as text, and its age.

BOOTTIME means nothing on another host, so a quote travels with its age in milliseconds and
gets a BOOTTIME of the receiver.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.domain.quotes import MarketDataType, Quote

_DECIMALS = (
    "bid",
    "ask",
    "last",
    "bid_size",
    "ask_size",
    "last_size",
    "volume",
    "open",
    "high",
    "low",
    "close",
)


def to_json(quote: Quote, *, boottime: float) -> dict[str, Any]:
    """Return the quote as JSON values; what it does not know is left out."""
    data: dict[str, Any] = {
        "ib_con_id": quote.ib_con_id,
        "symbol": quote.symbol,
        "exchange": quote.exchange,
        "currency": quote.currency,
        "market_data_type": quote.market_data_type.value,
        "received_at": quote.received_at.isoformat(),
        "age_ms": round(quote.age_s(boottime) * 1000, 3),
        "halted": quote.halted,
    }
    if quote.provider_timestamp is not None:
        data["provider_timestamp"] = quote.provider_timestamp.isoformat()
    for name in _DECIMALS:
        value: Decimal | None = getattr(quote, name)
        if value is not None:
            data[name] = str(value)
    return data


def from_json(data: Mapping[str, Any], *, boottime: float) -> Quote:
    """Return the quote that `to_json` wrote, received so long before `boottime` as it is old.

    Raises KeyError, ValueError, TypeError or ArithmeticError for anything else.
    """
    stamp = data.get("provider_timestamp")
    return Quote(
        ib_con_id=int(data["ib_con_id"]),
        symbol=str(data["symbol"]),
        exchange=str(data["exchange"]),
        currency=str(data["currency"]),
        market_data_type=MarketDataType(data["market_data_type"]),
        received_at=datetime.fromisoformat(data["received_at"]),
        received_boottime=boottime - float(data["age_ms"]) / 1000,
        provider_timestamp=None if stamp is None else datetime.fromisoformat(stamp),
        halted=bool(data["halted"]),
        **{name: Decimal(data[name]) for name in _DECIMALS if name in data},
    )
