"""Ways out of a position: close it, or guard it with a stop and a take-profit.

A position is never sold twice and never left without its guard for an order that would be
refused: what replaces a guard is judged before the guard is given up.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db import IntegrityError

from apps.accounts.models import Account
from apps.accounts.selectors import account_by_code
from apps.common.request_ids import RequestIds
from apps.common.waiting import wait_until
from apps.domain.errors import DomainError
from apps.domain.identity import plain
from apps.domain.instruments import normalise_symbol
from apps.domain.orders import CLOSED, NOT_CLOSED, OrderTicket, OrderType, Origin, Side
from apps.domain.risk.snapshot import open_quantity
from apps.instruments.models import Instrument
from apps.instruments.selectors import known_instrument
from apps.orders.models import Order, OrderGroup
from apps.orders.services.families import (
    exit_tickets,
    exits_live,
    family_key,
    lived_then,
    oca_group_of,
    refuse_wrong_side,
    require_same,
    stored_family,
)
from apps.orders.services.intake import (
    NO_IDS,
    NO_WISHES,
    IdempotencyKeyConflict,
    InProgress,
    Leg,
    Principal,
    Request,
    Submission,
    Wishes,
    accept,
    judge,
    key_for,
    prepare,
    require_ready,
    submit_order,
)
from apps.orders.services.prices import on_tick
from apps.orders.services.wishes import OrderTerminal, request_cancel
from apps.orders.snapshots import exposures, not_closed_orders
from apps.positions.selectors import held
from apps.safety.selectors import limits_in_force, scopes_of, states

#: How long closing or protecting waits for the broker to confirm cancels that are in its way.
CANCEL_DEADLINE_S = 5.0


class NoPosition(DomainError):
    """Nothing is held of this symbol."""

    code = "NO_POSITION"


class ExceedsPosition(DomainError):
    """The quantity is larger than the position."""

    code = "EXCEEDS_POSITION"


@dataclass(frozen=True, slots=True)
class Protection:
    """The orders that guard a position, the stop first, and those they replaced."""

    orders: list[Order]
    cancelled: list[Order]
    replayed: bool
    warnings: tuple[str, ...] = ()


def close_position(
    account_code: str,
    symbol: str,
    *,
    quantity: Decimal | None,
    limit_price: Decimal | None,
    client_order_id: str | None,
    by: Principal,
    ids: RequestIds = NO_IDS,
    wishes: Wishes = NO_WISHES,
    tag: str = "manual-close",
) -> Submission:
    """Send the order that ends a position, or a part of it; a limit price makes it a limit order.

    Exit orders that would together sell more than is held are cancelled first. Raises
    NoPosition, ExceedsPosition, InProgress if those cancels are not confirmed in time, and what
    submit_order raises.
    """
    earlier = _replayed_close(account_code, symbol, client_order_id, quantity, limit_price)
    if earlier is not None:
        return earlier
    account, instrument, position = holding(account_code, symbol)
    ticket = OrderTicket(
        account=account.code,
        symbol=instrument.symbol,
        side=exit_side(position),
        order_type=OrderType.MARKET if limit_price is None else OrderType.LIMIT,
        quantity=quantity_of(position, quantity),
        limit_price=limit_price,
        tag=tag,
    )
    require_ready(account)
    in_the_way = exits_in_the_way(account, instrument, position=position, wanted=ticket.quantity)
    if in_the_way:
        key, warnings = key_for(account, client_order_id)
        request = prepare(account, ticket, by=by, ids=ids, wishes=wishes, warnings=warnings)
        if _would_pass([Leg(ticket, key, asked=ticket)], request, replaced=in_the_way):
            cancel_exits(in_the_way, by=by, ids=ids)
    return submit_order(ticket, client_order_id=client_order_id, by=by, ids=ids, wishes=wishes)


def _replayed_close(
    account_code: str,
    symbol: str,
    client_order_id: str | None,
    quantity: Decimal | None,
    limit_price: Decimal | None,
) -> Submission | None:
    """Return the order an earlier close with this key made.

    What "all of it" meant then is not what it would mean today, so the position is not asked.
    """
    if client_order_id is None:
        return None
    account = account_by_code(account_code)
    rows = Order.objects.select_related("account", "instrument", "group", "parent")
    order = rows.filter(account=account, client_order_id=client_order_id).first()
    if order is None:
        return None
    same_quantity = quantity is None or quantity == order.quantity
    same_symbol = order.instrument.symbol == normalise_symbol(symbol)
    if not (same_symbol and same_quantity and order.limit_price == limit_price):
        raise IdempotencyKeyConflict(
            f"{client_order_id} was used for order {order.pk}",
            order_id=order.pk,
            order_uuid=str(order.uuid),
        )
    return Submission(order, replayed=True, warnings=tuple(order.warnings))


def protect_position(
    account_code: str,
    symbol: str,
    *,
    quantity: Decimal | None,
    stop_loss: Decimal,
    take_profit: Decimal | None,
    replace_existing: bool,
    client_order_id: str | None,
    by: Principal,
    ids: RequestIds = NO_IDS,
    wishes: Wishes = NO_WISHES,
    tag: str = "manual-protect",
) -> Protection:
    """Guard a position with a stop and, if given, a take-profit that cancels it.

    With `replace_existing` the exit orders of the symbol are cancelled first, and new ones
    accepted once the broker has confirmed. Raises as close_position does, and LegOnWrongSide.
    """
    key, warnings = family_key(account_by_code(account_code), client_order_id)
    earlier = _replayed_protection(
        account_code, symbol, key, quantity=quantity, stop_loss=stop_loss, take_profit=take_profit
    )
    if earlier is not None:
        return earlier
    account, instrument, position = holding(account_code, symbol)
    base = OrderTicket(
        account=account.code,
        symbol=instrument.symbol,
        side=exit_side(position).opposite,
        order_type=OrderType.MARKET,
        quantity=quantity_of(position, quantity),
        tag=tag,
    )
    exits = exit_tickets(
        base, take_profit=take_profit, stop_loss=stop_loss, time_in_force=exits_live(account)
    )
    tickets = _stop_first(exits)
    require_ready(account)
    # guarding a position again is no repeated order, whatever guarded it a moment ago
    wishes = replace(wishes, allow_duplicate=True)
    request = prepare(account, base, by=by, ids=ids, wishes=wishes, warnings=warnings)
    refuse_wrong_side(base, request, take_profit=take_profit, stop_loss=stop_loss)
    names = [key, f"{key}.1"]
    legs = [
        Leg(
            on_tick(ticket, instrument=request.instrument, rounds=request.wishes.round_prices)[0],
            name,
            asked=ticket,
            role=role,
            oca_group=oca_group_of(key) if len(tickets) > 1 else "",
        )
        for ticket, name, role in zip(tickets, names, ("stop_loss", "take_profit"), strict=False)
    ]
    cancelled: list[Order] = []
    replaced = exit_orders(account, instrument, side=exit_side(position)) if replace_existing else []
    if replaced and _would_pass(legs, request, replaced=replaced):
        cancelled = cancel_exits(replaced, by=by, ids=ids)
    orders = _accept_protection(legs, request)
    return Protection(orders, cancelled, replayed=False, warnings=request.warnings)


def _would_pass(legs: Sequence[Leg], request: Request, *, replaced: Sequence[Order]) -> bool:
    """Tell whether gate 1 would let the new exits pass once the old ones are gone.

    Asked before anything is cancelled: a refusal must not leave the position unguarded.
    """
    seen = states(scopes_of(request.account.code, request.instrument.symbol))
    limits = limits_in_force(request.account)
    gone = [order.pk for order in replaced]
    return all(
        judge(leg, request, states=seen, limits=limits, leave_out=gone, beside=number).passed
        for number, leg in enumerate(legs)
    )


def _accept_protection(legs: Sequence[Leg], request: Request) -> list[Order]:
    try:
        return accept(legs, request, kind=OrderGroup.Kind.PROTECTION)
    except IntegrityError as race:
        raise InProgress(retry_after_s=1) from race


def holding(account_code: str, symbol: str) -> tuple[Account, Instrument, Decimal]:
    """Return account, instrument and what is held of it. Raises NoPosition."""
    account = account_by_code(account_code)
    instrument = known_instrument(normalise_symbol(symbol))
    position = held(account, instrument) if instrument else Decimal(0)
    if instrument is None or not position:
        raise NoPosition(f"Nothing is held of {symbol}")
    return account, instrument, position


def quantity_of(position: Decimal, quantity: Decimal | None) -> Decimal:
    """Return the shares to close or guard: all of them unless told. Raises ExceedsPosition."""
    if quantity is not None and quantity > abs(position):
        raise ExceedsPosition(f"Quantity {plain(quantity)} is over the position {plain(abs(position))}")
    return abs(position) if quantity is None else quantity


def exit_side(position: Decimal) -> Side:
    """Return the side that brings a position to zero."""
    return Side.SELL if position > 0 else Side.BUY


def exits_in_the_way(
    account: Account, instrument: Instrument, *, position: Decimal, wanted: Decimal
) -> list[Order]:
    """Return the exit orders that, together with the wanted quantity, exceed the position."""
    side = exit_side(position)
    waiting = open_quantity(exposures(not_closed_orders(account), instrument), side)
    return exit_orders(account, instrument, side=side) if wanted + waiting > abs(position) else []


def exit_orders(account: Account, instrument: Instrument, *, side: Side) -> list[Order]:
    """Return our orders of one side of an instrument that are not closed, oldest first.

    Legs whose entry has not traded guard nothing yet and are left alone.
    """
    rows = Order.objects.filter(
        account=account, instrument=instrument, side=side, status__in=NOT_CLOSED, origin=Origin.OWN
    )
    return list(rows.exclude(parent__isnull=False, parent__filled_quantity=0).order_by("pk"))


def cancel_exits(orders: Sequence[Order], *, by: Principal, ids: RequestIds) -> list[Order]:
    """Cancel exit orders and wait until none can trade any more.

    Raises InProgress if the broker has not confirmed within 5 s, or if one of them traded
    meanwhile: then the position is not what the caller's quantity was made from.
    """
    filled_before = {order.pk: order.filled_quantity for order in orders}
    for order in orders:
        with suppress(OrderTerminal):
            request_cancel(order.pk, by=by.principal, request_id=ids.request_id)
    pks = list(filled_before)

    def all_closed() -> bool | None:
        return True if not Order.objects.filter(pk__in=pks).exclude(status__in=CLOSED).exists() else None

    topics = [f"order:{pk}" for pk in pks]
    if wait_until(all_closed, topics=topics, deadline_s=CANCEL_DEADLINE_S) is None:
        raise InProgress("The broker has not confirmed the cancel of earlier exit orders", retry_after_s=1)
    ended = list(Order.objects.select_related("account", "instrument").filter(pk__in=pks).order_by("pk"))
    if any(order.filled_quantity != filled_before[order.pk] for order in ended):
        raise InProgress(
            "An earlier exit order traded meanwhile; look at the position again", retry_after_s=1
        )
    return ended


def _stop_first(exits: Mapping[str, OrderTicket]) -> list[OrderTicket]:
    return [exits[role] for role in ("stop_loss", "take_profit") if role in exits]


def _replayed_protection(
    account_code: str,
    symbol: str,
    key: str,
    *,
    quantity: Decimal | None,
    stop_loss: Decimal,
    take_profit: Decimal | None,
) -> Protection | None:
    """Return the guard that an earlier request with this key made.

    What "all of it" meant then is not what it would mean today, so the position is not asked.
    """
    orders = stored_family(account_by_code(account_code), [key, f"{key}.1"])
    if not orders:
        return None
    guard = orders[0]
    base = OrderTicket(
        account=account_code,
        symbol=normalise_symbol(symbol),
        side=Side(guard.side).opposite,
        order_type=OrderType.MARKET,
        quantity=guard.quantity if quantity is None else quantity,
    )
    exits = exit_tickets(base, take_profit=take_profit, stop_loss=stop_loss, time_in_force=lived_then(orders))
    require_same(orders, _stop_first(exits))
    return Protection(orders, [], replayed=True, warnings=tuple(guard.warnings))
