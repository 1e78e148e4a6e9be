"""The promises that must hold after every single step, read from the rows and the model broker.

It reads rows as values, not through the product's selectors, and remembers what it saw: an
event, a mark or an audit line that was there once must be there for ever.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.audit.chain import GENESIS, SEALED_FIELDS, seal
from apps.audit.models import AuditEvent, ChainHead
from apps.common.prepared import Prepared
from apps.domain.orders import CLOSED, LATE_EVIDENCE, MOVES, OrderStatus, Side
from apps.orders.models import Execution, IbOrderIds, Order, OrderEvent
from apps.orders.snapshots import exposures, not_closed_orders
from apps.positions.models import Position
from apps.safety.models import Incident
from tests.reliability.model_broker import ENDED, ZERO, BrokenPromise, ModelBroker

Row = dict[str, Any]


class Table:
    """All columns of a query as dicts; it is looked at after every step, so it is compiled once."""

    def __init__(self, query: Callable[..., QuerySet[Any]], *kinds: type) -> None:
        self._query, self._kinds = query, kinds
        self._names: list[str] = []
        self._prepared: Prepared[Any] | None = None

    def rows(self, *values: Any) -> list[Row]:
        if self._prepared is None:
            model = self._query(*(kind() for kind in self._kinds)).model
            self._names = [field.attname for field in model._meta.concrete_fields]
            self._prepared = Prepared(
                lambda *slots: self._query(*slots).values_list(*self._names), *self._kinds
            )
        return [dict(zip(self._names, row, strict=True)) for row in self._prepared.rows(*values)]


_NEW_EVENTS = Table(lambda last: OrderEvent.objects.filter(pk__gt=last).order_by("pk"), int)
_EXECUTIONS = Table(lambda: Execution.objects.order_by("pk"))
_OWN_ORDERS = Table(lambda: Order.objects.filter(origin="OWN").order_by("pk"))
_NEWEST_EXECUTION = Prepared(lambda: Execution.objects.order_by("-pk").values_list("pk", flat=True)[:1])
_MARK = Prepared(lambda: IbOrderIds.objects.values_list("high_water", flat=True))
_NEW_IN_THE_CHAIN = Prepared(lambda last: AuditEvent.objects.filter(seq__gt=last).order_by("seq"), int)
_HEAD = Prepared(lambda: ChainHead.objects.values_list("hash", flat=True))
_FIRST_ORDER = Prepared(lambda: Order.objects.select_related("account").order_by("pk")[:1])

#: What the broker itself said; only that may reopen an order that has ended (I6).
BROKERS_WORD = frozenset(
    {"open_order", "open_orders", "completed_orders", "broker_status", "execution", "quantity_reached"}
)
#: Incidents that this broker never gives a reason for.
NEVER_TRUE = ("overfill", "fill_of_unsent", "orphan_order", "orphan_execution", "execution_conflict")
UNSENT_ENDS = frozenset({"DENIED", "EXPIRED_UNSENT", "CANCELLED_UNSENT"})
DOUBT = frozenset({"IN_FLIGHT", "UNKNOWN"})


def require(holds: bool, promise: str) -> None:
    """Fail with the promise that was broken."""
    if not holds:
        raise BrokenPromise(promise)


class Promises:
    """Looks at everything after each step; `check` raises BrokenPromise."""

    def __init__(self, broker: ModelBroker) -> None:
        self._broker = broker
        self._events: dict[int, list[Row]] = defaultdict(list)
        self._last_event = 0
        self._chain_seq, self._chain_hash = 0, GENESIS
        self._mark = 0
        self._seen: tuple[int, int] = (-1, -1)

    def check(self) -> None:
        """Look at what is new, and at every row if anything is."""
        news = self._read_events()
        executions = _NEWEST_EXECUTION.first() or 0
        if not news and self._seen == (self._last_event, executions):
            return
        self._seen = (self._last_event, executions)
        rows = {row["id"]: row for row in _OWN_ORDERS.rows()}
        self._ids_belong_to_one(rows)
        self._events_tell_all(rows)
        for event in news:
            self._move_is_legal(event, rows[event["order_id"]])
        self._fills_are_sums(rows)
        self._ends_are_true(rows)
        self._chain_holds()
        self._reserved(rows)

    # --- one promise each -----------------------------------------------------------------

    def _read_events(self) -> list[Row]:
        news = _NEW_EVENTS.rows(self._last_event)
        for event in news:
            self._events[event["order_id"]].append(event)
            self._last_event = event["id"]
        return news

    def _ids_belong_to_one(self, rows: Mapping[int, Row]) -> None:
        """I2: an IB order id has one order, lies under the mark, and the mark never falls."""
        used = [row["ib_order_id"] for row in rows.values() if row["ib_order_id"] is not None]
        require(len(used) == len(set(used)), f"I2: ids {used}")
        mark = _MARK.first() or 0
        require(mark >= max([self._mark, *used]), f"I2: mark {mark}, was {self._mark}, used {used}")
        self._mark = mark

    def _events_tell_all(self, rows: Mapping[int, Row]) -> None:
        """I7: events count 1, 2, 3 …, each begins where the last ended, the last is the row."""
        for pk, row in rows.items():
            events = self._events[pk]
            require([event["seq"] for event in events] == list(range(1, row["seq"] + 1)), f"I7: gap in {pk}")
            before = ""
            for event in events:
                require(event["from_status"] == before, f"I7: order {pk} jumps to {event['to_status']}")
                before = event["to_status"]
            require(before == row["status"], f"I7: order {pk} is {row['status']}, told {before}")

    def _move_is_legal(self, event: Row, row: Row) -> None:
        """I6: only the broker's word reopens what has ended, and leaves an incident."""
        if not event["from_status"] or event["from_status"] == event["to_status"]:
            return
        before, after = OrderStatus(event["from_status"]), OrderStatus(event["to_status"])
        if after in MOVES.get(before, frozenset()):
            return
        require(after in LATE_EVIDENCE.get(before, frozenset()), f"I6: {before} became {after}")
        told = Incident.objects.filter(subject=f"order:{row['uuid']}").exists()
        require(before in CLOSED and row["late"] and told, f"I6: {before} became {after} in silence")
        require(event["cause"] in BROKERS_WORD, f"I6: {before} became {after} by {event['cause']}")

    def _fills_are_sums(self, rows: Mapping[int, Row]) -> None:
        """I5: filled is the newest revision of each execution, and never more than the broker filled."""
        newest: dict[int, dict[str, tuple[int, Decimal]]] = defaultdict(dict)
        seen: set[tuple[str, int]] = set()
        for row in _EXECUTIONS.rows():
            name = (row["root"], row["revision"])
            require(name not in seen, f"I5: execution {name} is booked twice")
            seen.add(name)
            family = newest[row["order_id"]]
            family[row["root"]] = max(
                family.get(row["root"], (0, ZERO)), (row["revision"], row["quantity"]), key=lambda one: one[0]
            )
        for pk, row in rows.items():
            booked = sum((quantity for _, quantity in newest[pk].values()), ZERO)
            require(row["filled_quantity"] == booked, f"I5: order {pk} {row['filled_quantity']} of {booked}")
            held = self._broker.orders.get(row["ib_order_id"] or 0)
            most = held.frame.quantity if held else ZERO
            require(booked <= max(most, row["quantity"]), f"I5: order {pk} has {booked} of {most}")

    def _ends_are_true(self, rows: Mapping[int, Row]) -> None:
        """I12 and ST2: what ended unsent was never on the wire; what filled has filled."""
        late = {frame.order_ref for frame in self._unread() if hasattr(frame, "order_ref")}
        for pk, row in rows.items():
            ref = row["order_ref"]
            if row["status"] in UNSENT_ENDS:
                sent = ref in self._broker.frames or ref in late
                require(not sent, f"I12: order {pk} is {row['status']} and was sent")
            if row["status"] == "FILLED":
                require(row["filled_quantity"] >= row["quantity"], f"I5: order {pk} is FILLED too early")
            if row["status"] in {"CANCELLED", "REJECTED"}:
                held = self._broker.orders.get(row["ib_order_id"] or 0)
                require(held is not None and held.status in ENDED, f"order {pk} is {row['status']} too early")

    def _unread(self) -> list[Any]:
        line = self._broker.line
        return [*self._broker.late, *(line.unread if line else [])]

    def _chain_holds(self) -> None:
        """I7: each audit event follows the one before, is sealed, and the head is the last."""
        for event in _NEW_IN_THE_CHAIN.rows(self._chain_seq):
            sealed = {name: getattr(event, name) for name in SEALED_FIELDS}
            require(event.seq == self._chain_seq + 1, f"I7: audit event {self._chain_seq + 1} is missing")
            require(event.prev_hash == self._chain_hash, f"I7: audit event {event.seq} does not follow")
            require(seal(sealed) == event.hash, f"I7: audit event {event.seq} was changed")
            self._chain_seq, self._chain_hash = event.seq, event.hash
        head = _HEAD.first()
        require(head is None or head == self._chain_hash, "I7: the head is not the last event")

    def _reserved(self, rows: Mapping[int, Row]) -> None:
        """I13: what the gates count is the worst case of every order that has not ended, and no other."""
        expected = {Side.BUY: ZERO, Side.SELL: ZERO}
        for row in rows.values():
            if OrderStatus(row["status"]) in CLOSED:
                continue
            most = max(row["quantity"], row["changing_to"] or ZERO) - row["filled_quantity"]
            if row["parent_id"]:
                most = min(most, rows[row["parent_id"]]["filled_quantity"])
            expected[Side(row["side"])] += max(most, ZERO)
        counted = {Side.BUY: ZERO, Side.SELL: ZERO}
        for exposure in self._counted():
            counted[exposure.side] += exposure.remaining
        require(counted == expected, f"I13: the gates count {counted}, the worst case is {expected}")

    def _counted(self) -> Iterator[Any]:
        orders = [order for order in not_closed_orders_of_all() if order.origin == "OWN"]
        for order in orders:
            yield from exposures([order], order.instrument)

    # --- at rest ----------------------------------------------------------------------------

    def check_at_rest(self) -> None:
        """I5, I9 and I12 at rest: fills, open orders and position are the broker's, nothing is in doubt."""
        rows, unprovable = _OWN_ORDERS.rows(), self._unprovable_busts()
        for row in rows:
            held = self._broker.orders.get(row["ib_order_id"] or 0)
            filled = held.filled if held is not None else ZERO
            require(row["status"] not in DOUBT, f"I9: order {row['id']} is still {row['status']}")
            filled += unprovable[row["id"]]
            require(row["filled_quantity"] == filled, f"I5: order {row['id']} has not the broker's fills")
            wished = row["cancel_requested_at"] is not None and OrderStatus(row["status"]) not in CLOSED
            require(not wished, f"I12: the cancel of order {row['id']} was forgotten")
            if held is not None and held.is_live:
                terms = (row["quantity"], row["limit_price"])
                real = (held.frame.quantity, held.frame.limit_price)
                require(terms == real, f"I9: order {row['id']} says {terms}, the broker {real}")
        ours = {row["order_ref"] for row in rows if row["status"] in {"WORKING", "PARTIALLY_FILLED"}}
        theirs = {held.frame.order_ref for held in self._broker.orders.values() if held.is_live}
        require(ours == theirs, f"I9: open here {sorted(ours - theirs)}, there {sorted(theirs - ours)}")
        held = Position.objects.values_list("quantity", "ledger_quantity").first() or (ZERO, ZERO)
        require(set(held) == {self._broker.position}, f"I9: {held} held, {self._broker.position} there")
        false = Incident.objects.filter(kind__in=NEVER_TRUE).values_list("kind", "detail").first()
        require(false is None, f"an incident that never was: {false}")
        orphans = Order.objects.exclude(origin="OWN").count()
        require(orphans == 0, f"{orphans} orders of ours were taken for somebody else's")

    def _unprovable_busts(self) -> Counter[int]:
        """Return what is still booked of busts that cancel each other out, by order.

        They leave the position as it was, so nobody can tell them from a list that lost some fills.
        """
        booked = Execution.objects.filter(root__in=self._broker.busted, superseded=False, quantity__gt=0)
        by_order: Counter[int] = Counter()
        if not sum(Side(row.side).sign * row.quantity for row in booked):
            for row in booked:
                by_order[row.order_id] += row.quantity
        return by_order


def not_closed_orders_of_all() -> list[Order]:
    """Return what the gates look at, of the one account there is."""
    first = _FIRST_ORDER.first()
    return not_closed_orders(first.account) if first is not None else []
