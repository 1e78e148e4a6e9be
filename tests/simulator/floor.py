"""A venue without a network, on a clock and at prices that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime

from apps.simulator.clock import ManualClock
from apps.simulator.config import SimulatorConfig
from apps.simulator.exchange.events import Event, Executed, OrderChanged, OrderNotice
from apps.simulator.exchange.orders import Execution, Order
from apps.simulator.instruments.universe import BY_SYMBOL
from apps.simulator.layout import joined
from apps.simulator.venue import open_venue

A_WEDNESDAY = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
CLIENT = 1


class Floor:
    """One exchange; `events` holds everything told, `wait` lets time pass in quarters of a second."""

    def __init__(self, *, at: datetime = A_WEDNESDAY, hours: str = "always", seed: int = 7) -> None:
        self.clock = ManualClock(at)
        self.events: list[Event] = []
        self.config = SimulatorConfig(clock=self.clock, hours=hours, seed=seed, cash=100_000_000.0)
        self.venue = open_venue(self.config, publish=self.events.extend)
        self.exchange = self.venue.exchange
        self.book = self.venue.state.book
        self.exchange.pulse()

    def price(self, dollars: float, symbol: str = "AAPL") -> None:
        """Move a price and hold it there."""
        instrument = BY_SYMBOL[symbol]
        self.venue.set_price(instrument, instrument.points(dollars), hold=True)

    def look_up(self, symbol: str):
        return BY_SYMBOL[symbol]

    def quote(self, symbol: str = "AAPL"):
        return self.venue.market.quote(BY_SYMBOL[symbol], self.clock.epoch())

    def wait(self, seconds: float, *, step: float = 0.25) -> None:
        passed = 0.0
        while passed < seconds:
            self.clock.advance(step)
            passed += step
            self.exchange.pulse()

    def jump(self, seconds: float) -> None:
        """Let time pass at once, as a clock that runs fast does."""
        self.clock.advance(seconds)
        self.exchange.pulse()

    def place(
        self,
        order_id: int,
        kind: str = "MKT",
        *,
        action: str = "BUY",
        quantity: float = 100,
        symbol: str = "AAPL",
        limit: float | None = None,
        aux: float | None = None,
        tif: str = "DAY",
        parent: int = 0,
        transmit: bool = True,
        oca: str = "",
        oca_type: int = 0,
        conditions: tuple[tuple[str, ...], ...] = (),
        params: dict[str, str] | None = None,
        client: int = CLIENT,
        **terms: object,
    ) -> Order | None:
        """Place an order, or change the one with this id; return what the book holds under it."""
        kept = {name: str(value) for name, value in terms.items()}
        if conditions:
            kept["conditions"] = joined(one for condition in conditions for one in condition)
        if params:
            kept["algoParams"] = joined(one for pair in params.items() for one in pair)
        self.exchange.place(
            Order(
                perm_id=0,
                order_id=order_id,
                client_id=client,
                con_id=BY_SYMBOL[symbol].con_id,
                exchange="SMART",
                action=action,
                quantity=quantity,
                kind=kind,
                limit_price=limit,
                aux_price=aux,
                tif=tif,
                oca_group=oca,
                oca_type=oca_type,
                parent_id=parent,
                order_ref="",
                transmit=transmit,
                account="",
                terms={"tif": tif, **kept},
            )
        )
        return self.book.find(client, order_id)

    def cancel(self, order_id: int) -> None:
        self.exchange.cancel(CLIENT, order_id)

    def order(self, order_id: int) -> Order:
        found = self.book.find(CLIENT, order_id)
        assert found is not None, f"no order {order_id}"
        return found

    def status(self, *order_ids: int) -> list[str]:
        return [str(self.order(one).status) for one in order_ids]

    def fills(self, order_id: int | None = None) -> list[Execution]:
        """Return the executions told so far, oldest first."""
        told = [one.fill for one in self.events if isinstance(one, Executed)]
        return [one for one in told if order_id in (None, one.order_id)]

    def prices(self, order_id: int) -> list[float]:
        return [one.price for one in self.fills(order_id)]

    def codes(self, order_id: int) -> list[int]:
        """Return the codes of the notices about an order."""
        return [one.code for one in self.notices(order_id)]

    def notices(self, order_id: int) -> list[OrderNotice]:
        return [one for one in self.events if isinstance(one, OrderNotice) and one.order_id == order_id]

    def kinds_told(self, order_id: int) -> list[str]:
        changes = [one.order for one in self.events if isinstance(one, OrderChanged)]
        return [one.kind for one in changes if one.order_id == order_id]
