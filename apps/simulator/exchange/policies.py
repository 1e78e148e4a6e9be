"""How the venue treats orders where real gateways differ, or where somebody wants to see it differ.

Switched by the command line and by the control port; read by the rules of admission, by
the road of an order into the venue and by the server that tells what happened.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

#: Some gateways tell the code of a rejection first, some the Inactive order.
REJECT_ORDERS = STATUS_FIRST, ERROR_FIRST, ERROR_ONLY = ("status-first", "error-first", "error-only")


_CHOICES: dict[str, tuple[str | int, ...]] = {
    "reject_order": REJECT_ORDERS,
    "late_cancel_code": (10148, 161, 136),
    "unknown_cancel_code": (10147, 135),
}


class BadPolicy(ValueError):
    """There is no such policy, or not with this value."""


@dataclass(slots=True)
class Policies:
    """The policies in force. Names and symbols are in capitals; empty means no restriction."""

    cross_client_cancel: bool = True
    reject_order: str = STATUS_FIRST
    #: What a cancel that comes too late is told, and one of an order nobody knows.
    late_cancel_code: int = 10148
    unknown_cancel_code: int = 10147
    #: Cancels of orders that wait for the exchange to open are carried out when it does.
    parks_cancels: bool = False
    #: The login may not trade these kinds of security (460), the account not these symbols (203).
    no_permission: list[str] = field(default_factory=list)
    not_allowed: list[str] = field(default_factory=list)
    #: A login of several accounts refuses an order that does not say which (435).
    must_name_account: bool = False
    #: As gateways of several accounts do it; clients must not take the rest for an account.
    accounts_end_in_comma: bool = False
    #: During resets a gateway says false, and the figures beside it cannot be relied on.
    is_account_ready: bool = True
    #: Precautionary settings; 0 is off. Percent of the price, units of size, ticks.
    price_percent: float = 0.0
    size_limit: float = 0.0
    tick_limit: float = 0.0
    #: Symbols whose shares nobody lends: short sales of them are held for a locate.
    hard_to_borrow: list[str] = field(default_factory=list)

    def change(self, values: dict[str, Any]) -> None:
        """Set policies by name. Raises BadPolicy and then changes nothing."""
        known = {one.name: type(getattr(self, one.name)) for one in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise BadPolicy(f"unknown policy {name!r}; known: {', '.join(known)}")
            if not isinstance(value, known[name]) and not (known[name] is float and isinstance(value, int)):
                raise BadPolicy(f"policy {name} is a {known[name].__name__}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise BadPolicy(f"{name} is one of: {', '.join(map(str, _CHOICES[name]))}")
        for name, value in values.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """Return every policy by name."""
        return dict(asdict(self))
