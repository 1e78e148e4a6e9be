"""What a rule of admission may look at, and what it answers when it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.simulator.exchange.ledger import Worth
from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.policies import Policies
from apps.simulator.instruments.hours import TradingHours


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order is refused.

    `is_rejection`: IB took it and rejected it, so it ends Inactive. `reject_json` is what
    clients since 166 may answer by advancedErrorOverride.
    """

    code: int
    text: str
    is_rejection: bool = False
    reject_json: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """What the rules may look at.

    `price` is the market's; `needs` is the margin the order may come to need beside what is
    held, `reserved` that of the other working orders.
    """

    order: Order
    account: str
    worth: Worth
    policies: Policies
    needs: float
    price: float
    reserved: float
    now: float
    hours: TradingHours


Rule = Callable[[Admission], Refusal | None]


def rejection(reason: str) -> Refusal:
    """Return the refusal of an order that IB took in and turned down."""
    return Refusal(201, f"Order rejected - reason:{reason}", is_rejection=True)


def invalid(cause: str) -> Refusal:
    """Return the refusal of a request that fails the gateway's own validation."""
    return Refusal(321, f"Error validating request.-'bN' : cause - {cause}")
