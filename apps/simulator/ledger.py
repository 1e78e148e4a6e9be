"""The paper account: cash, positions, commissions, profit and margin.

It books what the exchange executed and answers what the account is worth at given marks.
It does not decide whether an order may be placed (admission.py) and writes nothing down
(journal.py does).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from apps.simulator.orders import QUANTITY_NOISE, Position

INITIAL_MARGIN = 0.25
LEVERAGE = 4.0
COMMISSION_PER_SHARE = 0.005
COMMISSION_MINIMUM = 1.00
COMMISSION_MAXIMUM_PART = 0.01

Mark = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Worth:
    """What the account is worth at one instant, in dollars."""

    cash: float
    gross: float
    stock_value: float
    unrealized: float
    realized: float
    daily: float
    equity: float

    @property
    def initial_margin(self) -> float:
        return self.gross * INITIAL_MARGIN

    @property
    def available(self) -> float:
        return self.equity - self.initial_margin

    @property
    def buying_power(self) -> float:
        return max(0.0, self.available * LEVERAGE)


def commission_for(shares: float, value: float) -> float:
    """Return the commission of a whole order that has traded so much."""
    return min(max(shares * COMMISSION_PER_SHARE, COMMISSION_MINIMUM), value * COMMISSION_MAXIMUM_PART)


class Ledger:
    """One account's books."""

    def __init__(self, *, cash: float) -> None:
        self.cash = cash
        self.positions: dict[int, Position] = {}
        self.day = ""
        self.day_start_equity = cash

    def position(self, con_id: int) -> Position:
        """Return the position in an instrument, an empty one if there is none."""
        return self.positions.get(con_id) or Position(con_id)

    def held(self) -> list[Position]:
        return [one for one in self.positions.values() if one.quantity]

    def book(self, con_id: int, *, shares: float, price: float, commission: float) -> float | None:
        """Book a fill of `shares` (negative for a sale); return what it realized, None if nothing closed."""
        position = self.positions.setdefault(con_id, Position(con_id))
        self.cash -= shares * price + commission
        position.day_cash_flow -= shares * price + commission
        closing = _closing_part(position.quantity, shares)
        realized: float | None = None
        closing_commission = commission * abs(closing / shares)
        if closing:
            realized = -closing * (price - position.average_cost) - closing_commission
            position.realized_today += realized
            position.quantity += closing
        opening = shares - closing
        if abs(opening) > QUANTITY_NOISE:
            _open(position, opening, price=price, commission=commission - closing_commission)
        if abs(position.quantity) < QUANTITY_NOISE:
            position.quantity = 0.0
            position.average_cost = 0.0
        return realized

    def worth(self, mark: Mark) -> Worth:
        """Return the account's worth at the marks given."""
        stock_value = gross = unrealized = realized = 0.0
        for one in self.positions.values():
            realized += one.realized_today
            if one.quantity:
                value = one.quantity * mark(one.con_id)
                stock_value += value
                gross += abs(value)
                unrealized += value - one.quantity * one.average_cost
        equity = self.cash + stock_value
        return Worth(
            cash=self.cash,
            gross=gross,
            stock_value=stock_value,
            unrealized=unrealized,
            realized=realized,
            daily=equity - self.day_start_equity,
            equity=equity,
        )

    def start_day(self, day: str, mark: Mark) -> None:
        """Begin a trading day: today's profit counts from here."""
        self.day = day
        self.day_start_equity = self.worth(mark).equity
        for one in self.positions.values():
            one.realized_today = 0.0
            one.day_cash_flow = 0.0
            one.day_start_value = one.quantity * mark(one.con_id)

    def as_row(self) -> dict[str, Any]:
        return {"cash": self.cash, "day": self.day, "day_start_equity": self.day_start_equity}

    def restore(self, row: dict[str, Any], positions: list[dict[str, Any]]) -> None:
        self.cash = row["cash"]
        self.day = row["day"]
        self.day_start_equity = row["day_start_equity"]
        self.positions = {one["con_id"]: Position(**one) for one in positions}


def _closing_part(held: float, shares: float) -> float:
    """Return the part of a signed trade that reduces what is held."""
    if held * shares >= 0:
        return 0.0
    return max(shares, -held) if shares < 0 else min(shares, -held)


def _open(position: Position, shares: float, *, price: float, commission: float) -> None:
    before = position.quantity * position.average_cost
    # A buy costs its commission, a short sale brings in less by it.
    position.quantity += shares
    position.average_cost = (before + shares * price + commission) / position.quantity


def worth_as_dict(worth: Worth) -> dict[str, float]:
    """Return the figures rounded to cents, for the switchboard."""
    return {name: round(value, 2) for name, value in asdict(worth).items()}
