"""Orders made of orders: a bracket, and what every family of orders shares.

A family is one acceptance of several rows by the same road as a single order (intake.accept);
what is added here is which legs there are and how a repeated request finds them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db import IntegrityError

from apps.accounts.models import Account
from apps.accounts.selectors import account_by_code
from apps.common.request_ids import RequestIds
from apps.domain.errors import DomainError
from apps.domain.identity import fingerprint, plain
from apps.domain.orders import OrderTicket, OrderType, TimeInForce
from apps.orders.models import Order, OrderGroup
from apps.orders.services.intake import (
    NO_IDS,
    NO_WISHES,
    IdempotencyKeyConflict,
    InProgress,
    InvalidKey,
    Leg,
    Principal,
    Request,
    Wishes,
    accept,
    key_for,
    prepare,
    require_ready,
)
from apps.orders.services.prices import on_tick
from apps.orders.snapshots import price_from_row
from apps.safety.selectors import limits_in_force

#: Legs are named `<key>.1` and `<key>.2`, and a key has at most 64 characters.
LONGEST_FAMILY_KEY = 60


class LegOnWrongSide(DomainError):
    """A take-profit or stop is on the wrong side of the entry."""

    code = "VALIDATION_PRICE"


@dataclass(frozen=True, slots=True)
class Bracket:
    """A parent and its legs, take-profit first; all ACCEPTED or all DENIED."""

    group: OrderGroup
    parent: Order
    children: list[Order]
    replayed: bool
    warnings: tuple[str, ...] = ()


def submit_bracket(
    entry: OrderTicket,
    *,
    take_profit: Decimal | None,
    stop_loss: Decimal | None,
    client_order_id: str | None,
    by: Principal,
    ids: RequestIds = NO_IDS,
    wishes: Wishes = NO_WISHES,
) -> Bracket:
    """Accept an entry with a take-profit, a stop or both, as one object.

    Raises what submit_order raises, and LegOnWrongSide.
    """
    account = account_by_code(entry.account)
    key, warnings = family_key(account, client_order_id)
    earlier = _replayed_bracket(account, entry, key, take_profit=take_profit, stop_loss=stop_loss)
    if earlier is not None:
        return earlier
    require_ready(account)
    exits = exit_tickets(
        entry, take_profit=take_profit, stop_loss=stop_loss, time_in_force=exits_live(account)
    )
    request = prepare(account, entry, by=by, ids=ids, wishes=wishes, warnings=warnings)
    sent, rounded = on_tick(entry, instrument=request.instrument, rounds=request.wishes.round_prices)
    request = replace(request, warnings=request.warnings + rounded)
    refuse_wrong_side(sent, request, take_profit=take_profit, stop_loss=stop_loss)
    legs = [Leg(sent, key, asked=entry, role="entry")]
    for number, (role, ticket) in enumerate(exits.items(), start=1):
        leg_sent, _ = on_tick(ticket, instrument=request.instrument, rounds=request.wishes.round_prices)
        leg = Leg(
            leg_sent,
            f"{key}.{number}",
            asked=ticket,
            role=role,
            oca_group=oca_group_of(key),
            follows_parent=True,
        )
        legs.append(leg)
    try:
        orders = accept(legs, request, kind=OrderGroup.Kind.BRACKET)
    except IntegrityError as race:
        raise InProgress(retry_after_s=1) from race
    return _bracket(orders, replayed=False, warnings=request.warnings)


def family_key(account: Account, client_order_id: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the key of a family, short enough for its legs' suffixes. Raises InvalidKey."""
    key, warnings = key_for(account, client_order_id)
    if len(key) > LONGEST_FAMILY_KEY:
        raise InvalidKey(f"A key of several orders has at most {LONGEST_FAMILY_KEY} characters")
    return key, warnings


def exits_live(account: Account) -> TimeInForce:
    """Return how long exits live: good till cancelled if the limits in force allow it."""
    gtc = TimeInForce.GTC in limits_in_force(account).times_in_force
    return TimeInForce.GTC if gtc else TimeInForce.DAY


def exit_tickets(
    entry: OrderTicket,
    *,
    take_profit: Decimal | None,
    stop_loss: Decimal | None,
    time_in_force: TimeInForce,
) -> dict[str, OrderTicket]:
    """Return the exits of an entry by role, take-profit first."""
    base = replace(
        entry,
        side=entry.side.opposite,
        limit_price=None,
        stop_price=None,
        time_in_force=time_in_force,
        tag=entry.tag if entry.tag == "manual-protect" else "manual-bracket-child",
    )
    exits: dict[str, OrderTicket] = {}
    if take_profit is not None:
        exits["take_profit"] = replace(base, order_type=OrderType.LIMIT, limit_price=take_profit)
    if stop_loss is not None:
        exits["stop_loss"] = replace(base, order_type=OrderType.STOP, stop_price=stop_loss)
    return exits


def refuse_wrong_side(
    entry: OrderTicket, request: Request, *, take_profit: Decimal | None, stop_loss: Decimal | None
) -> None:
    """Raise LegOnWrongSide unless the entry's price lies between stop and take-profit."""
    price = entry.limit_price or price_from_row(request.instrument).reference
    if price is None:
        return
    for name, leg, wanted_sign in (("Take-profit", take_profit, 1), ("Stop", stop_loss, -1)):
        if leg is not None and (leg - price) * entry.side.sign * wanted_sign <= 0:
            raise LegOnWrongSide(f"{name} {plain(leg)} is on the wrong side of {plain(price)}")


def oca_group_of(key: str) -> str:
    """Return the name under which orders of one key cancel each other at the broker."""
    return f"jb-{key}"[:64]


def _bracket(orders: list[Order], *, replayed: bool, warnings: tuple[str, ...]) -> Bracket:
    group = orders[0].group
    if group is None:
        raise IdempotencyKeyConflict("The key was used for a single order", order_id=orders[0].pk)
    return Bracket(group, orders[0], orders[1:], replayed, warnings)


def _replayed_bracket(
    account: Account,
    entry: OrderTicket,
    key: str,
    *,
    take_profit: Decimal | None,
    stop_loss: Decimal | None,
) -> Bracket | None:
    orders = stored_family(account, [key, f"{key}.1", f"{key}.2"])
    if not orders:
        return None
    exits = exit_tickets(
        entry, take_profit=take_profit, stop_loss=stop_loss, time_in_force=lived_then(orders)
    )
    require_same(orders, [entry, *exits.values()])
    return _bracket(orders, replayed=True, warnings=tuple(orders[0].warnings))


def stored_family(account: Account, keys: Sequence[str]) -> list[Order]:
    """Return the orders an earlier request of these keys made, none if it is new."""
    rows = Order.objects.select_related("account", "instrument", "group", "parent")
    return list(rows.filter(account=account, client_order_id__in=keys).order_by("pk"))


def lived_then(orders: Sequence[Order]) -> TimeInForce:
    """Return how long the exits of a stored family live: the limits may have changed since."""
    return TimeInForce(orders[-1].time_in_force)


def require_same(orders: Sequence[Order], tickets: Sequence[OrderTicket]) -> None:
    """Raise IdempotencyKeyConflict unless a request asks for what stored orders were made from."""
    if [order.fingerprint for order in orders] != [fingerprint(ticket) for ticket in tickets]:
        raise IdempotencyKeyConflict(
            f"{orders[0].client_order_id} was used for order {orders[0].pk}",
            order_id=orders[0].pk,
            order_uuid=str(orders[0].uuid),
        )
