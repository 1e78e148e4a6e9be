"""What the exchange tells the connected clients, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass

from apps.simulator.exchange.orders import Execution, Order


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order as it stood at that moment (a copy)."""

    order: Order
    with_terms: bool = True
    with_status: bool = True


@dataclass(frozen=True, slots=True)
class Executed:
    """A fill; its commission follows as a fact of its own."""

    fill: Execution


@dataclass(frozen=True, slots=True)
class CommissionCharged:
    """The commission of a fill told before."""

    fill: Execution


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """The quantity held of an instrument changed."""

    con_id: int


@dataclass(frozen=True, slots=True)
class OrderNotice:
    """An error or notice about one order of one client."""

    client_id: int
    order_id: int
    code: int
    text: str
    reject_json: str = ""


@dataclass(frozen=True, slots=True)
class TradeBusted:
    """A trade in an instrument was declared void by its exchange."""

    con_id: int


@dataclass(frozen=True, slots=True)
class OrderBound:
    """A manual order now belongs to a client, under an id of its own."""

    order: Order


def owner_of(event: Event) -> int | None:
    """Return the client whom an event concerns, None if it concerns everybody."""
    match event:
        case OrderChanged() | OrderBound():
            return event.order.client_id
        case Executed() | CommissionCharged():
            return event.fill.client_id
        case OrderNotice():
            return event.client_id
        case PositionChanged() | TradeBusted():
            return None


def event_is_shared(event: Event) -> bool:
    """Return whether the master client hears it too: what happens to orders, but no refusals."""
    return not isinstance(event, OrderNotice | OrderBound)


Event = OrderChanged | Executed | CommissionCharged | PositionChanged | OrderNotice | OrderBound | TradeBusted
