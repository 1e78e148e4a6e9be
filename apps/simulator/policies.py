"""How the venue treats orders where real gateways differ, or where somebody wants to see it differ.

Switched by the command line and by the control port; read by the rules of admission, by
the road of an order into the venue and by the server that tells what happened.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

#: Some gateways tell the code of a rejection first, some the Inactive order.
REJECT_ORDERS = STATUS_FIRST, ERROR_FIRST, ERROR_ONLY = ("status-first", "error-first", "error-only")


class BadPolicy(ValueError):
    """There is no such policy, or not with this value."""


@dataclass(slots=True)
class Policies:
    """The policies in force. Names and symbols are in capitals; empty means no restriction."""

    cross_client_cancel: bool = True
    reject_order: str = STATUS_FIRST
    #: The login may not trade these kinds of security (460), the account not these symbols (203).
    no_permission: list[str] = field(default_factory=list)
    not_allowed: list[str] = field(default_factory=list)
    #: A login of several accounts refuses an order that does not say which (435).
    must_name_account: bool = False
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
            if name == "reject_order" and value not in REJECT_ORDERS:
                raise BadPolicy(f"reject_order is one of: {', '.join(REJECT_ORDERS)}")
        for name, value in values.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """Return every policy by name."""
        return dict(asdict(self))
