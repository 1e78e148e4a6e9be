"""What splits and dividends do to the account: positions, cash, and orders that wait.

Works through the days that have begun since it was asked last, within the deed of the
turning day. When something happens is corporate_actions.py; prices know of it themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date

from apps.simulator.clock import Clock
from apps.simulator.exchange.ending import BY_SYSTEM, Ending
from apps.simulator.exchange.events import PositionChanged
from apps.simulator.exchange.ledger import Accrual
from apps.simulator.exchange.orders import Position
from apps.simulator.exchange.venue_state import VenueState
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.instruments.values import notional
from apps.simulator.market.corporate_actions import Dividend, Split

_REASON = "Corporate action: the shares were split"


class CorporateDesk:
    """Books corporate actions on the one account."""

    def __init__(
        self, state: VenueState, *, clock: Clock, ending: Ending, mark: Callable[[int], float]
    ) -> None:
        self._state = state
        self._clock = clock
        self._ending = ending
        self._mark = mark

    def settle(self, *, first: date, last: date) -> None:
        """Do what happens on the days after `first`, up to and including `last`."""
        sources = self._state.market.sources
        for position in self._state.ledger.held():
            instrument = instrument_of(position.con_id)
            if instrument.is_stock:
                for one in sources.dividends_between(instrument, first, last):
                    self._accrue(one, position)
        for con_id in self._concerned():
            for split in sources.splits_between(instrument_of(con_id), first, last):
                self._split(split)
        self._state.ledger.pay_dividends(last)

    def _concerned(self) -> list[int]:
        """Return the stocks that are held or ordered."""
        held = [one.con_id for one in self._state.ledger.held()]
        ordered = [one.con_id for one in self._state.book.open_orders()]
        return [one for one in sorted({*held, *ordered}) if instrument_of(one).is_stock]

    def _accrue(self, dividend: Dividend, position: Position) -> None:
        amount = notional(instrument_of(position.con_id), position.quantity, dividend.amount)
        accrual = Accrual(position.con_id, dividend.pay_day.isoformat(), round(amount, 2))
        self._state.ledger.accruals.append(accrual)

    def _split(self, split: Split) -> None:
        instrument = instrument_of(split.con_id)
        self._move_pinned_price(instrument, split.ratio)
        self._cancel_waiting(split.con_id)
        position = self._state.ledger.position(split.con_id)
        if not position.quantity:
            return
        quantity = position.quantity * split.ratio
        # Who held whole shares holds whole shares, and is paid what is left of one.
        whole = math.trunc(round(quantity, 8)) if position.quantity.is_integer() else quantity
        self._state.ledger.cash += notional(instrument, quantity - whole, self._mark(split.con_id))
        position.quantity = float(whole)
        position.average_cost = position.average_cost / split.ratio if whole else 0.0
        self._state.tell(PositionChanged(split.con_id))

    def _cancel_waiting(self, con_id: int) -> None:
        for order in self._state.book.open_orders():
            if order.con_id == con_id and order.tif != "DAY" and not order.is_done:
                self._ending.cancel(order, by=BY_SYSTEM, reason=_REASON)

    def _move_pinned_price(self, instrument: Instrument, ratio: float) -> None:
        market = self._state.market
        changes = market.adjustments.get(instrument.con_id)
        if changes and changes[-1].pinned_points is not None:
            points = max(1, round(changes[-1].pinned_points / ratio))
            market.set_price(instrument, points, at=self._clock.epoch(), hold=True)
            self._state.save_adjustment(instrument.con_id, market.adjustments[instrument.con_id][-1])
