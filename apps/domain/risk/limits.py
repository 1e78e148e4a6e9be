"""The values people may set for the controls, with the defaults of spec/safety.md section 3.

Ceilings stand in code: nobody raises a limit above them from a page or the database.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from apps.domain.errors import DomainError
from apps.domain.mode import Mode

#: R05, the same in both modes and never configurable.
MIN_QUANTITY = Decimal(1)
MAX_QUANTITY = Decimal(10_000_000)
MIN_PRICE = Decimal("0.0001")
MAX_PRICE = Decimal(1_000_000)

#: R23: no setting lets an order wait longer than this for the wire.
MAX_EXPIRY_S = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """One version of the limits of an account.

    Quantities are shares, notionals the account's base currency, shares of a price are
    fractions (0.10 is 10 %), durations seconds.
    """

    version: int
    order_types: tuple[str, ...]
    times_in_force: tuple[str, ...]
    outside_rth_allowed: bool
    max_quantity: Decimal
    max_notional: Decimal
    aggressive_collar: Decimal
    passive_collar: Decimal
    stop_collar: Decimal
    max_quote_age_s: Decimal
    live_data_only: bool
    max_open_orders: int
    duplicate_window_s: int
    max_position: Decimal
    short_sale_allowed: bool
    expiry_s: int


PAPER_DEFAULTS = Limits(
    version=1,
    order_types=("MARKET", "LIMIT", "STOP", "STOP_LIMIT"),
    times_in_force=("DAY", "GTC"),
    outside_rth_allowed=True,
    max_quantity=Decimal(1_000),
    max_notional=Decimal(100_000),
    aggressive_collar=Decimal("0.10"),
    passive_collar=Decimal("0.20"),
    stop_collar=Decimal("0.20"),
    max_quote_age_s=Decimal(60),
    live_data_only=False,
    max_open_orders=50,
    duplicate_window_s=5,
    max_position=Decimal(5_000),
    short_sale_allowed=False,
    expiry_s=30,
)

LIVE_DEFAULTS = Limits(
    version=1,
    order_types=("LIMIT", "STOP_LIMIT"),
    times_in_force=("DAY",),
    outside_rth_allowed=False,
    max_quantity=Decimal(500),
    max_notional=Decimal(10_000),
    aggressive_collar=Decimal("0.03"),
    passive_collar=Decimal("0.20"),
    stop_collar=Decimal("0.20"),
    max_quote_age_s=Decimal(5),
    live_data_only=True,
    max_open_orders=20,
    duplicate_window_s=10,
    max_position=Decimal(1_000),
    short_sale_allowed=False,
    expiry_s=5,
)

#: The highest value staff may set; what is not named here has no number to raise.
CEILINGS: Mapping[str, Decimal] = {
    "max_quantity": Decimal(10_000),
    "max_notional": Decimal(250_000),
    "aggressive_collar": Decimal("0.50"),
    "max_quote_age_s": Decimal(300),
    "max_open_orders": Decimal(500),
    "max_position": Decimal(100_000),
    "expiry_s": Decimal(MAX_EXPIRY_S),
}


class UnreadableLimits(DomainError):
    """The stored limits cannot be read, so nothing may be sent."""

    code = "RISK_UNAVAILABLE"


def defaults_for(mode: Mode) -> Limits:
    """Return the starting values of a mode."""
    return PAPER_DEFAULTS if mode is Mode.PAPER else LIVE_DEFAULTS


def to_values(limits: Limits) -> dict[str, Any]:
    """Return the limits as JSON values, numbers as text; `version` stays outside."""
    values = asdict(limits)
    del values["version"]
    return {
        name: str(value) if isinstance(value, Decimal) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def from_values(values: Mapping[str, Any], *, version: int) -> Limits:
    """Return the limits that `to_values` wrote.

    Raises UnreadableLimits if a value is missing, of the wrong kind or above its ceiling:
    a limit that cannot be read must never mean "no limit".
    """
    try:
        read: dict[str, Any] = {
            field.name: _read(getattr(PAPER_DEFAULTS, field.name), values[field.name])
            for field in fields(Limits)
            if field.name != "version"
        }
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise UnreadableLimits(f"Limits version {version} cannot be read") from error
    for name, ceiling in CEILINGS.items():
        if not Decimal(0) <= Decimal(read[name]) <= ceiling:
            raise UnreadableLimits(f"Limit {name} is {read[name]}, its ceiling {ceiling}")
    return Limits(version=version, **read)


def _read(example: object, value: Any) -> object:
    if isinstance(example, bool):
        if not isinstance(value, bool):
            raise TypeError(value)
        return value
    if isinstance(example, Decimal):
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(value)
        return number
    if isinstance(example, int):
        return int(value)
    return tuple(str(item) for item in value)
