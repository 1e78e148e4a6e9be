"""The paper account: cash, positions, commissions, profit and margin.

It books what the exchange executed and answers what the account is worth at given marks.
It does not decide whether an order may be placed (admission.py) and writes nothing down
(journal.py does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from apps.simulator.exchange.orders import QUANTITY_NOISE, Execution, Position
from apps.simulator.instruments.universe import Instrument, instrument_of
from apps.simulator.instruments.values import (
    is_commodity,
    is_settled_daily,
    maintenance_of,
    margin_on,
    notional,
)

LEVERAGE = 4.0

Mark = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Worth:
    """What the account is worth at one instant, in dollars.

    `futures` is their open profit: all they add to the equity. `commodities` is the part of
    the initial and of the maintenance margin that futures and options on them bind, and
    `dividends` what is promised and not yet paid.
    """

    cash: float
    gross: float
    stock_value: float
    unrealized: float
    realized: float
    daily: float
    equity: float
    initial_margin: float
    option_value: float = 0.0
    futures: float = 0.0
    maintenance_margin: float = 0.0
    commodities: tuple[float, float] = (0.0, 0.0)
    dividends: float = 0.0

    @property
    def available(self) -> float:
        return self.equity - self.initial_margin

    @property
    def excess(self) -> float:
        return self.equity - self.maintenance_margin

    @property
    def buying_power(self) -> float:
        return max(0.0, self.available * LEVERAGE)


@dataclass(frozen=True, slots=True)
class Accrual:
    """A dividend the account has a right to and has not been paid, in dollars; negative if it owes it."""

    con_id: int
    pay_day: str
    amount: float


class Ledger:
    """One account's books.

    `cash` has paid for every position in full, futures too; what a client sees as cash is `worth`.
    """

    def __init__(self, *, cash: float) -> None:
        self.cash = cash
        self.positions: dict[int, Position] = {}
        self.day = ""
        self.day_start_equity = cash
        self.accruals: list[Accrual] = []

    def position(self, con_id: int) -> Position:
        """Return the position in an instrument, an empty one if there is none."""
        return self.positions.get(con_id) or Position(con_id)

    def held(self) -> list[Position]:
        return [one for one in self.positions.values() if one.quantity]

    def book(self, con_id: int, *, shares: float, price: float, commission: float) -> float | None:
        """Book a fill of `shares` (negative for a sale); return what it realized, None if nothing closed."""
        position = self.positions.setdefault(con_id, Position(con_id))
        cost = notional(instrument_of(con_id), 1.0, price)
        self.cash -= shares * cost + commission
        position.day_cash_flow -= shares * cost + commission
        closing = _closing_part(position.quantity, shares)
        realized: float | None = None
        closing_commission = commission * abs(closing / shares)
        if closing:
            realized = -closing * (cost - position.average_cost) - closing_commission
            position.realized_today += realized
            position.quantity += closing
        opening = shares - closing
        if abs(opening) > QUANTITY_NOISE:
            _open(position, opening, cost=cost, commission=commission - closing_commission)
        if abs(position.quantity) < QUANTITY_NOISE:
            position.quantity = 0.0
            position.average_cost = 0.0
        return realized

    def book_anew(self, con_id: int, fills: Iterable[Execution]) -> dict[str, float | None]:
        """Book a day's fills of one instrument again from the day's start; return what each realized."""
        position = self.positions.setdefault(con_id, Position(con_id))
        self.cash -= position.day_cash_flow
        position.day_cash_flow = position.realized_today = 0.0
        position.quantity, position.average_cost = position.day_start_quantity, position.day_start_cost
        return {
            one.exec_id: self.book(
                con_id, shares=one.signed_shares, price=one.price, commission=one.commission
            )
            for one in fills
        }

    def worth(self, mark: Mark) -> Worth:
        """Return the account's worth at the marks given."""
        sums = _Sums(cash=self.cash)
        for one in self.held():
            sums.add(one, mark(one.con_id))
        dividends = sum(one.amount for one in self.accruals)
        equity = sums.cash + sums.stock_value + sums.option_value + sums.futures + dividends
        return Worth(
            cash=sums.cash,
            gross=sums.gross,
            stock_value=sums.stock_value,
            unrealized=sums.unrealized,
            realized=sum((one.realized_today for one in self.positions.values()), 0.0),
            daily=equity - self.day_start_equity,
            equity=equity,
            initial_margin=sums.margin,
            option_value=sums.option_value,
            futures=sums.futures,
            maintenance_margin=sums.maintenance,
            commodities=(sums.commodity_margin, sums.commodity_maintenance),
            dividends=dividends,
        )

    def start_day(self, day: str, mark: Mark) -> None:
        """Begin a trading day: today's profit counts from here."""
        self.day = day
        self.day_start_equity = self.worth(mark).equity
        self.positions = {con_id: one for con_id, one in self.positions.items() if one.quantity}
        for one in self.positions.values():
            one.realized_today = 0.0
            one.day_cash_flow = 0.0
            one.day_start_quantity, one.day_start_cost = one.quantity, one.average_cost
            one.day_start_value = (
                notional(instrument_of(one.con_id), one.quantity, mark(one.con_id)) if one.quantity else 0.0
            )

    def pay_dividends(self, day: date) -> None:
        """Turn into cash what is due on a day or was before it."""
        due = day.isoformat()
        self.cash += sum(one.amount for one in self.accruals if one.pay_day <= due)
        self.accruals = [one for one in self.accruals if one.pay_day > due]

    def as_row(self) -> dict[str, Any]:
        return {
            "cash": self.cash,
            "day": self.day,
            "day_start_equity": self.day_start_equity,
            "accruals": [asdict(one) for one in self.accruals],
        }

    def restore(self, row: dict[str, Any], positions: list[dict[str, Any]]) -> None:
        self.cash = row["cash"]
        self.day = row["day"]
        self.day_start_equity = row["day_start_equity"]
        self.accruals = [Accrual(**one) for one in row.get("accruals", [])]
        self.positions = {one["con_id"]: Position(**one) for one in positions}


@dataclass(slots=True)
class _Sums:
    """What the positions add up to."""

    cash: float
    gross: float = 0.0
    stock_value: float = 0.0
    option_value: float = 0.0
    futures: float = 0.0
    unrealized: float = 0.0
    margin: float = 0.0
    maintenance: float = 0.0
    commodity_margin: float = 0.0
    commodity_maintenance: float = 0.0

    def add(self, position: Position, price: float) -> None:
        instrument = instrument_of(position.con_id)
        value = notional(instrument, position.quantity, price)
        cost = position.quantity * position.average_cost
        self.unrealized += value - cost
        self._bind(instrument, margin_on(instrument, abs(value)))
        if is_settled_daily(instrument):
            # Nothing was paid for it: the cash is whole, and only the profit is the account's.
            self.cash += cost
            self.futures += value - cost
            return
        self.gross += abs(value)
        if instrument.sec_type in ("OPT", "FOP"):
            self.option_value += value
        else:
            self.stock_value += value

    def _bind(self, instrument: Instrument, initial: float) -> None:
        maintenance = maintenance_of(instrument, initial)
        self.margin += initial
        self.maintenance += maintenance
        if is_commodity(instrument):
            self.commodity_margin += initial
            self.commodity_maintenance += maintenance


def _closing_part(held: float, shares: float) -> float:
    """Return the part of a signed trade that reduces what is held."""
    if held * shares >= 0:
        return 0.0
    return max(shares, -held) if shares < 0 else min(shares, -held)


def _open(position: Position, shares: float, *, cost: float, commission: float) -> None:
    before = position.quantity * position.average_cost
    # A buy costs its commission, a short sale brings in less by it.
    position.quantity += shares
    position.average_cost = (before + shares * cost + commission) / position.quantity


def worth_as_dict(worth: Worth) -> dict[str, float]:
    """Return the figures rounded to cents, for the switchboard."""
    figures = {name: value for name, value in asdict(worth).items() if isinstance(value, float)}
    return {name: round(value, 2) for name, value in figures.items()}
