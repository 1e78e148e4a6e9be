"""Rows and prices into what a gate sees, for G1 and G2 alike.

G1 values an order with the stored reference price, G2 with the gateway's own picture; from
there on both walk the same road, so they cannot drift.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.accounts.models import Account
from apps.common.prepared import Prepared
from apps.domain.instruments import InstrumentSpec
from apps.domain.mode import ProofState
from apps.domain.orders import NOT_CLOSED, OrderTicket, Side
from apps.domain.quotes import MarketDataType, Quote
from apps.domain.risk.snapshot import Exposure, Snapshot, TradingStateName
from apps.instruments.models import Instrument
from apps.marketdata.selectors import aged_reference_price
from apps.orders.models import Execution, Order
from apps.positions.selectors import held_row


@dataclass(frozen=True, slots=True)
class PriceSeen:
    """The price a gate values an order with; `age_s` None if there is none."""

    reference: Decimal | None
    source: str
    age_s: Decimal | None
    is_live: bool
    is_halted: bool


NO_PRICE = PriceSeen(None, "", None, is_live=False, is_halted=False)


def price_from_quote(quote: Quote | None, *, boottime: float) -> PriceSeen:
    """Return the price of the gateway's own picture, aged by BOOTTIME."""
    if quote is None or quote.reference is None:
        return NO_PRICE
    return PriceSeen(
        quote.reference,
        "quote",
        Decimal(str(round(quote.age_s(boottime), 3))),
        is_live=quote.market_data_type is MarketDataType.LIVE,
        is_halted=quote.halted,
    )


def price_from_row(instrument: Instrument) -> PriceSeen:
    """Return the stored reference price: the mid, else the last."""
    found = aged_reference_price(instrument)
    if found is None:
        return NO_PRICE
    row, age_s = found
    price = (row.bid + row.ask) / 2 if row.bid is not None and row.ask is not None else row.last
    if price is None:
        return NO_PRICE
    return PriceSeen(
        price,
        "row",
        age_s,
        is_live=row.market_data_type == MarketDataType.LIVE,
        is_halted=row.halted,
    )


_not_closed = Prepared(
    lambda account: (
        Order.objects.filter(account_id=account, status__in=sorted(NOT_CLOSED))
        .select_related("parent")
        .order_by("pk")
    ),
    int,
)
_fills_of_instrument = Prepared(
    lambda account, instrument: (
        Execution.objects.filter(account_id=account, instrument_id=instrument, superseded=False)
        .order_by()
        .values_list("side", "quantity")
    ),
    int,
    int,
)
_fills_since = Prepared(
    lambda account, instrument, moment: (
        Execution.objects.filter(
            account_id=account, instrument_id=instrument, superseded=False, booked_at__gt=moment
        )
        .order_by()
        .values_list("side", "quantity")
    ),
    int,
    int,
    datetime,
)


def not_closed_orders(account: Account) -> list[Order]:
    """Return the account's orders that may still trade, those in doubt included."""
    return _not_closed.rows(account.pk)


def holdings(account: Account, instrument: Instrument) -> tuple[Decimal, Decimal]:
    """Return the smaller and the larger holding that may be true now, both signed.

    An execution is booked before the broker says the position it led to. In between the row is
    too old by that execution, or, if the position came first, right already; nobody can tell.
    """
    row = held_row(account, instrument)
    told = Decimal(0) if row is None else row.quantity
    if row is None:
        fills = _fills_of_instrument.rows(account.pk, instrument.pk)
    else:
        fills = _fills_since.rows(account.pk, instrument.pk, row.quantity_at)
    untold = sum((Side(side).sign * quantity for side, quantity in fills), Decimal(0))
    least, most = sorted((told, told + untold), key=abs)
    return (least if least * most >= 0 else Decimal(0)), most


def siblings(order: Order) -> set[int]:
    """Return the ids of an order and of those that are cancelled when it trades.

    They never trade beside it, so a gate that judges one of them leaves all of them out.
    """
    if not order.oca_group:
        return {order.pk}
    same = Order.objects.filter(account_id=order.account_id, oca_group=order.oca_group)
    return {order.pk, *same.values_list("pk", flat=True)}


def exposures(orders: Iterable[Order], instrument: Instrument) -> tuple[Exposure, ...]:
    """Return what the orders could still trade in one instrument."""
    return tuple(
        Exposure(Side(order.side), tradable_quantity(order), order.oca_group)
        for order in orders
        if order.instrument_id == instrument.pk
    )


def tradable_quantity(order: Order) -> Decimal:
    """Return how much an order could trade now: a leg no more than its parent has filled."""
    if order.parent is None:
        return order.remaining_quantity
    return min(order.remaining_quantity, order.parent.filled_quantity)


def snapshot_for(
    ticket: OrderTicket,
    *,
    account: Account,
    instrument: Instrument,
    states: Sequence[str],
    proof: str,
    price: PriceSeen,
    leave_out: Collection[int] = (),
    beside: int = 0,
    earlier_duplicate: str = "",
) -> Snapshot:
    """Gather everything a control may look at.

    `leave_out` are the ids of orders that will not trade beside this one: its own row, its
    siblings, or those it replaces. `beside` counts the orders that are let through with it, which
    no row or `leave_out` tells of.
    """
    others = [order for order in not_closed_orders(account) if order.pk not in leave_out]
    least, most = holdings(account, instrument)
    spec: InstrumentSpec = instrument.spec
    return Snapshot(
        states=tuple(TradingStateName(state) for state in states),
        proof=ProofState(proof),
        instrument=spec,
        position=least,
        position_most=most,
        same_instrument=exposures(others, instrument),
        not_closed=len(others) + beside,
        reference=price.reference,
        reference_source=price.source,
        quote_age_s=price.age_s,
        quote_is_live=price.is_live,
        is_halted_at_exchange=price.is_halted,
        earlier_duplicate=earlier_duplicate,
    )
