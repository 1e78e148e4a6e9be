"""What can be traded, as pure values: the spec of an instrument, symbols, ticks and lots."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from apps.domain.errors import DomainError

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9 .\-/]{0,20}")
_SHARE_CLASS = re.compile(r"([A-Z0-9]+)[ .\-]([A-Z])")


class InvalidSymbol(DomainError):
    """The text cannot be the symbol of an instrument."""

    code = "VALIDATION_SYMBOL"


@dataclass(frozen=True, slots=True)
class TickRule:
    """Prices from `low_edge` upwards move in steps of `increment`."""

    low_edge: Decimal
    increment: Decimal


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """An instrument as the broker resolved it; `trading_hours` are IB's own text."""

    ib_con_id: int
    symbol: str
    sec_type: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str
    name: str
    multiplier: str
    min_tick: Decimal
    lot_size: Decimal
    time_zone: str
    trading_hours: str
    liquid_hours: str
    tick_rules: tuple[TickRule, ...] = field(default=())


def normalise_symbol(text: str) -> str:
    """Return the one spelling under which an instrument is stored: `brk.b` -> `BRK B`.

    IB spells share classes with a blank; `BRK.B`, `BRK-B` and `BRK B` are one instrument.
    Only ASCII letters are raised. Raises InvalidSymbol for anything else.
    """
    raised = "".join(c.upper() if c.isascii() else c for c in text)
    if not _SYMBOL.fullmatch(raised):
        raise InvalidSymbol("This is not a symbol")
    share_class = _SHARE_CLASS.fullmatch(raised)
    return f"{share_class[1]} {share_class[2]}" if share_class else raised


def tick_at(price: Decimal, rules: Sequence[TickRule], *, default: Decimal) -> Decimal:
    """Return the price step in force at `price`; `rules` ascend by their low edge."""
    step = default
    for rule in rules:
        if price >= rule.low_edge:
            step = rule.increment
    return step


def nearest_ticks(price: Decimal, tick: Decimal) -> tuple[Decimal, Decimal]:
    """Return the grid prices at or below and at or above `price`."""
    below = (price / tick).to_integral_value(ROUND_FLOOR) * tick
    above = (price / tick).to_integral_value(ROUND_CEILING) * tick
    return below, above


def is_on_tick(price: Decimal, tick: Decimal) -> bool:
    """Tell whether `price` is a multiple of `tick`, in decimal arithmetic."""
    return price % tick == 0
