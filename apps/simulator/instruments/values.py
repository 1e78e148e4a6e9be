"""What a quantity of an instrument is worth, which money changes hands, and what it binds.

The one place that knows of multipliers, of futures that are settled by their profit alone,
of foreign money and of margin rates. Amounts are in dollars, the account's currency.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.instruments.universe import Instrument

# The account keeps no foreign money: what is quoted in it is turned into dollars at these rates.
DOLLARS_PER = {
    "USD": 1.0, "EUR": 1.085, "GBP": 1.27, "JPY": 0.00654, "CHF": 1.13, "CAD": 0.715, "AUD": 0.65,
}  # fmt: skip
_MARGIN_RATES = {
    "STK": 0.25, "FUT": 0.08, "CONTFUT": 0.08, "FOP": 0.25, "OPT": 0.25, "CASH": 0.03, "CRYPTO": 1.0,
    "BOND": 0.25, "CMDTY": 0.25,
}  # fmt: skip
_OTHER_MARGIN = 0.25
# What a position must keep, as a part of what opening it took.
_KEPT_PARTS = {"CASH": 1.0, "CRYPTO": 1.0}
_OTHER_KEPT_PART = 0.9
_SETTLED_DAILY = frozenset({"FUT", "CONTFUT"})


@dataclass(frozen=True, slots=True)
class _Tariff:
    """How an order is charged; `part` and `maximum_part` are fractions of its value."""

    per_unit: float = 0.0
    part: float = 0.0
    minimum: float = 0.0
    maximum_part: float = 0.0


_OTHER_TARIFF = _Tariff(per_unit=0.005, minimum=1.00, maximum_part=0.01)
_TARIFFS = {
    "OPT": _Tariff(per_unit=0.65, minimum=1.00),
    "FOP": _Tariff(per_unit=1.42),
    "FUT": _Tariff(per_unit=2.25),
    "CONTFUT": _Tariff(per_unit=2.25),
    "CASH": _Tariff(part=0.00002, minimum=2.00),
    "CRYPTO": _Tariff(part=0.0018, minimum=1.75, maximum_part=0.01),
    "BOND": _Tariff(part=0.001, minimum=1.00),
    "CMDTY": _Tariff(part=0.00015, minimum=2.00),
}


def notional(instrument: Instrument, quantity: float, price: float) -> float:
    """Return the value of a signed quantity at a price, in dollars."""
    return quantity * price * instrument.multiplier * DOLLARS_PER[instrument.currency]


def in_own_money(instrument: Instrument, dollars: float) -> float:
    """Return an amount of dollars in the currency the instrument is quoted in."""
    return dollars / DOLLARS_PER[instrument.currency]


def is_settled_daily(instrument: Instrument) -> bool:
    """Return whether only profit and loss move the cash, as with futures."""
    return instrument.sec_type in _SETTLED_DAILY


def margin_on(instrument: Instrument, value: float) -> float:
    """Return the margin that a value binds, in dollars; a negative value sets margin free."""
    return value * _MARGIN_RATES.get(instrument.sec_type, _OTHER_MARGIN)


def maintenance_of(instrument: Instrument, initial: float) -> float:
    """Return the maintenance margin that goes with an initial one, in dollars."""
    return initial * _KEPT_PARTS.get(instrument.sec_type, _OTHER_KEPT_PART)


def is_commodity(instrument: Instrument) -> bool:
    """Return whether a position stands in the commodities segment of the account."""
    return instrument.sec_type in ("FUT", "CONTFUT", "FOP")


def commission_for(instrument: Instrument, quantity: float, value: float) -> float:
    """Return the commission of a whole order that has traded so much; `value` and answer in dollars."""
    tariff = _TARIFFS.get(instrument.sec_type, _OTHER_TARIFF)
    amount = max(quantity * tariff.per_unit + abs(value) * tariff.part, tariff.minimum)
    return min(amount, abs(value) * tariff.maximum_part) if tariff.maximum_part else amount
