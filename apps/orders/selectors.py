"""Read orders: what a caller may see, what the gateway has to do, what a page shows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Q, QuerySet

from apps.accounts.models import Account
from apps.common.db import database_now
from apps.common.prepared import Prepared
from apps.domain.errors import DomainError
from apps.domain.orders import CLOSED, IN_DOUBT, NOT_CLOSED, OPEN, UNSENT, OrderStatus, Origin
from apps.instruments.models import Instrument
from apps.orders.models import Execution, KillReport, Order, OrderChange, OrderEvent, OrderGroup, Resolution
from apps.positions.selectors import positions
from apps.safety.models import State
from apps.safety.selectors import EVERYTHING, states, strictest

RECENT_LIMIT = 500
RECENT_DAYS = timedelta(days=2)
CANCEL_WISH_LIFE = timedelta(hours=24)
LONGEST_CANCEL_PAUSE_S = 30.0


class OrderNotFound(DomainError):
    """No such order"""

    code = "ORDER_NOT_FOUND"


def orders_visible(accounts: Collection[str] | None = None) -> QuerySet[Order]:
    """Return the orders of these accounts (None: of all), with what a row shows joined."""
    rows = Order.objects.select_related("account", "instrument", "group", "parent")
    return rows if accounts is None else rows.filter(account__code__in=accounts)


def order_by_id(order_id: int, *, accounts: Collection[str] | None = None) -> Order:
    """Return one order. Raises OrderNotFound for an unknown and for a foreign one alike."""
    order = orders_visible(accounts).filter(pk=order_id).first() if order_id < 2**63 else None
    if order is None:
        raise OrderNotFound(f"Order {order_id} was not found")
    return order


def order_by_uuid(uuid: str, *, accounts: Collection[str] | None = None) -> Order:
    """Return one order by its public id. Raises OrderNotFound."""
    order = orders_visible(accounts).filter(uuid=uuid).first()
    if order is None:
        raise OrderNotFound(f"Order {uuid} was not found")
    return order


def recent_orders(accounts: Collection[str] | None, *, now: datetime) -> list[Order]:
    """Return what is not closed or closed within two days, newest first, at most 500.

    Where there are more, those that closed long ago are left out before one that may still trade.
    """
    rows = orders_visible(accounts).order_by("-created_at", "-pk")
    alive = list(rows.filter(status__in=NOT_CLOSED)[:RECENT_LIMIT])
    closed = rows.filter(closed_at__gte=now - RECENT_DAYS).exclude(status__in=NOT_CLOSED)
    found = [*alive, *closed[: RECENT_LIMIT - len(alive)]]
    return sorted(found, key=lambda order: (order.created_at, order.pk), reverse=True)


def open_orders(account: Account) -> list[Order]:
    """Return the account's orders that the broker has, oldest first."""
    return list(orders_visible([account.code]).filter(status__in=OPEN).order_by("pk"))


MOST_SENDABLE = 50

_sendable = Prepared(
    lambda connection: (
        Order.objects.filter(
            account__connection__name=connection, status=OrderStatus.ACCEPTED.value, parent__isnull=True
        )
        .exclude(group__kind=OrderGroup.Kind.PROTECTION.value, leg_role="take_profit")
        .order_by("pk")
        .values_list("pk", flat=True)[:MOST_SENDABLE]
    ),
    str,
)


def sendable_ids(connection: str, *, limit: int = MOST_SENDABLE) -> list[int]:
    """Return the ids of accepted orders in the order they were accepted.

    Of a group only the first order is listed: the others travel with it.
    """
    return _sendable.rows(connection)[:limit]


def family_ids(order_id: int) -> list[int]:
    """Return the ids of an order and of all that stand or fall with it, ascending."""
    group = Order.objects.filter(pk=order_id).values("group_id")
    members = Order.objects.filter(group_id__in=group, group_id__isnull=False)
    return sorted({order_id, *members.values_list("pk", flat=True)})


@dataclass(frozen=True, slots=True)
class CancelWish:
    """A cancel that is due on the wire."""

    order_id: int
    ib_order_id: int
    client_id: int


_cancels_wished = Prepared(
    lambda connection, since: Order.objects.filter(
        Q(status__in=sorted(OPEN), cancel_requested_at__isnull=False)
        | Q(status__in=sorted(IN_DOUBT), cancel_requested_at__gte=since),
        account__connection__name=connection,
        ib_order_id__isnull=False,
        ib_client_id__isnull=False,
        origin=Origin.OWN.value,
    ).order_by("cancel_requested_at", "pk"),
    *(str, datetime),
)


def cancel_wishes(connection: str, *, now: datetime, halted_only: bool) -> list[CancelWish]:
    """Return the cancels to write now, oldest wish first.

    A cancel is repeated after 1, 2, 4, 8, 16, then every 30 s until the order ends; that of an
    order in doubt is kept for 24 h. With `halted_only` nothing is due unless trading as a whole
    is halted.
    """
    if halted_only and strictest(states([EVERYTHING])) != State.HALTED:
        return []
    return [
        CancelWish(order.pk, ib_order_id, order.ib_client_id or 0)
        for order in _cancels_wished.rows(connection, now - CANCEL_WISH_LIFE)
        if _is_due(order, now)
        for ib_order_id in [order.ib_order_id or 0, *order.ib_twin_ids]
    ]


def due_cancels(connection: str, *, halted_only: bool) -> list[CancelWish]:
    """Return `cancel_wishes` of this moment by the database's clock."""
    return cancel_wishes(connection, now=database_now(), halted_only=halted_only)


def sendable_changes(connection: str) -> list[int]:
    """Return the ids of requested changes, oldest first."""
    return _changes_requested.rows(connection)


_changes_requested = Prepared(
    lambda connection: (
        OrderChange.objects.filter(
            state=OrderChange.State.REQUESTED.value, order__account__connection__name=connection
        )
        .order_by("pk")
        .values_list("pk", flat=True)
    ),
    str,
)


@dataclass(frozen=True, slots=True)
class LaneWork:
    """What the order lane finds at one look; `orders` are ids as `sendable_ids` lists them."""

    cancels: list[CancelWish]
    changes: list[int]
    orders: list[int]


def lane_work(connection: str, *, halted_only: bool) -> LaneWork:
    """Return everything that waits for the wire in one go, so that an order waits for one look."""
    return LaneWork(
        due_cancels(connection, halted_only=halted_only),
        sendable_changes(connection),
        sendable_ids(connection),
    )


def unanswered_changes(connection: str) -> int:
    """Return how many changes were sent and not answered."""
    rows = OrderChange.objects.filter(
        state=OrderChange.State.IN_FLIGHT, order__account__connection__name=connection
    )
    return rows.count()


def _is_due(order: Order, now: datetime) -> bool:
    if order.cancel_sent_at is None:
        return True
    pause_s = min(LONGEST_CANCEL_PAUSE_S, 2.0 ** max(order.cancel_attempts - 1, 0))
    return now - order.cancel_sent_at >= timedelta(seconds=pause_s)


def in_doubt(connection: str | None = None) -> list[Order]:
    """Return orders nobody knows the state of, oldest first."""
    rows = orders_visible().filter(status__in=IN_DOUBT)
    if connection is not None:
        rows = rows.filter(account__connection__name=connection)
    return list(rows.order_by("in_flight_at", "pk"))


def in_doubt_count(connection: str) -> int:
    """Return how many orders of a connection nobody knows the state of."""
    return Order.objects.filter(account__connection__name=connection, status__in=IN_DOUBT).count()


def reconcilable(connection: str, accounts: Collection[str]) -> dict[int, str]:
    """Return the orders, of others too, that complete lists of the broker should name, with status.

    `accounts` are those the login manages: of any other the lists say nothing.
    """
    sent = Order.objects.filter(
        account__connection__name=connection, account__code__in=accounts, status__in=IN_DOUBT | OPEN
    )
    return dict(sent.order_by("pk").values_list("pk", "status"))


def unsettled_orders(account: Account) -> list[Order]:
    """Return the orders of ours nobody knows the state of, and the open ones that are not ours."""
    unknown = Q(origin=Origin.OWN, status=OrderStatus.UNKNOWN)
    rows = Order.objects.filter(unknown | ~Q(origin=Origin.OWN) & Q(status__in=OPEN), account=account)
    return list(rows.select_related("instrument").order_by("pk"))


def otherwise_filled(account: Account, told: Mapping[str, Decimal]) -> list[Order]:
    """Return the orders of ours whose executions add up to something else than `told` by reference.

    Less is a fill we miss; more is one that the broker took back in a way nobody can prove.
    """
    rows = Order.objects.filter(account=account, origin=Origin.OWN, order_ref__in=told)
    found = rows.select_related("instrument").order_by("pk")
    return [order for order in found if told[order.order_ref] != order.filled_quantity]


def instruments_traded_since(account: Account, moment: datetime) -> list[Instrument]:
    """Return the instruments of which an execution was booked since then."""
    booked = Execution.objects.filter(account=account, booked_at__gte=moment)
    return list(Instrument.objects.filter(pk__in=booked.values("instrument_id")))


def timeline(order: Order) -> list[OrderEvent]:
    """Return the order's events from the first to the last."""
    return list(OrderEvent.objects.filter(order=order).order_by("seq"))


def open_resolution(order: Order) -> Resolution | None:
    """Return the proposal that waits for a second person, if there is one."""
    return Resolution.objects.filter(order=order, state=Resolution.State.PROPOSED).first()


def fills(order: Order) -> list[Execution]:
    """Return the newest revision of each execution, oldest first."""
    return list(Execution.objects.filter(order=order, superseded=False).order_by("executed_at", "pk"))


@dataclass(frozen=True, slots=True)
class OrderCounts:
    """How many orders stand in each group; `oldest_doubt_at` is None without doubt."""

    unsent: int
    in_doubt: int
    open: int
    oldest_doubt_at: datetime | None

    @property
    def not_closed(self) -> int:
        """Return the orders that may still trade."""
        return self.unsent + self.in_doubt + self.open


def order_counts(accounts: Collection[str] | None = None) -> OrderCounts:
    """Return the counts of the status bar in two queries."""
    rows = orders_visible(accounts)
    counts = rows.filter(status__in=NOT_CLOSED).aggregate(
        unsent=Count("pk", filter=Q(status__in=UNSENT)),
        in_doubt=Count("pk", filter=Q(status__in=IN_DOUBT)),
        open=Count("pk", filter=Q(status__in=OPEN)),
    )
    oldest = rows.filter(status__in=IN_DOUBT).order_by("in_flight_at").values_list("in_flight_at", flat=True)
    return OrderCounts(**counts, oldest_doubt_at=oldest.first())


@dataclass(frozen=True, slots=True)
class KillPreview:
    """What a kill would do now: counted from rows a moment ago, at `looked_at`.

    `foreign` are open orders that were not made by us and stay. `held_value` is None where a
    position has no mark.
    """

    open_orders: list[Order]
    in_doubt: list[Order]
    unsent: list[Order]
    foreign: list[Order]
    held: int
    held_value: Decimal | None
    looked_at: datetime


def preview_kill(*, now: datetime) -> KillPreview:
    """Return the dry run of the kill switch over everything."""
    rows = list(orders_visible().filter(status__in=NOT_CLOSED).order_by("pk"))
    ours = [order for order in rows if order.origin == Origin.OWN]
    held = positions(None, all_types=True)
    values = [position.market_value for position in held]
    known = [abs(value) for value in values if value is not None]
    return KillPreview(
        open_orders=[order for order in ours if order.standing in OPEN],
        in_doubt=[order for order in ours if order.standing in IN_DOUBT],
        unsent=[order for order in ours if order.standing in UNSENT],
        foreign=[order for order in rows if order.origin != Origin.OWN],
        held=len(held),
        held_value=sum(known, Decimal(0)) if len(known) == len(values) else None,
        looked_at=now,
    )


@dataclass(frozen=True, slots=True)
class KillOutcome:
    """The three lists of a kill as the rows stand now, and what still has no answer."""

    report: KillReport
    dropped: list[Order]
    cancelled: list[Order]
    filled_meanwhile: list[Order]
    could_not_cancel: list[Order]

    @property
    def is_settled(self) -> bool:
        """Tell whether every order has ended."""
        return not self.could_not_cancel


def kill_outcome(report: KillReport) -> KillOutcome:
    """Return where the orders of a kill ended; what is still open could not be cancelled so far."""
    by_id = orders_visible().in_bulk([*report.order_ids, *report.dropped_ids])
    asked = [by_id[pk] for pk in report.order_ids if pk in by_id]
    return KillOutcome(
        report=report,
        dropped=[by_id[pk] for pk in report.dropped_ids if pk in by_id],
        cancelled=[order for order in asked if order.standing in CLOSED - {OrderStatus.FILLED}],
        filled_meanwhile=[order for order in asked if order.standing is OrderStatus.FILLED],
        could_not_cancel=[order for order in asked if order.standing in NOT_CLOSED],
    )


def last_kill() -> KillReport | None:
    """Return the newest report of the kill switch."""
    return KillReport.objects.order_by("-pk").first()


def recent_executions(accounts: Sequence[str] | None, *, limit: int = 100) -> list[Execution]:
    """Return the newest executions, latest revision each."""
    rows = Execution.objects.filter(superseded=False).select_related("account", "instrument", "order")
    if accounts is not None:
        rows = rows.filter(account__code__in=accounts)
    return list(rows.order_by(F("executed_at").desc(), "-pk")[:limit])
