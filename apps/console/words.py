"""Say rows in sentences: an order as people speak it, a scope by its name, an actor as a person."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from apps.common.figures import UNKNOWN, age, count, price, quantity
from apps.domain.incidents import INCIDENTS, IncidentKind
from apps.domain.mode import PORT_CLASSES

PROGRAMS = {
    7496: "TWS",
    7497: "TWS",
    4001: "IB Gateway",
    4002: "IB Gateway",
    4003: "IB Gateway, forwarded by its container",
    4004: "IB Gateway, forwarded by its container",
    7498: "TWS, forwarded by its container",
    7499: "TWS, forwarded by its container",
}


def order_sentence(order: Any) -> str:
    """Return `Buy 78 KO at 62.30`, `Sell 400 NVDA stop 136.50` or `Buy 5 SPY at the market`."""
    verb = "Buy" if order.side == "BUY" else "Sell"
    return f"{verb} {quantity(order.quantity)} {order.instrument.symbol} {order_terms(order)}"


def order_terms(order: Any) -> str:
    """Return the price part of an order in words."""
    tick = order.instrument.min_tick
    parts = []
    if order.stop_price is not None:
        parts.append(f"stop {price(order.stop_price, tick)}")
    if order.limit_price is not None:
        parts.append(f"at {price(order.limit_price, tick)}")
    return ", ".join(parts) or "at the market"


def order_value(order: Any) -> Decimal | None:
    """Return what is left of an order times its own price; None if it names no price."""
    own = order.limit_price if order.limit_price is not None else order.stop_price
    return None if own is None else order.remaining_quantity * own


def total_value(orders: Iterable[Any]) -> Decimal | None:
    """Return the sum over orders, or None if one of them cannot be valued."""
    values = [order_value(order) for order in orders]
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def scope_name(scope: str) -> str:
    """Return `Everything`, `Account DU1` or `Symbol TSLA`."""
    kind, _, name = scope.partition(":")
    return f"{kind.capitalize()} {name}" if name else "Everything"


def actor_name(actor: str) -> str:
    """Return whose act a record is, without the kind a person's name carries in records."""
    return actor.removeprefix("user:") or "by itself"


def port_rows(port: int | None) -> list[dict[str, Any]]:
    """Return IB's eight ports with program and class, ours marked; paper first."""
    rows = [
        {"port": number, "program": PROGRAMS[number], "mode": mode.value, "ours": number == port}
        for number, mode in PORT_CLASSES.items()
    ]
    return sorted(rows, key=lambda row: (row["mode"] != "paper", row["port"]))


def incident_lines(incidents: Iterable[Any]) -> list[dict[str, Any]]:
    """Return incidents with what their kind means and what to do first."""
    return [{"row": row, "meaning": INCIDENTS[IncidentKind(row.kind)]} for row in incidents]


def recovery_sentence(report: Any) -> str:
    """Return `Away 1 min 52 s. 3 orders re-matched, 1 fill recovered, books match.`"""
    if report.ready_at is None:
        return f"{away(report)}. Not READY yet, the broker's lists are being read."
    left = report.differences_left
    books = f"{count(left, 'difference')} left" if left else "books match"
    matched = f"{count(report.orders_rematched, 'order')} re-matched"
    recovered = f"{count(len(report.fills_recovered), 'fill')} recovered"
    return f"{away(report)}. {matched}, {recovered}, {books}."


def away(report: Any) -> str:
    """Return how long the broker could not be heard."""
    if report.gap_from is None:
        return "Never connected before"
    return f"Away {age((report.gap_to - report.gap_from).total_seconds())}"


def since(seconds: float) -> str:
    """Return a distance in time as stories show it: `9 ms`, `45.8 s`, `1 min 4 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else age(seconds)


def milliseconds(value: int | None) -> str:
    """Return a latency; "–" where a step is missing."""
    return UNKNOWN if value is None else since(value / 1000)
