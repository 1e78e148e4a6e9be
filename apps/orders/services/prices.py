"""The prices of a request before a gate sees them: on the tick grid, and not past the market."""

from dataclasses import replace
from decimal import Decimal

from apps.domain.errors import DomainError
from apps.domain.identity import plain
from apps.domain.instruments import nearest_ticks, tick_at
from apps.domain.orders import OrderTicket, Side
from apps.instruments.models import Instrument
from apps.orders.snapshots import price_from_row


class ImmediateTrigger(DomainError):
    """The stop is on the wrong side of the market and would trigger at once."""

    code = "VALIDATION_PRICE"


def on_tick(
    ticket: OrderTicket, *, instrument: Instrument, rounds: bool
) -> tuple[OrderTicket, tuple[str, ...]]:
    """Round prices to the passive side of the grid if the caller allowed it, and say so."""
    if not rounds:
        return ticket, ()
    changes: dict[str, Decimal] = {}
    spec = instrument.spec
    for name in ("limit_price", "stop_price"):
        price: Decimal | None = getattr(ticket, name)
        if price is None:
            continue
        below, above = nearest_ticks(price, tick_at(price, spec.tick_rules, default=spec.min_tick))
        passive = below if (ticket.side is Side.BUY) is (name == "limit_price") else above
        if passive != price:
            changes[name] = passive
    notes = tuple(f"{name} was rounded to {plain(price)}" for name, price in changes.items())
    return replace(ticket, **changes), notes  # type: ignore[arg-type]


def refuse_immediate_trigger(ticket: OrderTicket, instrument: Instrument) -> None:
    """Raise ImmediateTrigger for a stop that the market has passed already."""
    if ticket.stop_price is None:
        return
    price = price_from_row(instrument).reference
    if price is None:
        return
    if (ticket.stop_price - price) * ticket.side.sign <= 0:
        raise ImmediateTrigger(f"Stop {plain(ticket.stop_price)} would trigger at once at {plain(price)}")
