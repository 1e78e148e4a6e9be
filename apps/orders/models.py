"""Intents to trade and what came of them.

The order table is the queue: a row is durable before anybody acts on it, and every change of
status has its event in the same transaction. Which moves exist stands in domain/orders.py.
"""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from apps.accounts.models import Account
from apps.common.models import PublicIdModel, uuid7
from apps.domain.orders import (
    LATE_EVIDENCE,
    MOVES,
    NOT_CLOSED,
    OrderStatus,
    OrderTicket,
    OrderType,
    Origin,
    Side,
    TimeInForce,
)
from apps.instruments.models import Instrument

_STATUSES = [(status.value, status.value) for status in OrderStatus]
_SIDES = [(side.value, side.value) for side in Side]


def _legal_steps() -> Q:
    """Return what the database lets be written as a step: the moves of domain/orders.py, and notes.

    A first step has no status before it: ours begin unsent or denied, those of others as seen.
    """
    first = frozenset(OrderStatus) - {OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN, OrderStatus.NOT_PLACED}
    legal = Q(from_status="", to_status__in=sorted(first))
    for before in OrderStatus:
        after = {before} | MOVES.get(before, frozenset()) | LATE_EVIDENCE.get(before, frozenset())
        legal |= Q(from_status=before.value, to_status__in=sorted(after))
    return legal


class OrderGroup(models.Model):
    """Orders that stand or fall together; a bracket has one parent and up to two legs."""

    class Kind(models.TextChoices):
        """What holds the orders together."""

        BRACKET = "BRACKET", "Bracket"
        PROTECTION = "PROTECTION", "Protection"

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.uuid}"


class Order(PublicIdModel):
    """One order: the request as it was accepted, and the newest the broker said of it.

    `filled_quantity` and `average_price` are sums over executions, never the broker's own
    count. `ib_order_id` counts only inside (connection, client id); the name that survives
    everything is `order_ref`. A row is never deleted.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="orders")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="orders")
    group = models.ForeignKey(
        OrderGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="legs")
    leg_role = models.CharField(max_length=16, blank=True)

    client_order_id = models.CharField("client order ID", max_length=64)
    fingerprint = models.CharField(max_length=64)
    order_ref = models.CharField("order reference", max_length=64, blank=True)
    side = models.CharField(max_length=4, choices=_SIDES)
    order_type = models.CharField(max_length=16)
    quantity = models.DecimalField(max_digits=24, decimal_places=8)
    limit_price = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    stop_price = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    time_in_force = models.CharField(max_length=8)
    outside_rth = models.BooleanField("outside regular hours", default=False)
    tag = models.CharField(max_length=64, blank=True)
    oca_group = models.CharField("one-cancels-all group", max_length=64, blank=True)

    origin = models.CharField(
        max_length=8, choices=[(origin.value, origin.value) for origin in Origin], default=Origin.OWN.value
    )
    principal = models.CharField("asked for by", max_length=80, blank=True)
    request_id = models.CharField(max_length=128, blank=True)
    flow_id = models.CharField(max_length=128, blank=True)
    traceparent = models.CharField(max_length=128, blank=True)

    status = models.CharField(max_length=20, choices=_STATUSES)
    broker_status = models.CharField("broker's word", max_length=32, blank=True)
    seq = models.PositiveIntegerField("event number", default=0)
    reason_codes = models.JSONField(default=list, blank=True)
    decisions = models.JSONField(default=list, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    limits_version = models.PositiveIntegerField(default=0)
    late = models.BooleanField(default=False, help_text="The broker showed it after we had given it up.")

    ib_order_id = models.BigIntegerField("IB order ID", null=True, blank=True)
    ib_client_id = models.BigIntegerField("IB client ID", null=True, blank=True)
    ib_perm_id = models.BigIntegerField("IB perm ID", null=True, blank=True)
    ib_perm_ids = models.JSONField("all IB perm IDs", default=list, blank=True)
    ib_perm_words = models.JSONField(
        "words by IB perm ID", default=dict, blank=True, help_text="Kept once there are several (F10)."
    )
    ib_twin_ids = models.JSONField("IB order IDs of twins", default=list, blank=True)
    ib_error_code = models.IntegerField("IB error code", null=True, blank=True)
    ib_error_text = models.TextField("IB error text", blank=True)
    ib_error_session = models.BigIntegerField(null=True, blank=True)

    changing_to = models.DecimalField(
        "quantity it may have by now",
        max_digits=24,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="Of a change that the broker has not answered; the larger quantity counts meanwhile.",
    )
    filled_quantity = models.DecimalField(max_digits=24, decimal_places=8, default=Decimal(0))
    average_price = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)

    epoch = models.BigIntegerField(null=True, blank=True)
    broker_session = models.BigIntegerField(null=True, blank=True)
    halt_epoch = models.BigIntegerField(null=True, blank=True)
    looks = models.PositiveIntegerField(default=0)
    first_look_at = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    in_flight_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_sent_at = models.DateTimeField(null=True, blank=True)
    cancel_attempts = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=("account", "client_order_id"), name="order_key_once"),
            models.UniqueConstraint(
                fields=("order_ref",), condition=Q(origin=Origin.OWN.value), name="order_ref_once"
            ),
            models.UniqueConstraint(
                fields=("account", "ib_client_id", "ib_order_id"),
                condition=Q(origin=Origin.OWN.value, ib_order_id__isnull=False),
                name="order_ib_id_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in OrderStatus]), name="order_status_known"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_quantity_positive"),
            models.CheckConstraint(condition=Q(filled_quantity__gte=0), name="order_filled_not_negative"),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.IN_FLIGHT.value)
                | Q(ib_order_id__isnull=False, epoch__isnull=False, in_flight_at__isnull=False),
                name="order_in_flight_has_sender",
            ),
        ]
        indexes = [
            models.Index(
                fields=("account", "status"),
                condition=Q(status__in=sorted(NOT_CLOSED)),
                name="order_not_closed",
            ),
            models.Index(fields=("account", "-created_at"), name="order_newest"),
            models.Index(fields=("instrument", "status"), name="order_of_instrument"),
            models.Index(fields=("ib_perm_id",), name="order_by_perm_id"),
            models.Index(fields=("order_ref",), name="order_by_ref"),
            models.Index(fields=("closed_at",), name="order_by_ending"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.instrument.symbol}"

    @property
    def standing(self) -> OrderStatus:
        """Return the status as the domain's word."""
        return OrderStatus(self.status)

    @property
    def remaining_quantity(self) -> Decimal:
        """Return what may still trade by the books, never below zero."""
        return max(self.largest_quantity - self.filled_quantity, Decimal(0))

    @property
    def largest_quantity(self) -> Decimal:
        """Return the most it may be at the broker: while a change is unanswered, the larger of the two."""
        return max(self.quantity, self.changing_to or self.quantity)

    @property
    def is_unresolved(self) -> bool:
        """Tell whether nobody knows if the broker has it."""
        return self.status == OrderStatus.UNKNOWN

    @property
    def refusals(self) -> list[str]:
        """Return why it was denied or ended unsent, in sentences with their codes."""
        gates = [decision["refusals"] for decision in self.decisions if decision["refusals"]]
        said = {refusal["code"]: refusal["detail"] for refusal in (gates[-1] if gates else [])}
        return [f"{said[code]} ({code})" if code in said else code for code in self.reason_codes]

    @property
    def ticket(self) -> OrderTicket:
        """Return the request as it was accepted; only orders of ours have one."""
        return OrderTicket(
            account=self.account.code,
            symbol=self.instrument.symbol,
            side=Side(self.side),
            order_type=OrderType(self.order_type),
            quantity=self.quantity,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            time_in_force=TimeInForce(self.time_in_force),
            outside_rth=self.outside_rth,
            tag=self.tag,
        )


class OrderChange(models.Model):
    """One wish to change a working order: its own write-ahead row, at most one frame, never resent.

    The terms are the complete new ones; `before` keeps the old. Which of the two hold is decided
    by what the broker shows (spec/orders.md 5.4).
    """

    class State(models.TextChoices):
        """Where a change stands; the last five are final."""

        REQUESTED = "REQUESTED", "Requested"
        IN_FLIGHT = "IN_FLIGHT", "In flight"
        APPLIED = "APPLIED", "Applied"
        REFUSED = "REFUSED", "Refused by the broker"
        DENIED = "DENIED", "Denied"
        UNSENT = "UNSENT", "Not sent"
        MOOT = "MOOT", "Order ended first"

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="changes")
    state = models.CharField(max_length=10, choices=State)
    quantity = models.DecimalField(max_digits=24, decimal_places=8)
    limit_price = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    stop_price = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    before = models.JSONField(default=dict)
    principal = models.CharField("asked for by", max_length=80)
    request_id = models.CharField(max_length=128, blank=True)
    reason_codes = models.JSONField(default=list, blank=True)
    decisions = models.JSONField(default=list, blank=True)
    ib_error_code = models.IntegerField("IB error code", null=True, blank=True)
    ib_error_text = models.TextField("IB error text", blank=True)
    epoch = models.BigIntegerField(null=True, blank=True)
    broker_session = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    in_flight_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("order",),
                condition=Q(state__in=["REQUESTED", "IN_FLIGHT"]),
                name="order_change_one_at_a_time",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_change_quantity_positive"),
            models.CheckConstraint(
                condition=Q(
                    state__in=["REQUESTED", "IN_FLIGHT", "APPLIED", "REFUSED", "DENIED", "UNSENT", "MOOT"],
                ),
                name="order_change_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="IN_FLIGHT") | Q(epoch__isnull=False, in_flight_at__isnull=False),
                name="order_change_in_flight_has_sender",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.quantity.normalize():f}"

    @property
    def is_pending(self) -> bool:
        """Tell whether it may still act."""
        return self.state in {self.State.REQUESTED, self.State.IN_FLIGHT}


class OrderEvent(models.Model):
    """One step of an order's life, written with the change; `seq` has no gap per order."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField("event number")
    from_status = models.CharField(max_length=20, blank=True)
    to_status = models.CharField(max_length=20)
    cause = models.CharField(max_length=64)
    evidence = models.JSONField(default=dict, blank=True)
    broker_session = models.BigIntegerField(null=True, blank=True)
    epoch = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("order_id", "seq")
        constraints = [
            models.UniqueConstraint(fields=("order", "seq"), name="order_event_seq_once"),
            models.CheckConstraint(condition=_legal_steps(), name="order_event_step_is_legal"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.from_status} → {self.to_status}"


class Execution(PublicIdModel):
    """One report of the broker; a higher revision of the same root supersedes it.

    `order` is empty for executions of orders we have no row of. Commission comes later, once.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="executions")
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="executions"
    )
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="executions")
    ib_exec_id = models.CharField("IB exec ID", max_length=80)
    root = models.CharField(max_length=80)
    revision = models.PositiveIntegerField(default=0)
    superseded = models.BooleanField(default=False)
    side = models.CharField(max_length=4, choices=_SIDES)
    quantity = models.DecimalField(max_digits=24, decimal_places=8)
    price = models.DecimalField(max_digits=24, decimal_places=8)
    exchange = models.CharField(max_length=32, blank=True)
    order_ref = models.CharField("order reference", max_length=64, blank=True)
    ib_perm_id = models.BigIntegerField("IB perm ID", default=0)
    executed_at = models.DateTimeField()
    booked_at = models.DateTimeField()
    commission = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    commission_currency = models.CharField(max_length=8, blank=True)
    realized_pnl = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    synthetic = models.BooleanField(default=False, help_text="Entered by a person, not by the broker.")

    class Meta:
        ordering = ("-executed_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=("account", "root", "revision"), name="execution_revision_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="execution_quantity_not_negative"),
        ]
        indexes = [
            models.Index(fields=("ib_exec_id",), name="execution_by_exec_id"),
            models.Index(fields=("account", "booked_at"), name="execution_by_booking"),
            models.Index(
                fields=("account", "instrument", "booked_at"),
                condition=Q(superseded=False),
                name="execution_that_counts",
            ),
            models.Index(
                fields=("-executed_at", "-id"), condition=Q(superseded=False), name="execution_newest"
            ),
            models.Index(
                fields=("account", "order_ref"),
                condition=Q(order__isnull=True),
                name="execution_without_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} at {self.price.normalize():f}"


class Resolution(models.Model):
    """What people say became of an order that nobody can know any more (spec/orders.md 6.3).

    In live one person proposes and another approves exactly that, while the order's event number
    is still `order_seq`. `fills` are what was entered: quantity, price and time of each, as text.
    """

    class State(models.TextChoices):
        """Where a proposal stands; all but the first are final."""

        PROPOSED = "PROPOSED", "Waits for a second person"
        APPLIED = "APPLIED", "Applied"
        REFUSED = "REFUSED", "Refused"
        VOID = "VOID", "Void, the order moved on or its time was over"

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="resolutions")
    state = models.CharField(max_length=8, choices=State)
    outcome = models.CharField(max_length=20)
    fills = models.JSONField(default=list, blank=True)
    because = models.CharField("evidence", max_length=200)
    order_seq = models.PositiveIntegerField("order's event number")
    proposed_by = models.CharField(max_length=128)
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.CharField(max_length=128, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_because = models.CharField("decision's reason", max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("order",), condition=Q(state="PROPOSED"), name="resolution_open_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["PROPOSED", "APPLIED", "REFUSED", "VOID"]),
                name="resolution_state_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["NOT_PLACED", "CANCELLED", "FILLED"]),
                name="resolution_outcome_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome}, {self.get_state_display()}"


class IbOrderIds(models.Model):
    """The highest IB order id ever used per connection and client id; it never falls (F6)."""

    connection = models.CharField(max_length=64)
    client_id = models.BigIntegerField("client ID")
    high_water = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "IB order IDs"
        constraints = [
            models.UniqueConstraint(fields=("connection", "client_id"), name="ib_order_ids_once"),
        ]

    def __str__(self) -> str:
        return f"{self.connection}/{self.client_id}: {self.high_water}"


class KillReport(models.Model):
    """What one press of the kill switch did; the lists grow until every order has its place.

    `cancelled`, `filled_meanwhile` and `could_not_cancel` are derived from the orders named in
    `order_ids` as they stand now, so the report cannot disagree with the rows.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    scope = models.CharField(max_length=64)
    actor = models.CharField(max_length=80)
    reason = models.CharField(max_length=200)
    halt_epoch = models.BigIntegerField()
    dropped_ids = models.JSONField(default=list, blank=True)
    order_ids = models.JSONField(default=list, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.scope} by {self.actor}"
