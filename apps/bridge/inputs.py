"""What callers of the frozen dialects may send, field by field; everything else is refused.

Prices that an order type needs or forbids are checked here as well: a limit that would be
ignored is a misunderstanding, and it costs money.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from apps.bridge import words
from apps.common.strict import (
    ClientKeyField,
    PriceField,
    QuantityField,
    StrictBooleanField,
    StrictChoiceField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    SymbolField,
)
from apps.domain.candles import INTERVAL_BY_IB_BAR_SIZE, CandleInterval
from apps.domain.errors import DomainError
from apps.domain.orders import OrderType, Side, TimeInForce

_ACCOUNT = r"[A-Z0-9]{1,32}"
MOST_CANDLES = 1000
DEFAULT_CANDLES = 250


class _OursIn(StrictSerializer):
    """The optional fields of ours that every order request takes."""

    account = StrictTextField(max_length=32, pattern=_ACCOUNT, required=False, help_text="Account code.")
    client_order_id = ClientKeyField(required=False, help_text="Idempotency key, 8 to 64 characters.")
    tif = StrictChoiceField([word.value for word in TimeInForce], default="DAY")
    outside_rth = StrictBooleanField(default=False, help_text="Also outside regular hours.")
    expires_in = StrictIntegerField(
        min_value=1, max_value=60, required=False, help_text="Seconds it may wait to be sent."
    )
    allow_duplicate = StrictBooleanField(default=False)
    allow_immediate_trigger = StrictBooleanField(default=False)
    round_prices = StrictBooleanField(default=False, help_text="Round to the tick grid, passively.")


class PlaceOrderIn(_OursIn):
    """Body of POST /orders."""

    symbol = SymbolField()
    action = StrictChoiceField([word.value for word in Side], upper=True)
    quantity = QuantityField()
    order_type = StrictChoiceField(list(words.ORDER_TYPES), upper=True, default="MKT")
    limit_price = PriceField(required=False)
    stop_price = PriceField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Demand exactly the prices that the order type uses."""
        order_type = words.ORDER_TYPES[attrs["order_type"]]
        _check_price(attrs, "limit_price", order_type=order_type, needed=order_type.needs_limit)
        _check_price(attrs, "stop_price", order_type=order_type, needed=order_type.needs_stop)
        return attrs


class BracketIn(_OursIn):
    """Body of POST /orders/bracket; at least one of the two exits is needed."""

    symbol = SymbolField()
    action = StrictChoiceField([word.value for word in Side], upper=True)
    quantity = QuantityField()
    entry_order_type = StrictChoiceField(list(words.ENTRY_TYPES), upper=True, default="MKT")
    entry_limit_price = PriceField(required=False)
    stop_loss = PriceField(required=False)
    take_profit = PriceField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Demand the entry's price if it has one, an exit, and exits on the right sides."""
        entry = words.ENTRY_TYPES[attrs["entry_order_type"]]
        _check_price(attrs, "entry_limit_price", order_type=entry, needed=entry.needs_limit)
        if "stop_loss" not in attrs and "take_profit" not in attrs:
            raise _refused("stop_loss", "stop_loss or take_profit is required")
        if not _is_rising(attrs):
            raise _refused("stop_loss", "stop_loss, entry and take_profit are not in order")
        return attrs


class ClosePositionIn(StrictSerializer):
    """Body of POST /positions/{symbol}/close."""

    quantity = QuantityField(required=False)
    order_type = StrictChoiceField(list(words.ENTRY_TYPES), upper=True, default="MKT")
    limit_price = PriceField(required=False)
    account = StrictTextField(max_length=32, pattern=_ACCOUNT, required=False)
    client_order_id = ClientKeyField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Demand exactly the price that the order type uses."""
        order_type = words.ENTRY_TYPES[attrs["order_type"]]
        _check_price(attrs, "limit_price", order_type=order_type, needed=order_type.needs_limit)
        return attrs


class ProtectPositionIn(StrictSerializer):
    """Body of POST /positions/{symbol}/protect."""

    quantity = QuantityField(required=False)
    stop_loss = PriceField()
    take_profit = PriceField(required=False)
    replace_existing = StrictBooleanField(default=True)
    account = StrictTextField(max_length=32, pattern=_ACCOUNT, required=False)
    client_order_id = ClientKeyField(required=False)


class CandlesIn(StrictSerializer):
    """Body of POST /candles/{symbol}, in IB's words."""

    duration = StrictTextField(max_length=16, default="1 D", help_text="n S, D, W, M or Y.")
    bar_size = StrictChoiceField(list(INTERVAL_BY_IB_BAR_SIZE), default="1 min")
    what_to_show = StrictChoiceField(words.WHAT_TO_SHOW, upper=True, default="TRADES")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold the duration against the bounds for this bar size."""
        interval = INTERVAL_BY_IB_BAR_SIZE[attrs["bar_size"]]
        try:
            duration = words.read_duration(attrs["duration"], interval)
        except DomainError as error:
            raise _refused("duration", error.detail, error.code) from error
        return attrs | {"interval": interval, "duration": duration.text}


class ConnectIn(StrictSerializer):
    """Body of POST /connect; what is given must equal a registered connection."""

    host = StrictTextField(max_length=255, required=False)
    port = StrictIntegerField(min_value=1, max_value=65535, required=False)
    client_id = StrictIntegerField(max_value=2**31 - 1, required=False)


class NothingIn(StrictSerializer):
    """A body without fields."""


def parsed(kind: type[StrictSerializer], data: Any) -> dict[str, Any]:
    """Return the validated values of a body or raise its errors."""
    form = kind(data=data)
    form.is_valid(raise_exception=True)
    values: dict[str, Any] = form.validated_data
    return values


def candle_window(query: Mapping[str, str]) -> tuple[int, CandleInterval]:
    """Return limit and interval of GET /candles; an unknown timeframe means daily (frozen)."""
    text = query.get("limit", str(DEFAULT_CANDLES))
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= MOST_CANDLES):
        raise _refused("limit", f"Must be a whole number from 1 to {MOST_CANDLES}", "VALIDATION_RANGE")
    return int(text), words.TIMEFRAMES.get(query.get("timeframe", "1D"), CandleInterval.D1)


def wants_all_types(query: Mapping[str, str]) -> bool:
    """Return whether `types=all` asks for more than stocks; another word is refused."""
    if "types" in query and query["types"] != "all":
        raise _refused("types", "Must be all", "VALIDATION_CHOICE")
    return "types" in query


def _check_price(attrs: dict[str, Any], name: str, *, order_type: OrderType, needed: bool) -> None:
    if needed and name not in attrs:
        raise _refused(name, f"Is required for {words.IB_ORDER_TYPES[order_type]}")
    if not needed and name in attrs:
        raise _refused(name, f"Does not belong to {words.IB_ORDER_TYPES[order_type]}")


def _is_rising(attrs: dict[str, Any]) -> bool:
    """Whether stop, entry and profit stand on the sides where each can do its work."""
    prices = [attrs[name] for name in ("stop_loss", "entry_limit_price", "take_profit") if name in attrs]
    if attrs["action"] == Side.SELL:
        prices.reverse()
    return all(low < high for low, high in pairwise(prices))


def _refused(name: str, text: str, code: str = "VALIDATION_PRICE") -> ValidationError:
    return ValidationError({name: [ErrorDetail(text, code=code)]})
