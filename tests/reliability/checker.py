"""The history checker: did what the client saw, what was on the wire and what is in the books agree?

Runs after every run that killed, cut or paused something. It knows the promises I1 to I15 of
the specification and nothing of how the product keeps them; its inputs are the client's
history, the tap's frames, the rows as SQL shows them, and the simulator's book.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.reliability.history import History, Outcome, number_of
from tests.reliability.rows import Dump, Row, instant
from tests.reliability.tap import PLACE_ORDER, Frame, Tap, Way

PLACE_ID, TRANSMIT_SLOP_S = 1, 0.25
NEXT_ID = "9"
UNSENT_ENDS = frozenset({"CANCELLED_UNSENT", "EXPIRED_UNSENT", "DENIED"})
CLOSED = UNSENT_ENDS | {"FILLED", "CANCELLED", "REJECTED", "NOT_PLACED"}
OPEN = frozenset({"WORKING", "PARTIALLY_FILLED", "PENDING_CANCEL"})
DOUBT = frozenset({"IN_FLIGHT", "UNKNOWN"})
OUR_PREFIX = "jb:"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise, in words."""

    invariant: str
    what: str


@dataclass
class Evidence:
    """Everything one run left behind."""

    history: History
    tap: Tap
    dump: Dump
    book: Mapping[str, Any]
    now: float
    #: Orders a person must look at are no violation when the run made them unknowable on purpose.
    may_stay_unknown: bool = False
    _orders: dict[str, Row] = field(init=False)

    def __post_init__(self) -> None:
        self._orders = {row["order_ref"]: row for row in self.dump.orders if row["origin"] == "OWN"}

    @property
    def own(self) -> list[Row]:
        return [row for row in self.dump.orders if row["origin"] == "OWN"]

    def order_of(self, ref: str) -> Row | None:
        return self._orders.get(ref)

    def placed(self) -> list[tuple[Frame, str]]:
        """Return each placeOrder frame on the wire with the reference it carries."""
        return [(frame, ref_of(frame)) for frame in self.tap.sent(PLACE_ORDER)]


Check = Callable[[Evidence], Iterator[Violation]]


def check(evidence: Evidence) -> list[Violation]:
    """Return every broken promise; an empty list is the pass."""
    return [violation for one in CHECKS for violation in one(evidence)]


def ref_of(frame: Frame) -> str:
    """Return our reference in a placeOrder frame; empty if there is none."""
    return next((text for text in frame.fields if text.startswith(OUR_PREFIX)), "")


def one_frame_per_order(evidence: Evidence) -> Iterator[Violation]:
    """I1: an order goes over the wire at most once, and the broker has each reference once."""
    frames: dict[str, Counter[str]] = defaultdict(Counter)
    for frame, ref in evidence.placed():
        frames[ref][frame.fields[PLACE_ID]] += 1
    changes = Counter(
        event["order_id"] for event in evidence.dump.events if event["cause"] == "modify_in_flight"
    )
    for ref, by_id in frames.items():
        order = evidence.order_of(ref)
        allowed = 1 + (changes[order["id"]] if order else 0)
        if len(by_id) > 1 or sum(by_id.values()) > allowed:
            yield Violation(
                "I1", f"{ref or 'no reference'}: {dict(by_id)} placeOrder frames, allowed {allowed}"
            )
    held = Counter(
        order["orderRef"] for order in evidence.book["orders"] if order["orderRef"].startswith(OUR_PREFIX)
    )
    for ref, count in held.items():
        if count > 1:
            yield Violation("I1", f"the broker has {ref} {count} times")


def ids_are_unique(evidence: Evidence) -> Iterator[Violation]:
    """I2: no IB order id of one client id belongs to two orders."""
    used = Counter(
        (row["ib_client_id"], row["ib_order_id"]) for row in evidence.own if row["ib_order_id"] is not None
    )
    for pair, count in used.items():
        if count > 1:
            yield Violation("I2", f"IB order id {pair} belongs to {count} orders")


def intent_before_frame(evidence: Evidence) -> Iterator[Violation]:
    """I3: each frame has an IN_FLIGHT event."""
    flights = {
        event["order_id"]: event for event in evidence.dump.events if event["to_status"] == "IN_FLIGHT"
    }
    for _, ref in evidence.placed():
        order = evidence.order_of(ref)
        if order is None:
            yield Violation("I3", f"frame of {ref or 'no reference'} without a row")
        elif order["id"] not in flights:
            yield Violation("I3", f"frame of order {order['id']} without IN_FLIGHT")


def frames_in_time(evidence: Evidence) -> Iterator[Violation]:
    """I4: no order goes over the wire later than 250 ms after its expiry."""
    first: dict[str, Frame] = {}
    for frame, ref in evidence.placed():
        first.setdefault(ref, frame)
    for ref, frame in first.items():
        order = evidence.order_of(ref)
        if order is None or order["expires_at"] is None:
            continue
        late_s = frame.at - instant(order["expires_at"]).timestamp()
        if late_s > TRANSMIT_SLOP_S:
            yield Violation("I4", f"order {order['id']} was written {late_s:.2f} s after its expiry")


def each_fill_once(evidence: Evidence) -> Iterator[Violation]:
    """I5: filled is the sum over executions, at most the quantity, and what the broker filled."""
    filled: Counter[str] = Counter()
    for execution in evidence.book["executions"]:
        filled[execution["order_ref"]] += Decimal(str(execution["shares"]))  # type: ignore[assignment]
    booked: dict[int, Decimal] = defaultdict(Decimal)
    for row in evidence.dump.executions:
        if row["order_id"] is not None and not row["superseded"]:
            booked[row["order_id"]] += Decimal(str(row["quantity"]))
    for order in evidence.own:
        own, broker = booked[order["id"]], Decimal(filled[order["order_ref"]])
        count, quantity = Decimal(str(order["filled_quantity"])), Decimal(str(order["quantity"]))
        if not own == count == broker or count > quantity:
            yield Violation(
                "I5", f"order {order['id']}: row {count}, executions {own}, broker {broker} of {quantity}"
            )


def events_have_no_gap(evidence: Evidence) -> Iterator[Violation]:
    """I7: each order's events count 1, 2, 3 … up to its row, and each begins where the last ended."""
    by_order: dict[int, list[Row]] = defaultdict(list)
    for event in evidence.dump.events:
        by_order[event["order_id"]].append(event)
    for order in evidence.own:
        events = by_order[order["id"]]
        if [event["seq"] for event in events] != list(range(1, order["seq"] + 1)):
            yield Violation("I7", f"order {order['id']}: events {[event['seq'] for event in events]}")
        for before, after in pairwise(events):
            if after["from_status"] != before["to_status"]:
                yield Violation(
                    "I7", f"order {order['id']}: {before['to_status']} then {after['from_status']}"
                )
        if events and events[-1]["to_status"] != order["status"]:
            yield Violation(
                "I7", f"order {order['id']} is {order['status']}, its last event {events[-1]['to_status']}"
            )


def nothing_promised_is_lost(evidence: Evidence) -> Iterator[Violation]:
    """I8: an order the client was given a number of exists."""
    known = {row["id"] for row in evidence.dump.orders}
    for call in evidence.history.of("place"):
        if call.outcome is Outcome.OK and number_of(call) not in known:
            yield Violation("I8", f"order {number_of(call)} was confirmed and is gone")


def books_agree_at_rest(evidence: Evidence) -> Iterator[Violation]:
    """I9: after the run nothing is in doubt, and positions and open orders are the broker's."""
    if not evidence.may_stay_unknown:
        for order in evidence.own:
            if order["status"] in DOUBT:
                yield Violation("I9", f"order {order['id']} is still {order['status']}")
    ours = {row["order_ref"] for row in evidence.own if row["status"] in OPEN}
    theirs = {
        order["orderRef"]
        for order in evidence.book["orders"]
        if order["status"] in ("PreSubmitted", "Submitted") and order["orderRef"].startswith(OUR_PREFIX)
    }
    if ours != theirs:
        yield Violation(
            "I9", f"open: only ours {sorted(ours - theirs)}, only the broker's {sorted(theirs - ours)}"
        )
    held = {
        row["symbol"]: Decimal(str(row["quantity"])) for row in evidence.dump.positions if row["quantity"]
    }
    broker = {
        row["symbol"]: Decimal(str(row["quantity"])) for row in evidence.book["positions"] if row["quantity"]
    }
    if held != broker:
        yield Violation("I9", f"positions: ours {held}, the broker's {broker}")


def not_placed_is_true(evidence: Evidence) -> Iterator[Violation]:
    """An order called NOT_PLACED, expired or denied never was at the broker."""
    at_broker = {order["orderRef"] for order in evidence.book["orders"]}
    for order in evidence.own:
        if order["status"] in UNSENT_ENDS | {"NOT_PLACED"} and order["order_ref"] in at_broker:
            yield Violation("truth", f"order {order['id']} is {order['status']}, and the broker has it")


def one_writer(evidence: Evidence) -> Iterator[Violation]:
    """I10: never two living connections that IB Gateway has let in with the order-entry client id."""
    let_in = {
        frame.connection for frame in evidence.tap.frames if frame.way is Way.IN and frame.number == NEXT_ID
    }
    lives = sorted(
        (one.opened_at, one.closed_at or evidence.now)
        for one in evidence.tap.connections
        if one.number in let_in
    )
    # The tap learns of an end a moment after it: only a longer overlap is two writers.
    for (_, ended), (opened, _) in pairwise(lives):
        if opened < ended - 0.5:
            yield Violation("I10", f"a connection opened {ended - opened:.2f} s before the last one ended")


def one_order_per_key(evidence: Evidence) -> Iterator[Violation]:
    """I11: the same key always answers with the same order."""
    answers: dict[str, set[int]] = defaultdict(set)
    for call in evidence.history.of("place"):
        if call.outcome is Outcome.OK:
            answers[call.arguments["client_order_id"]].add(number_of(call))
    for key, ids in answers.items():
        if len(ids) > 1:
            yield Violation("I11", f"key {key} named the orders {sorted(ids)}")


def cancelled_unsent_never_sent(evidence: Evidence) -> Iterator[Violation]:
    """I12: what was cancelled before it was sent is not on the wire."""
    sent = {ref for _, ref in evidence.placed()}
    for order in evidence.own:
        if order["status"] == "CANCELLED_UNSENT" and order["order_ref"] in sent:
            yield Violation("I12", f"order {order['id']} was cancelled unsent and sent")


CHECKS: Sequence[Check] = (
    one_frame_per_order,
    ids_are_unique,
    intent_before_frame,
    frames_in_time,
    each_fill_once,
    events_have_no_gap,
    nothing_promised_is_lost,
    books_agree_at_rest,
    not_placed_is_true,
    one_writer,
    one_order_per_key,
    cancelled_unsent_never_sent,
)
