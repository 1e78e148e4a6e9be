"""What is done about a trade after it happened: corrected, or declared void.

Both book the day of the instrument anew, so that cash, cost and profit are what they would
have been. The order keeps its status: what it traded is the executions' business.
"""

from __future__ import annotations

from dataclasses import replace

from apps.simulator.exchange.events import CommissionCharged, PositionChanged
from apps.simulator.exchange.orders import QUANTITY_NOISE, Execution
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.universe import instrument_of


class UnknownExecution(LookupError):
    """No execution of the day has this id."""


class BackOffice:
    """Corrections and busts of the day's executions."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def correct(self, exec_id: str, *, price: float | None, shares: float | None) -> Execution:
        """Give an execution another price or size, under the next revision of its id.

        Raises UnknownExecution, and ValueError if nothing would remain of the trade or the
        position was moved by more than trades.
        """
        with self._state.deed():
            former = self._find(exec_id)
            wanted = replace(
                former,
                exec_id=_next_revision(exec_id),
                price=former.price if price is None else price,
                shares=former.shares if shares is None else shares,
            )
            if wanted.price <= 0 or wanted.shares <= 0:
                raise ValueError("a correction leaves a positive price and size")
            order = self._correct_order(former, wanted)
            if order:
                wanted = replace(wanted, cumulative=order[0], average_price=order[1])
            self._state.corrected(wanted, former=former)
            realized = self._book_anew(wanted.con_id)[wanted.exec_id]
            self._state.tell(CommissionCharged(replace(wanted, realized=realized)))
            self._state.tell(PositionChanged(wanted.con_id))
        return wanted

    def bust(self, exec_id: str) -> None:
        """Declare a trade void. Raises UnknownExecution, and ValueError as `correct` does."""
        with self._state.deed():
            former = self._find(exec_id)
            self._state.busted(former)
            self._book_anew(former.con_id)

    def _find(self, exec_id: str) -> Execution:
        for one in self._state.book.executions:
            # A combination is booked by its legs, and so corrected by them.
            if one.exec_id == exec_id and not instrument_of(one.con_id).legs:
                self._check_moved_by_trades_alone(one.con_id)
                return one
        raise UnknownExecution(f"no execution {exec_id!r} today")

    def _check_moved_by_trades_alone(self, con_id: int) -> None:
        """Raise ValueError if a split or a settlement stands between the day's trades and the position."""
        position = self._state.ledger.position(con_id)
        fills = (one.signed_shares for one in self._state.book.executions if one.con_id == con_id)
        if abs(position.day_start_quantity + sum(fills) - position.quantity) > QUANTITY_NOISE:
            raise ValueError("more than trades moved this position today: it cannot be booked anew")

    def _book_anew(self, con_id: int) -> dict[str, float | None]:
        """Book the day again; executions keep what they realize now."""
        executions = self._state.book.executions
        fills = [one for one in executions if one.con_id == con_id]
        realized = self._state.ledger.book_anew(con_id, fills)
        for place, one in enumerate(executions):
            if one.exec_id in realized and realized[one.exec_id] != one.realized:
                self._state.rebooked(place, replace(one, realized=realized[one.exec_id]))
        return realized

    def _correct_order(self, former: Execution, wanted: Execution) -> tuple[float, float] | None:
        """Tell the order's new sums, and return how much it has traded and at which average."""
        order = self._state.book.find_perm_id(former.perm_id)
        if order is None:
            return None
        order.filled += wanted.shares - former.shares
        order.filled_value += wanted.shares * wanted.price - former.shares * former.price
        self._state.changed(order)
        return order.filled, order.average_price


def _next_revision(exec_id: str) -> str:
    head, _, revision = exec_id.rpartition(".")
    return f"{head}.{int(revision) + 1:02d}"
